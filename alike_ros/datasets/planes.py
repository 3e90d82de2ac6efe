"""Textured rectangles in space, a pinhole camera that looks at them, and ray casting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import ImageArray

Array = NDArray[np.float64]

LEVELS = 5
NEAR_M = 0.05
CHUNK = 4096  # points cast at a time


@dataclass(frozen=True)
class Plane:
    """A textured rectangle, seen from one side only.

    origin: (3,) m in the world, the top left corner.
    right, down: (3,) m, the edges from there; perpendicular, full length.
    texture: (H, W, 3) uint8 RGB; H - 1 and W - 1 are multiples of 2 ** LEVELS.
    object_centre: (3,) m, orders what is drawn over what; None is background.
    """

    origin: Array
    right: Array
    down: Array
    texture: ImageArray
    object_centre: Array | None = None

    @cached_property
    def pyramid(self) -> list[ImageArray]:
        """The texture at each level; texel i of level k is texel i * 2**k of the texture."""
        levels = [self.texture]
        for _ in range(LEVELS):
            levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
        return levels

    @property
    def away(self) -> Array:
        """(3,) normal that points away from the viewer."""
        return np.cross(self.right, self.down)

    @property
    def corners(self) -> Array:
        """(4, 3) m, clockwise as seen, from the top left."""
        across = self.origin + self.right
        return np.array([self.origin, across, across + self.down, self.origin + self.down])

    def faces(self, position: Array) -> bool:
        return bool(self.away @ (self.origin - position) > 0)


@dataclass(frozen=True)
class View:
    """A pinhole camera without distortion at a place.

    matrix: (3, 3) px. size: (W, H) px. pose: (4, 4) T_world_camera of the optical frame.
    """

    matrix: Array
    size: tuple[int, int]
    pose: Array

    @property
    def position(self) -> Array:
        return self.pose[:3, 3]

    def rays(self, points: Array) -> Array:
        """Directions (N, 3) in the world whose component along the optical axis is 1."""
        homogeneous = np.column_stack([points, np.ones(len(points))])
        directions: Array = homogeneous @ np.linalg.inv(self.matrix).T @ self.pose[:3, :3].T
        return directions

    def project(self, world: Array) -> tuple[Array, Array]:
        """Pixels (N, 2) and depths (N,) m; pixels are NaN where the depth is not positive."""
        local = (world - self.position) @ self.pose[:3, :3]
        depths = local[:, 2]
        scaled = local @ self.matrix.T
        with np.errstate(divide='ignore', invalid='ignore'):
            pixels = np.where(depths[:, None] > 0, scaled[:, :2] / depths[:, None], np.nan)
        return pixels, depths

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Whether points (N, 2) lie on the image's pixels; NaN does not."""
        limits = np.array(self.size) - 0.5
        return np.asarray(((points >= -0.5) & (points <= limits)).all(axis=1))


def cast(planes: Sequence[Plane], view: View, points: Array) -> tuple[NDArray[np.intp], Array]:
    """Find the first plane behind each pixel (N, 2): its index (-1 none) and depth (N,) m.

    NaN points hit nothing.
    """
    facing = [k for k, plane in enumerate(planes) if plane.faces(view.position)]
    index, nearest = np.full(len(points), -1, np.intp), np.full(len(points), np.nan)
    for start in range(0, len(points) if facing else 0, CHUNK):
        part = slice(start, start + CHUNK)
        depths = _depths([planes[k] for k in facing], view, points[part])
        first = depths.argmin(axis=1)
        closest = depths[np.arange(len(depths)), first]
        hit = np.isfinite(closest)
        index[part] = np.where(hit, np.array(facing)[first], -1)
        nearest[part] = np.where(hit, closest, np.nan)
    return index, nearest


def _depths(planes: Sequence[Plane], view: View, points: Array) -> Array:
    """Depths (N, P) m of each plane on the ray of each point; infinite where it is not there."""
    away = np.array([plane.away for plane in planes])
    right = np.array([plane.right / (plane.right @ plane.right) for plane in planes])
    down = np.array([plane.down / (plane.down @ plane.down) for plane in planes])
    offsets = view.position - np.array([plane.origin for plane in planes])
    rays = view.rays(points)
    with np.errstate(divide='ignore', invalid='ignore'):
        depths = -(offsets * away).sum(axis=1) / (rays @ away.T)  # (N, P)
        s = (offsets * right).sum(axis=1) + depths * (rays @ right.T)
        t = (offsets * down).sum(axis=1) + depths * (rays @ down.T)
        hit = (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1) & (depths > NEAR_M)
    return np.where(hit, depths, np.inf)
