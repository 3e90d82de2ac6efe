"""An image as the network takes it, and the one map of keypoints back to the image given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from alike_ros.errors import ImageError
from alike_ros.image_size import MAX_SIDE
from alike_ros.stages import stage
from alike_ros.structures import Features, FloatArray, ImageArray

MAX_NETWORK_PIXELS = 34_000_000  # 8K UHD is a little less; alike-t then takes 2 GB
LEAST_SIDE = 5  # px; a keypoint is a maximum among 5 x 5
CLAHE_TILES = (8, 8)  # columns and rows


@dataclass(frozen=True)
class Prepared:
    """pixels: (h, w, 3) uint8 RGB, contiguous; source_size: (width, height) of the image given."""

    pixels: ImageArray
    source_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of `pixels`."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to detect: one value, or smaller than what a keypoint needs."""
        if min(self.size) < LEAST_SIDE:
            return True
        flat = self.pixels.reshape(-1)
        return bool(flat[0] == flat[-1] and flat.min() == flat.max())


@stage('prepare')
def prepare(image: np.ndarray, image_size_max: int = 0, clahe_clip_limit: float = 0.0) -> Prepared:
    """Bring an image into the form that a backend takes.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W) or (H, W, 1) uint8 grey; any strides.
        image_size_max: px; a longer side is shrunk to it, 0 for never.
        clahe_clip_limit: of the contrast that is raised after that, 0 for none.

    Raises:
        ImageError: another shape or type, no pixels, or too many.
    """
    pixels = _as_rgb(image)
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if 0 < image_size_max < longest:
        scale = image_size_max / longest
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = _uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    _check_for_network(*pixels.shape[1::-1])
    if clahe_clip_limit > 0:
        pixels = _with_contrast(pixels, clahe_clip_limit)
    return Prepared(pixels, (width, height))


def to_source(features: Features, prepared: Prepared) -> Features:
    """Map keypoints and sigmas from pixels of `prepared` to pixels of the image given.

    Resizing keeps the outer edges of the corner pixels in place, so pixel centres move by half
    a pixel before and after scaling.
    """
    width, height = prepared.source_size
    if features.image_size == (width, height):
        return features
    scale = np.array([width / features.image_size[0], height / features.image_size[1]], np.float32)
    return replace(
        features,
        keypoints=(features.keypoints + np.float32(0.5)) * scale - np.float32(0.5),
        sigmas=features.sigmas * np.float32(scale.mean()),
        image_size=(width, height),
    )


def from_source(points: FloatArray, prepared: Prepared) -> FloatArray:
    """Map points (N, 2) px of the image given to pixels of `prepared`."""
    if prepared.size == prepared.source_size:
        return points
    (width, height), (source_width, source_height) = prepared.size, prepared.source_size
    scale = np.array([width / source_width, height / source_height], np.float32)
    return (points + np.float32(0.5)) * scale - np.float32(0.5)


def _as_rgb(image: np.ndarray) -> ImageArray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, 'dtype', type(image).__name__)
        raise ImageError(f'expected an image of uint8, got {kind}. Scale it to 0..255 first')
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ImageError(
            f'expected an image of shape (H, W), (H, W, 1) or (H, W, 3), got {image.shape}. '
            'Drop an alpha channel; convert other encodings to RGB'
        )
    if image.size == 0:
        raise ImageError(f'expected an image with pixels, got shape {image.shape}')
    if image.ndim == 2:
        return _uint8(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_GRAY2RGB))
    return np.ascontiguousarray(image)


def _check_for_network(width: int, height: int) -> None:
    if width * height > MAX_NETWORK_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageError(
            f'expected at most {MAX_NETWORK_PIXELS} pixels and {MAX_SIDE} px a side '
            f'for the network, got {width} x {height}; set image_size_max, such as to 2048'
        )


def _with_contrast(pixels: ImageArray, clip_limit: float) -> ImageArray:
    """Equalise the luminance (Zuiderveld 1994, CLAHE); a blank image stays blank."""
    luminance = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    luminance[:, :, 0] = cv2.createCLAHE(clip_limit, CLAHE_TILES).apply(luminance[:, :, 0])
    return _uint8(cv2.cvtColor(luminance, cv2.COLOR_YCrCb2RGB))


def _uint8(array: np.ndarray) -> ImageArray:
    return array.astype(np.uint8, copy=False)
