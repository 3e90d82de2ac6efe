"""What tracks looked like when they began, laid on the image under an affine map.

Optical flow from image to image forgets: small errors add up, and a point beside an edge of depth
slides along it. The patch of the first image does not. Sources: Shi and Tomasi, "Good features
to track", CVPR 1994, section 4 (affine monitoring); Baker and Matthews, "Lucas-Kanade 20 years
on", IJCV 2004, section 3.2 (inverse compositional steps).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, ImageArray
from alike_ros.tracking.table import Table

REACH = 7  # px from the point to the border of its patch
SPREAD = 4.0  # px, standard deviation of the weights
STEPS = 2
SIGMAS = 11.0  # of the median place; those that are known worse are not worth having
LEAST_CONTRAST = 1.0  # grey values; flatter patches are noise
LEAST_LIKENESS = 0.4  # correlation
MAX_CORRECTION = 1.5  # px
FRESH_DIFFERENCE = 0.02  # 1 - correlation that is assumed of a patch that was only cut so far
# Of squared errors in the rendered room, by what variances and likeness let expect.
ERROR, ERROR_SQUARED, LEAST_DIFFERENCE = 0.017, 0.05, 0.005
# How sure each number of the map is beforehand; steps are shorter where the patch says little.
SHAPE_PRIOR, PLACE_PRIOR = 2.0, 0.03
_PRIOR = np.diag([SHAPE_PRIOR, SHAPE_PRIOR, PLACE_PRIOR] * 2).astype(np.float32)
LEAST_DETERMINANT = np.float32(1e-12)
_BARELY = np.float32(1e-5) * np.eye(6, dtype=np.float32)
_PLACE_LAST = np.array([0, 1, 3, 4, 2, 5])  # of the six numbers of a map

_SIDE = 2 * REACH + 3  # px of the square that is read when a patch is cut; slopes need a rim
_Y, _X = (axis.ravel() - REACH - 1 for axis in np.indices((_SIDE, _SIDE)))
_SQUARE = np.stack([_X, _Y, np.ones_like(_X)]).astype(np.float32)  # (3, all)
# Every other pixel of a patch, as on a chessboard.
_USED = np.flatnonzero(((_X + _Y) % 2 == 0) & (np.maximum(abs(_X), abs(_Y)) <= REACH))
_AHEAD, _BEHIND = (np.stack([_USED + step, _USED + step * _SIDE]) for step in (1, -1))  # (2, K)
_GRID = np.ascontiguousarray(_SQUARE[:, _USED])  # (3, K): x, y, 1
_MOMENTS = (_GRID[:, None] * _GRID[None]).reshape(9, -1).T.copy()  # (K, 9)
_WEIGHTS = np.exp(-(_GRID[0] ** 2 + _GRID[1] ** 2) / (2 * SPREAD**2))
_WEIGHTS /= _WEIGHTS.sum()


@dataclass(frozen=True)
class Cut(Table):
    """What is around points of an image; row i of every array is one point.

    values: (N, K) grey values, weighted mean 0 and deviation 1.
    slopes: (N, 2, K), how values change along x and y, times the weights.
    normals: (N, 6, 6), normal matrices of an affine map [A | t], its numbers row by row.
    variances: (N,) px² of the place along an axis, for differences of variance 1.
    """

    values: FloatArray
    slopes: FloatArray
    normals: FloatArray
    variances: FloatArray

    @property
    def sigmas(self) -> FloatArray:
        """Standard deviation (N,) px, along an axis, that the places are assumed to have."""
        return _deviations(self.variances * np.float32(FRESH_DIFFERENCE))


@dataclass(frozen=True)
class Patches(Table):
    """What tracks looked like when they began; row i of every array is one track.

    values, slopes, variances: of `Cut`.
    inverses: (N, 6, 6), from what slopes and differences of values say to a step of the map.
    shapes: (N, 2, 2), from offsets in the first image to offsets in the last.
    """

    values: FloatArray
    slopes: FloatArray
    variances: FloatArray
    inverses: FloatArray
    shapes: FloatArray

    def turned(self, turn: FloatArray) -> Patches:
        """Return them as they are expected in an image that is turned and scaled by (2, 2)."""
        return replace(self, shapes=np.matmul(turn, self.shapes))


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


def cut(image: ImageArray, points: FloatArray) -> Cut:
    """Take what is around points (N, 2) px of a grey image."""
    square = _sampled(image, points, _unmoved(len(points)), _SQUARE)
    values, deviations = _normalised(square.take(_USED, axis=1))
    slopes = square.take(_AHEAD, axis=1) - square.take(_BEHIND, axis=1)  # (N, 2, K)
    slopes /= 2 * deviations[:, None]
    weighted = slopes * _WEIGHTS
    normals = _normals(slopes, weighted)
    return Cut(values, weighted, normals, _place_variances(normals))


def as_patches(cut: Cut) -> Patches:
    """Return the patches of tracks that begin with what was cut."""
    inverses = np.linalg.inv(cut.normals + _PRIOR)
    shapes = _unmoved(len(cut.values))
    return Patches(cut.values, cut.slopes, cut.variances, inverses, shapes)


def lay(image: ImageArray, patches: Patches, places: FloatArray) -> Laid:
    """Lay patches on a grey image, beginning at places (N, 2) px; NaN fits nowhere."""
    rows = np.flatnonzero(np.isfinite(places[:, 0]))
    count = len(places)
    points, shapes = places.copy(), patches.shapes.copy()
    likeness, fits = np.full(count, -1, np.float32), np.zeros(count, bool)
    points[rows], shapes[rows], likeness[rows] = _aligned(image, patches.take(rows), places[rows])
    corrections = np.linalg.norm(points[rows] - places[rows], axis=1)
    fits[rows] = (likeness[rows] >= LEAST_LIKENESS) & (corrections <= MAX_CORRECTION)
    return Laid(points, np.where(_as_deep(fits, shapes), shapes, patches.shapes), likeness, fits)


def sigmas(patches: Patches, laid: Laid) -> FloatArray:
    """Return the standard deviation (N,) px, along an axis, of where patches are laid."""
    unlike = np.maximum(1 - laid.likeness, np.float32(LEAST_DIFFERENCE))
    growth = np.sqrt(np.abs(_determinants(laid.shapes)))
    return _deviations(patches.variances * unlike) * growth


def known_well(sigmas: FloatArray) -> NDArray[np.bool_]:
    """Whether places with these standard deviations (N,) are not much worse than most, (N,)."""
    if not len(sigmas):
        return np.ones(0, bool)
    return np.asarray(sigmas <= SIGMAS * np.median(sigmas), bool)


def _deviations(doubt: FloatArray) -> FloatArray:
    return np.sqrt(ERROR * doubt + ERROR_SQUARED * np.square(doubt)).astype(np.float32)


def _unmoved(count: int) -> FloatArray:
    return np.tile(np.eye(2, dtype=np.float32), (count, 1, 1))


def _aligned(
    image: ImageArray, patches: Patches, points: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return points, shapes, and the likeness before the last step, which is small."""
    shapes, likeness = patches.shapes, points[:, 0]
    for _ in range(STEPS):
        values, _ = _normalised(_sampled(image, points, shapes))
        likeness = (values * patches.values) @ _WEIGHTS
        values -= patches.values
        said = _summed(patches.slopes * values[:, None], _GRID.T)  # (N, 2, 3)
        step = np.matmul(patches.inverses, said.reshape(-1, 6, 1)).reshape(-1, 2, 3)
        moved = np.matmul(shapes, step)  # the inverse of a small step, to first order
        points, shapes = points - moved[:, :, 2], shapes - moved[:, :, :2]
    return points, shapes, likeness


