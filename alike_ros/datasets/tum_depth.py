"""Depth images beside colour ones, and the transfer of points that they make possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.depth import SAME_DEPTH, depth_in_metres, sample_depth
from alike_ros.errors import ImageError
from alike_ros.image_decode import decode_pixels

Array = NDArray[np.float64]

UNITS_PER_M = 5000.0
MAX_DIFFERENCE_NS = 20_000_000


class DepthFiles:
    """16-bit depth images, registered to the colour image, 5000 units a metre, 0 not known."""

    def __init__(self, paths: Sequence[Path], stamps_ns: Sequence[int]) -> None:
        order = np.argsort(stamps_ns)
        self.paths = [paths[k] for k in order]
        self.stamps_ns = np.array(stamps_ns, np.int64)[order]

    def at(self, stamp_ns: int) -> NDArray[np.float32] | None:
        """(H, W) m, NaN unknown, of the image nearest in time; None when there is none."""
        nearest = int(np.argmin(np.abs(self.stamps_ns - stamp_ns)))
        if abs(int(self.stamps_ns[nearest]) - stamp_ns) > MAX_DIFFERENCE_NS:
            return None
        return read_depth(self.paths[nearest])


@lru_cache(maxsize=4)
def read_depth(path: Path) -> NDArray[np.float32]:
    """(H, W) m, NaN unknown; ImageError when it is no 16-bit image."""
    try:
        image = decode_pixels(path.read_bytes())
    except ImageError as error:
        raise ImageError(f'{path}: {error}; copy it again') from error
    if image.dtype != np.uint16 or image.ndim != 2:
        raise ImageError(f'{path}: expected a 16-bit depth image; copy it again')
    return depth_in_metres(image, UNITS_PER_M)


@dataclass(frozen=True)
class DepthTruth:
    """Poses of an RGB-D sequence, and transfers from its depth images.

    Good to a few pixels: the sensor's depth and the association in time are no better.
    """

    poses: Sequence[Array | None]
    camera: Camera
    depths: DepthFiles
    stamps_ns: Sequence[int]

    def pose(self, index: int) -> Array | None:
        return self.poses[index]

    def transfer(self, points: NDArray[np.floating], index_a: int, index_b: int) -> Array:
        """(N, 2) px in frame b; NaN where depth is not known, hidden or outside."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        unknown = np.full(points.shape, np.nan)
        pose_a, pose_b = self.poses[index_a], self.poses[index_b]
        depth_a = self.depths.at(self.stamps_ns[index_a])
        depth_b = self.depths.at(self.stamps_ns[index_b])
        if pose_a is None or pose_b is None or depth_a is None:
            return unknown
        rays = np.column_stack([self.camera.normalise(points), np.ones(len(points))])
        local = rays * sample_depth(depth_a, points)[:, None]
        moved = local @ pose_a[:3, :3].T + pose_a[:3, 3] - pose_b[:3, 3]
        seen_by_b = moved @ pose_b[:3, :3]
        front = seen_by_b[:, 2] > 0.05
        pixels = unknown
        pixels[front] = self.camera.project(seen_by_b[front])
        limits = np.array(self.camera.image_size) - 0.5
        visible = np.asarray(((pixels >= -0.5) & (pixels <= limits)).all(axis=1))
        if depth_b is not None:
            measured = sample_depth(depth_b, pixels)
            visible = visible & ~(seen_by_b[:, 2] > measured * (1 + SAME_DEPTH))
        return np.where(visible[:, None], pixels, np.nan)
