"""Random homographies between two views of a photo, and the views without aliasing.

Pixel centres are at integers, as everywhere. Homographies act on column vectors (x, y, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import ImageArray
from training.photos import LEVELS, Photo

Array = NDArray[np.float64]
FOCAL = 1.3  # of the imagined camera, in sides of a view
PLACES = 3


@dataclass(frozen=True)
class Motion:
    """Limits of a pair's homography: degrees, factor, degrees, share of a side."""

    rotation: float
    scale: float
    tilt: float
    shift: float


CALM = Motion(rotation=12.0, scale=1.25, tilt=12.0, shift=0.1)


def random_homography(rng: np.random.Generator, side: int, motion: Motion) -> Array:
    """Return (3, 3) from view a to view b, square views of `side` px.

    A camera that looked straight at a plane tilts in any direction, turns, comes closer or goes
    away, and shifts.
    """
    centre = (side - 1) / 2
    tilt = math.radians(motion.tilt * rng.uniform(0, 1))
    axis = rng.uniform(0, 2 * math.pi)
    turn = math.radians(motion.rotation * rng.uniform(-1, 1))
    zoom = motion.scale ** rng.uniform(-1, 1)
    shift = motion.shift * side * rng.uniform(-1, 1, 2)
    return (
        translation(*(centre + shift))
        @ rotation(turn)
        @ np.diag([zoom, zoom, 1.0])
        @ _tilted(tilt, axis, FOCAL * side)
        @ translation(-centre, -centre)
    )


def random_view(rng: np.random.Generator, photo: Photo, side: int, zoom: float) -> Array:
    """Return (3, 3) from a photo to an upright view at `zoom` view px per photo px.

    Of some places that are drawn it shows the one with most detail.
    """
    width, height = photo.size
    zoom = max(zoom, side / min(width, height))
    extent = side / zoom
    free = np.maximum(np.array([width, height]) - extent, 0)
    places = rng.uniform(0, 1, (PLACES, 2)) * free
    x, y = max(places, key=lambda place: _detail_at(photo, place, extent))
    return np.diag([zoom, zoom, 1.0]) @ translation(-x, -y)


def render(photo: Photo, view: Array, side: int) -> ImageArray:
    """Return a view (side, side, 3) of a photo; `view` is (3, 3) from photo to view.

    Taken from the reduction whose pixels are no smaller than the view's, so nothing aliases.
    Outside the photo its mirror image is seen.
    """
    level = int(np.clip(math.ceil(-math.log2(_least_scale(view, side)) - 0.3), 0, LEVELS - 1))
    matrix = view @ _from_level(level)
    image = cv2.warpPerspective(
        photo.levels[level],
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(image, np.uint8)


def visible(photo: Photo, view: Array, side: int) -> NDArray[np.bool_]:
    """Return the mask (side, side) of a view's pixels that lie on the photo."""
    width, height = photo.size
    inside = np.full((height >> 3, width >> 3), 255, np.uint8)
    mask = cv2.warpPerspective(inside, view @ _from_level(3), (side, side))
    return np.asarray(mask) > 254


def translation(x: float, y: float) -> Array:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def inverse(homography: Array) -> Array:
    return np.asarray(np.linalg.inv(homography), np.float64)


def rotation(angle: float) -> Array:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def project(homography: Array, points: Array) -> Array:
    """Return points (N, 2) taken through a homography."""
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:], np.float64)


def scale_at(homography: Array, points: Array) -> Array:
    """Return the linear enlargement (N,) by a homography at points (N, 2)."""
    depths = points @ homography[2, :2] + homography[2, 2]
    return np.asarray(np.sqrt(abs(np.linalg.det(homography)) / abs(depths) ** 3))


def _detail_at(photo: Photo, place: Array, extent: float) -> float:
    """Return the mean detail of the square of a photo, `extent` px wide, at its corner (2,)."""
    left, top = (place / 8).astype(int)
    length = max(int(extent / 8), 1)
    return float(photo.detail[top : top + length, left : left + length].mean())


def _tilted(tilt: float, axis: float, focal: float) -> Array:
    """Return what tilting a plane at distance `focal`, about its centre, does to the view."""
    c, s = math.cos(tilt), math.sin(tilt)
    plane = np.array([[1.0, 0.0, 0.0], [0.0, c, 0.0], [0.0, s / focal, 1.0]])
    return rotation(axis) @ plane @ rotation(-axis)


def _from_level(level: int) -> Array:
    """Return (3, 3) from pixels of a reduction to pixels of the photo."""
    factor = float(1 << level)
    return translation(-0.5, -0.5) @ np.diag([factor, factor, 1.0]) @ translation(0.5, 0.5)


def _least_scale(view: Array, side: int) -> float:
    """Return the least view px per photo px at the centre and half way to the corners."""
    near, far = 0.25 * side, 0.75 * side
    spots = np.array([[near, near], [near, far], [far, near], [far, far], [side / 2, side / 2]])
    return float(scale_at(view, project(inverse(view), spots)).min())
