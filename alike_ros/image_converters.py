"""Who turns 16-bit, alpha, Bayer and packed YUV images into 8 bits: cv_bridge, else rosbags-image.

The one place that decides it. Both take the same dense image and must answer alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from alike_ros.errors import ImageError


@dataclass(frozen=True)
class DenseImage:
    """The fields of sensor_msgs/Image that a converter reads; rows without padding, native order.

    data: 1-D uint8.
    """

    height: int
    width: int
    encoding: str
    step: int
    data: np.ndarray
    is_bigendian: int = int(sys.byteorder == 'big')


Converter = Callable[[DenseImage, str], np.ndarray]


@cache
def converters() -> dict[str, Converter]:
    """Every converter that imports here, by name; the first is the one in use."""
    found: dict[str, Converter] = {}
    for name, load in (('cv_bridge', _cv_bridge), ('rosbags-image', _rosbags_image)):
        try:
            found[name] = load()
        except Exception:  # a cv_bridge built for another NumPy fails in many ways
            continue
    return found


def convert(image: np.ndarray, encoding: str) -> np.ndarray:
    """Turn an image of any of the converters' encodings into 8-bit RGB, or grey from mono.

    16-bit values are scaled by their full range: 65535 becomes 255. What one converter refuses
    goes to the next: not every cv_bridge knows every encoding.

    Raises:
        ImageError: nothing can convert here, or all refused the image.
    """
    target = 'mono8' if encoding.startswith('mono') else 'rgb8'
    dense = _dense(image, encoding)
    reasons = []
    for name, converter in converters().items():
        try:
            return np.ascontiguousarray(converter(dense, target))
        except Exception as error:  # foreign code: each raises kinds of its own
            reasons.append(f'{name}: {error}')
    raise ImageError(
        f'cannot convert {dense.width}x{dense.height} {encoding} to {target}: '
        + (
            '; '.join(reasons)
            or 'neither cv_bridge nor rosbags-image imports; run: pip install rosbags-image'
        )
    )


def _dense(image: np.ndarray, encoding: str) -> DenseImage:
    pixels = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    data = pixels.reshape(-1).view(np.uint8)
    return DenseImage(height, width, encoding, pixels.nbytes // height, data)


def _cv_bridge() -> Converter:
    from cv_bridge import CvBridge
    from cv_bridge.boost import cv_bridge_boost  # noqa: F401  (imported late by cv_bridge itself)

    bridge = CvBridge()
    return lambda image, target: bridge.imgmsg_to_cv2(image, target)


def _rosbags_image() -> Converter:
    from rosbags.image import image_to_cvimage

    return lambda image, target: image_to_cvimage(image, target)  # type: ignore[arg-type]
