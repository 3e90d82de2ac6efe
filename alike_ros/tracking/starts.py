"""Where new tracks begin: on corners that can be followed, apart from others, staying in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.tracking.flow import NEIGHBOURS, inside, local_motion
from alike_ros.tracking.patches import Patches, as_patches, cut, known_well
from alike_ros.tracking.recovery import occupied

CORNER_WINDOW = 7  # px
_PATCH = CORNER_WINDOW + 2  # px, with what slopes need
LEAST_CORNER = 5.0  # grey values a pixel, squared; flatter ones do not hold in the flow
# Images that a new track has to stay in view if it moves as those near it: the more, the better
AHEAD = (16, 8)
AHEAD_IF_SCARCE = (*AHEAD, 4, 2, 1)
MARGIN = 8.0  # px
CANDIDATES = 5  # looked at for each that is wanted


@dataclass(frozen=True)
class Starts:
    """rows: (N,) of the features that tracks begin at. motions: (N, 2) px, expected of them.

    patches: what they look like. sigmas: (N,) px, of where they are along an axis.
    """

    rows: NDArray[np.intp]
    motions: FloatArray
    patches: Patches
    sigmas: FloatArray


@cache
def no_starts() -> Starts:
    """Return none."""
    nowhere = np.zeros((0, 2), np.float32)
    patches = as_patches(cut(np.zeros((1, 1), np.uint8), nowhere))
    return Starts(np.zeros(0, np.intp), nowhere, patches, nowhere[:, 0])


def choose_starts(
    image: ImageArray,
    features: Features,
    taken: FloatArray,
    moved: FloatArray,
    motions: FloatArray,
    count: int,
    min_distance: float,
    scarce: bool,
) -> Starts:
    """Return up to `count` features, 1 or more, that tracks begin at, the strongest first.

    image: grey. taken: (N, 2) px, where tracks are. moved: (M, 2) px, those of them of which it is
    known how they came there: motions (M, 2) px. scarce: tracks are so few that one which leaves
    the image soon is better than none.
    """
    rows, corners = _free_corners(image, features, taken, min_distance, count)
    points = features.keypoints[rows]
    expected = np.zeros_like(points)
    if len(moved) >= NEIGHBOURS:
        expected = local_motion(points, moved, motions)
    stays = _staying(image, points, expected, AHEAD_IF_SCARCE if scarce else AHEAD, count)
    rows, corners = rows[stays], corners[stays]
    points, expected = points[stays], expected[stays]
    seen = cut(image, points)
    order = np.argsort(-corners / seen.variances, kind='stable')
    order = order[known_well(seen.sigmas[order])]
    apart = _apart(points[order], image.shape[:2], round(min_distance), count)
    chosen = order[apart]
    cuts = seen.take(chosen)
    return Starts(rows[chosen], expected[chosen], as_patches(cuts), cuts.sigmas)


def _staying(
    image: ImageArray, points: FloatArray, motions: FloatArray, ahead: Sequence[int], least: int
) -> NDArray[np.bool_]:
    """Whether points stay in view, (N,): for the first so many images for which `least` do."""
    rests = ~motions.any(axis=1)
    for images in ahead:
        stays = inside(points + images * motions, image, MARGIN) | rests
        if stays.sum() >= least:
            break
    return stays


def _free_corners(
    image: ImageArray, features: Features, taken: FloatArray, min_distance: float, count: int
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the rows (N,) of features that are corners away from tracks, and their strengths."""
    columns, rows = np.rint(features.keypoints).astype(np.intp).T
    near = occupied(taken, image.shape[:2], round(min_distance))
    free = np.flatnonzero(near[rows, columns] == 0)
    strengths = corner_strengths(image, features.keypoints[free])
    best = np.argsort(-strengths, kind='stable')[: CANDIDATES * count]
    best = best[strengths[best] > LEAST_CORNER]
    return free[best], strengths[best]


def corner_strengths(image: ImageArray, points: FloatArray) -> FloatArray:
    """Return the smaller eigenvalue (N,) of the mean structure tensor around points (N, 2) px.

    Source: Shi and Tomasi, "Good features to track", CVPR 1994. Only where it is asked for: over
    the whole image it takes ten times as long.

    image: grey. Of gradients of grey values a pixel, squared.
    """
    if min(image.shape) < _PATCH:
        return np.zeros(len(points), np.float32)
    first = np.rint(points).astype(np.intp) - _PATCH // 2
    columns, rows = np.clip(first, 0, np.array(image.shape[::-1]) - _PATCH).T
    patches = sliding_window_view(image, (_PATCH, _PATCH))[rows, columns].astype(np.float32)
    across = patches[:, :-2] + 2 * patches[:, 1:-1] + patches[:, 2:]
    down = patches[:, :, :-2] + 2 * patches[:, :, 1:-1] + patches[:, :, 2:]
    along_x, along_y = across[:, :, 2:] - across[:, :, :-2], down[:, 2:] - down[:, :-2]  # Sobel
    xx, yy, xy = (
        np.einsum('nij,nij->n', a, b) / (8 * CORNER_WINDOW) ** 2
        for a, b in ((along_x, along_x), (along_y, along_y), (along_x, along_y))
    )
    return ((xx + yy) - np.sqrt((xx - yy) ** 2 + 4 * xy**2)) / 2


def _apart(candidates: FloatArray, shape: tuple[int, ...], radius: int, count: int) -> list[int]:
    """Return up to `count` rows of the first candidates that are that far from each other."""
    covered = np.zeros(shape, np.uint8)
    chosen: list[int] = []
    for row, (x, y) in enumerate(np.rint(candidates).astype(int).tolist()):
        if len(chosen) == count:
            break
        if not covered[y, x]:
            chosen.append(row)
            cv2.circle(covered, (x, y), radius, 1, -1)
    return chosen
