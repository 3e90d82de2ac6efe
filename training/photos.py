"""A folder of photos in memory, each with its reductions by 2, 4, 8."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import DatasetError
from alike_ros.structures import FloatArray, ImageArray

LEVELS = 4
SIDE_MAX = 1280  # px
SUFFIXES = {'.jpg', '.jpeg', '.png', '.webp', '.ppm', '.bmp', '.tif', '.tiff'}


@dataclass(frozen=True)
class Photo:
    """levels: (H/2^k, W/2^k, 3) uint8 RGB for k = 0, 1, ...; exact halves, area-averaged.

    detail: (H/8, W/8) float32, how much there is to see in each block of 8 x 8 px.
    """

    name: str
    levels: list[ImageArray]
    detail: FloatArray

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) px of level 0."""
        height, width = self.levels[0].shape[:2]
        return width, height


@dataclass(frozen=True)
class Photos:
    """Photos to train on and photos that are held out."""

    training: list[Photo]
    held_out: list[Photo]


def read_photos(folder: Path, held_out: float) -> Photos:
    """Read every photo below a folder; which are held out follows from their names alone.

    Raises:
        DatasetError: too few photos.
    """
    paths = [path for path in sorted(folder.rglob('*')) if path.suffix.lower() in SUFFIXES]
    photos = [read_photo(path) for path in paths]
    kept = [photo for photo in photos if not _is_held_out(photo.name, held_out)]
    others = [photo for photo in photos if _is_held_out(photo.name, held_out)]
    if not kept:
        raise DatasetError(
            f'{folder} has {len(photos)} photos ({", ".join(sorted(SUFFIXES))}), expected one or '
            'more besides those held out; docs/training.md says where to get some'
        )
    return Photos(kept, others or kept[:1])


def read_photo(path: Path) -> Photo:
    """Read one photo, shrunk to SIDE_MAX and cropped to a multiple of the coarsest level.

    Raises:
        DatasetError: it cannot be decoded or is too small.
    """
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f'{path} is no image that OpenCV can read; remove or convert it')
    shrink = SIDE_MAX / max(image.shape[:2])
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    multiple = 1 << (LEVELS - 1)
    height, width = (length // multiple * multiple for length in image.shape[:2])
    if min(height, width) < 64:
        raise DatasetError(f'{path} has {width} x {height} px, expected at least 64; remove it')
    levels = [np.ascontiguousarray(image[:height, :width, ::-1], np.uint8)]
    for _ in range(LEVELS - 1):
        half = levels[-1].shape[1] // 2, levels[-1].shape[0] // 2
        smaller = cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller, np.uint8))
    return Photo(path.name, levels, _detail(levels[1]))


def _detail(half: ImageArray) -> FloatArray:
    """Return the mean absolute Laplacian of a photo at half its size, by blocks of 4 x 4."""
    curvature = abs(cv2.Laplacian(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    size = half.shape[1] // 4, half.shape[0] // 4
    return np.asarray(cv2.resize(curvature, size, interpolation=cv2.INTER_AREA), np.float32)


def _is_held_out(name: str, share: float) -> bool:
    return zlib.crc32(name.encode()) % 1000 < 1000 * share
