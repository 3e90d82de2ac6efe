"""What tracks looked like when they began, laid on the image under an affine map.

Optical flow from image to image forgets: small errors add up, and a point beside an edge of depth
slides along it. The patch of the first image does not. Sources: Shi and Tomasi, "Good features
to track", CVPR 1994, section 4 (affine monitoring); Baker and Matthews, "Lucas-Kanade 20 years
on", IJCV 2004, section 3.2 (inverse compositional steps).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, ImageArray
from alike_ros.tracking.table import Table

REACH = 7  # px from the point to the border of its patch
SPREAD = 4.0  # px, standard deviation of the weights
STEPS = 2
LEAST_CONTRAST = 1.0  # grey values; flatter patches are noise
LEAST_LIKENESS = 0.45  # correlation
MAX_CORRECTION = 1.5  # px
FRESH_DIFFERENCE = 0.02  # 1 - correlation that is assumed of a patch that was only cut so far
# Of squared errors in the rendered room, by what variances and likeness let expect.
ERROR, ERROR_SQUARED, LEAST_DIFFERENCE = 0.017, 0.05, 0.005
# How sure each number of the map is beforehand; steps are shorter where the patch says little.
SHAPE_PRIOR, PLACE_PRIOR = 2.0, 0.03
_PRIOR = np.array([SHAPE_PRIOR] * 4 + [PLACE_PRIOR] * 2, np.float32)

_Y, _X = (axis.ravel() for axis in np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1])
_USED = np.flatnonzero((_X + _Y) % 2 == 0)  # every other pixel, as on a chessboard
_SQUARE = np.stack([_X, _Y, np.ones_like(_X)]).astype(np.float32)  # (3, all)
_GRID = np.ascontiguousarray(_SQUARE[:, _USED])  # (3, K)
_WEIGHTS = np.exp(-(_GRID[0] ** 2 + _GRID[1] ** 2) / (2 * SPREAD**2))
_WEIGHTS /= _WEIGHTS.sum()


@dataclass(frozen=True)
class Patches(Table):
    """Row i of every array is one track.

    values: (N, K) grey values of the first image, weighted mean 0 and deviation 1.
    solvers: (N, 6, K), from a difference of values to a step of the affine map.
    shapes: (N, 2, 2), from offsets in the first image to offsets in the last.
    variances: (N,) px² of the place along an axis, for differences of variance 1.
    """

    values: FloatArray
    solvers: FloatArray
    shapes: FloatArray
    variances: FloatArray


@dataclass(frozen=True)
class Laid:
    """Where patches lie in an image; row i of every array is one track.

    points: (N, 2) px. shapes: (N, 2, 2). likeness: (N,) correlation of patch and image, in
    [-1, 1]. fits: (N,), whether the patch is there.
    """

    points: FloatArray
    shapes: FloatArray
    likeness: FloatArray
    fits: NDArray[np.bool_]

    def or_else(self, other: Laid) -> Laid:
        """Return these, and the others where these do not fit."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Laid(*(np.where(_as_deep(self.fits, mine), mine, its) for mine, its in pairs))


def cut(image: ImageArray, points: FloatArray) -> Patches:
    """Take the patches around points (N, 2) px of a grey image."""
    shapes = np.tile(np.eye(2, dtype=np.float32), (len(points), 1, 1))
    square = _sampled(image, points, shapes, _SQUARE)
    values, deviations = _normalised(square[:, _USED])
    slopes = _slopes(square) / deviations[:, None]  # (N, 6, K)
    weighted = slopes * _WEIGHTS
    normal = np.matmul(weighted, slopes.transpose(0, 2, 1))
    inverse = np.linalg.inv(normal + np.diag(_PRIOR))
    solvers = np.matmul(inverse, weighted)
    bare = np.linalg.inv(normal + np.float32(1e-5) * np.eye(6, dtype=np.float32))
    variances = (bare[:, 4, 4] + bare[:, 5, 5]) / np.float32(2)
    return Patches(values, solvers, shapes, variances.astype(np.float32))


