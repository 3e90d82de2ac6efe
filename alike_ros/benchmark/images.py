"""Images to measure with: a synthetic texture of any size, or a file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import ConfigError
from alike_ros.image import prepare
from alike_ros.image_decode import read_image
from alike_ros.structures import ImageArray

DEFAULT_SIZE = (640, 480)  # width, height in px
BATCH_STEP_PX = 16  # images of a batch are the first one, moved by this


def texture(size: tuple[int, int], seed: int = 0) -> ImageArray:
    """Return an image (H, W, 3) uint8 RGB of polygons on cloudy ground, of size (width, height).

    It has corners at every scale, about 1000 keypoints of ALIKE at 640 x 480.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    ground = rng.integers(0, 256, (height // 24 + 2, width // 24 + 2, 3), np.uint8)
    image = cv2.resize(ground, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(max(1, width * height // 350)):
        centre = rng.uniform((0, 0), size)
        reach_px = 4 + 24 * rng.random() ** 2
        corners = centre + rng.normal(size=(rng.integers(3, 6), 2)) * reach_px
        hull = cv2.convexHull(corners.astype(np.int32))
        colour = [float(value) for value in rng.integers(0, 256, 3)]
        cv2.fillConvexPoly(image, hull, colour, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 0.7).astype(np.uint8, copy=False)


def image_of(path: Path | None, size: tuple[int, int] | None) -> ImageArray:
    """Return the image (H, W, 3) of a file, or a texture; at its own size when none is given.

    Raises:
        ImageError: the file cannot be read.
    """
    if path is None:
        return texture(size or DEFAULT_SIZE)
    image = prepare(read_image(path)).pixels
    if size is None:
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def batch_of(image: ImageArray, count: int) -> ImageArray:
    """Return images (count, H, W, 3), each the one before moved to the right."""
    return np.stack([np.roll(image, BATCH_STEP_PX * i, axis=1) for i in range(count)])


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) px of a text such as 640x480.

    Raises:
        ConfigError: not such a text.
    """
    width, separator, height = text.partition('x')
    if not (separator and width.isdecimal() and height.isdecimal() and int(width) * int(height)):
        raise ConfigError(f'expected a size such as 640x480, got {text!r}')
    return int(width), int(height)