def _determinants(matrices: FloatArray) -> FloatArray:
    """Return those of (N, 2, 2), faster than numpy.linalg does."""
    return matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]


def _sampled(
    image: ImageArray, points: FloatArray, shapes: FloatArray, grid: FloatArray = _GRID
) -> FloatArray:
    """Return the grey values (N, K) under the pixels of a grid (3, K) around points."""
    if not len(points):
        return np.zeros((0, grid.shape[1]), np.float32)
    maps = np.empty((2, len(points), 3), np.float32)
    maps[:, :, :2], maps[:, :, 2] = shapes.transpose(1, 0, 2), points.T
    x, y = _summed(maps, grid)
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.astype(np.float32, copy=False)


def _normalised(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return values (N, K) of mean 0 and deviation 1, and the deviations (N, 1) they had."""
    values = values - (values @ _WEIGHTS)[:, None]
    deviations = np.sqrt(np.square(values) @ _WEIGHTS)[:, None]
    deviations = np.maximum(deviations, LEAST_CONTRAST)
    values /= deviations
    return values, deviations


def _normals(slopes: FloatArray, weighted: FloatArray) -> FloatArray:
    """Return the normal matrices (N, 6, 6) of the six numbers of an affine map, row by row."""
    products = slopes[:, :, None] * weighted[:, None]  # (N, 2, 2, K)
    sums = _summed(products, _MOMENTS).reshape(-1, 2, 2, 3, 3)
    return sums.transpose(0, 1, 3, 2, 4).reshape(-1, 6, 6)


def _summed(values: FloatArray, factors: FloatArray) -> FloatArray:
    """Return values (..., K) @ factors (K, M) as one product instead of many small ones."""
    return (values.reshape(-1, len(factors)) @ factors).reshape(
        *values.shape[:-1], factors.shape[1]
    )


def _place_variances(normal: FloatArray) -> FloatArray:
    """Return the mean variance (N,) of x and y that normal matrices (N, 6, 6) leave them."""
    left = np.moveaxis((normal + _BARELY)[:, _PLACE_LAST][:, :, _PLACE_LAST], 0, -1)
    for _ in range(4):  # the shape, eliminated
        left = left[1:, 1:] - left[1:, :1] * (left[:1, 1:] / left[0, 0])
    (xx, xy), (_, yy) = left
    determinants = np.maximum(xx * yy - xy * xy, LEAST_DETERMINANT)  # along an edge it is rounding
    return np.abs(xx + yy) / (2 * determinants)


def _as_deep(mask: NDArray[np.bool_], other: NDArray[np.generic]) -> NDArray[np.bool_]:
    return mask.reshape(-1, *[1] * (other.ndim - 1))
