"""Depths at keypoints, from depth images that are registered to the colour image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import ImageError
from alike_ros.structures import FloatArray

Array = NDArray[np.float64]

MM_PER_M = 1000.0
SAME_DEPTH = 0.05  # relative; pixels of one surface differ by less
_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


def depth_in_metres(image: np.ndarray, units_per_m: float = MM_PER_M) -> FloatArray:
    """Return the depth (H, W) m of a depth image, NaN where it is not known (REP 118).

    image: (H, W) uint16 in mm, or in what `units_per_m` says, 0 unknown; or (H, W) float32 m,
        NaN, infinity and what is not above 0 unknown.

    Raises:
        ImageError: another shape or type.
    """
    if image.ndim != 2 or image.dtype.newbyteorder('=') not in (np.uint16, np.float32):
        raise ImageError(
            f'expected a depth image (H, W), 16UC1 in mm or 32FC1 in m, got {image.shape} of '
            f'{image.dtype}; subscribe to the depth image, not to its visualisation'
        )
    depth = image.astype(np.float32)
    if image.dtype.kind == 'u':
        depth /= np.float32(units_per_m)
    depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    return depth


def depth_at(
    depth: FloatArray,
    points: np.ndarray,
    image_size: tuple[int, int],
    min_depth: float = 0.0,
    max_depth: float = np.inf,
) -> FloatArray:
    """Return the depth (N,) m at points; NaN where unknown or not in [min_depth, max_depth].

    On one surface it is interpolated. Across an edge or beside a hole it is that of the nearest
    of the four pixels around that has one: nothing is averaged between two surfaces.

    depth: (H, W) m, of the image's size or a whole multiple or part of it.
    points: (N, 2) px of the image, whose size is (width, height).

    Raises:
        ImageError: the sizes do not go together.
    """
    local = (np.asarray(points, np.float64) + 0.5) * depth_scale(depth, image_size) - 0.5
    known = np.where((depth >= min_depth) & (depth <= max_depth), depth, np.float32(np.nan))
    smooth = sample_depth(known, local)
    return np.where(np.isnan(smooth), _nearest(known, local), smooth).astype(np.float32)


def depth_scale(depth: FloatArray, image_size: tuple[int, int]) -> float:
    """Return pixels of a depth image (H, W) for one of the image: a whole number, or one over it.

    Raises:
        ImageError: the sizes do not go together.
    """
    (height, width), (image_width, image_height) = depth.shape, image_size
    whole = width and height and (width % image_width == 0 or image_width % width == 0)
    if whole and width * image_height == height * image_width:
        return width / image_width
    raise ImageError(
        f'expected a depth image of the size of the image, {image_width} x {image_height}, or '
        f'a whole multiple or part of it, got {width} x {height}; register depth to colour'
    )


def sample_depth(depth: FloatArray, points: Array) -> Array:
    """Depths (N,) m between pixels; NaN outside, beside a hole, or across an edge of depth."""
    four, weights = _around(depth, points)
    flat = four.max(axis=0) - four.min(axis=0) <= SAME_DEPTH * four.min(axis=0)
    return np.where(flat, (weights * four).sum(axis=0), np.nan)


def _nearest(depth: FloatArray, points: Array) -> Array:
    """Return the depth (N,) of the nearest of the four pixels around that has one, else NaN."""
    four, weights = _around(depth, points)
    usable = np.where(np.isfinite(four), weights, -1)
    return four[usable.argmax(axis=0), np.arange(len(points))]


def _around(depth: FloatArray, points: Array) -> tuple[FloatArray, Array]:
    """Return depths and weights (4, N) of the pixels around; NaN depths outside of the image."""
    height, width = depth.shape
    known: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
    points = np.where(known[:, None], points, -2)
    corner = np.floor(points)
    x, y = (corner.astype(np.intp) + _CORNERS[:, None]).transpose(2, 0, 1)  # (4, N)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    four = depth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    part = points - corner
    sides = np.where(_CORNERS[:, None], part, 1 - part)  # (4, N, 2)
    return np.where(inside, four, np.float32(np.nan)), sides.prod(axis=2)