def lay(image: ImageArray, patches: Patches, places: FloatArray) -> Laid:
    """Lay patches on a grey image, beginning at places (N, 2) px; NaN fits nowhere."""
    rows = np.flatnonzero(np.isfinite(places[:, 0]))
    count = len(places)
    points, shapes = places.copy(), patches.shapes.copy()
    likeness, fits = np.full(count, -1, np.float32), np.zeros(count, bool)
    points[rows], shapes[rows] = _aligned(image, patches.take(rows), places[rows])
    values, _ = _normalised(_sampled(image, points[rows], shapes[rows]))
    likeness[rows] = (values * patches.values[rows]) @ _WEIGHTS
    far = np.linalg.norm(points - places, axis=1) > MAX_CORRECTION
    fits[rows] = (likeness[rows] >= LEAST_LIKENESS) & ~far[rows]
    return Laid(points, np.where(_as_deep(fits, shapes), shapes, patches.shapes), likeness, fits)


def sigmas(patches: Patches, laid: Laid | None = None) -> FloatArray:
    """Return the standard deviation (N,) px, along an axis, of where patches are laid, or cut."""
    shapes = patches.shapes if laid is None else laid.shapes
    unlike = np.float32(FRESH_DIFFERENCE) if laid is None else 1 - laid.likeness
    doubt = patches.variances * np.maximum(unlike, np.float32(LEAST_DIFFERENCE))
    variances = ERROR * doubt + ERROR_SQUARED * np.square(doubt)
    return np.sqrt(variances * np.abs(_determinants(shapes))).astype(np.float32)


def _aligned(
    image: ImageArray, patches: Patches, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    shapes = patches.shapes
    for _ in range(STEPS):
        values, _ = _normalised(_sampled(image, points, shapes))
        step = np.matmul(patches.solvers, (values - patches.values)[:, :, None])[:, :, 0]
        points, shapes = _stepped(points, shapes, step)
    return points, shapes


def _stepped(
    points: FloatArray, shapes: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Compose the affine maps with the inverse of a step (N, 6)."""
    change = np.eye(2, dtype=np.float32) + step[:, :4].reshape(-1, 2, 2)
    determinants = _determinants(change)
    safe = np.where(np.abs(determinants) > 0.1, determinants, 1)
    adjugate = np.stack([change[:, 1, 1], -change[:, 0, 1], -change[:, 1, 0], change[:, 0, 0]], 1)
    shapes = np.matmul(shapes, adjugate.reshape(-1, 2, 2) / safe[:, None, None])
    return points - np.einsum('nij,nj->ni', shapes, step[:, 4:]), shapes


def _determinants(matrices: FloatArray) -> FloatArray:
    """Return those of (N, 2, 2), faster than numpy.linalg does."""
    return matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]


def _sampled(
    image: ImageArray, points: FloatArray, shapes: FloatArray, grid: FloatArray = _GRID
) -> FloatArray:
    """Return the grey values (N, K) under the pixels of a grid (3, K) around points."""
    if not len(points):
        return np.zeros((0, grid.shape[1]), np.float32)
    x = np.concatenate([shapes[:, 0], points[:, :1]], axis=1) @ grid
    y = np.concatenate([shapes[:, 1], points[:, 1:]], axis=1) @ grid
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.astype(np.float32, copy=False)


def _normalised(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return values (N, K) of mean 0 and deviation 1, and the deviations (N, 1) they had."""
    values = values - (values @ _WEIGHTS)[:, None]
    deviations = np.sqrt(np.square(values) @ _WEIGHTS)[:, None]
    deviations = np.maximum(deviations, LEAST_CONTRAST)
    values /= deviations
    return values, deviations


def _slopes(square: FloatArray) -> FloatArray:
    """Return how values change with the six numbers of the affine map, (N, 6, K)."""
    side = 2 * REACH + 1
    rows = square.reshape(-1, side, side)
    across, down = np.zeros_like(rows), np.zeros_like(rows)
    across[:, :, 1:-1] = (rows[:, :, 2:] - rows[:, :, :-2]) / 2
    down[:, 1:-1] = (rows[:, 2:] - rows[:, :-2]) / 2
    gx, gy = (each.reshape(square.shape)[:, _USED] for each in (across, down))
    x, y, _ = _GRID
    return np.stack([gx * x, gx * y, gy * x, gy * y, gx, gy], axis=1)


def _as_deep(mask: NDArray[np.bool_], other: NDArray[np.generic]) -> NDArray[np.bool_]:
    return mask.reshape(-1, *[1] * (other.ndim - 1))
