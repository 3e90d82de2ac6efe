"""Where new tracks begin: on corners that can be followed, apart from others, staying in view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.tracking.flow import NEIGHBOURS, inside, local_motion
from alike_ros.tracking.patches import Patches, cut
from alike_ros.tracking.recovery import occupied

CORNER_WINDOW = 7  # px
LEAST_CORNER = 5.0  # grey values a pixel, squared; flatter ones do not hold in the flow
AHEAD = 7  # images that a new track has to stay in view if it moves as those near it
MARGIN = 8.0  # px
CANDIDATES = 16  # looked at for each that is wanted


@dataclass(frozen=True)
class Starts:
    """rows: (N,) of the features that tracks begin at. motions: (N, 2) px, expected of them.

    patches: what they look like.
    """

    rows: NDArray[np.intp]
    motions: FloatArray
    patches: Patches


def choose_starts(
    image: ImageArray,
    features: Features,
    taken: FloatArray,
    moved: FloatArray,
    motions: FloatArray,
    count: int,
    min_distance: float,
) -> Starts:
    """Return up to `count` features that tracks begin at, the strongest first.

    image: grey. taken: (N, 2) px, where tracks are. moved: (M, 2) px, those of them of which it is
    known how they came there: motions (M, 2) px.
    """
    rows, corners = _free_corners(image, features, taken, min_distance, count)
    points = features.keypoints[rows]
    expected = np.zeros_like(points)
    if len(moved) >= NEIGHBOURS:
        expected = local_motion(points, moved, motions)
    stays = inside(points + AHEAD * expected, image, MARGIN) | ~expected.any(axis=1)
    rows, corners = rows[stays], corners[stays]
    points, expected = points[stays], expected[stays]
    patches = cut(image, points)
    order = np.argsort(-corners / patches.variances, kind='stable')
    apart = _apart(points[order], image.shape[:2], round(min_distance), max(count, 0))
    chosen = order[apart]
    return Starts(rows[chosen], expected[chosen], patches.take(chosen))


def _free_corners(
    image: ImageArray, features: Features, taken: FloatArray, min_distance: float, count: int
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the rows (N,) of features that are corners away from tracks, and their strengths."""
    if count <= 0:
        return np.zeros(0, np.intp), np.zeros(0, np.float32)
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
    height, width = image.shape
    reach = CORNER_WINDOW // 2 + 1
    steps = np.arange(-reach, reach + 1)
    columns, rows = np.rint(points).astype(np.intp).T
    x = np.clip(columns[:, None] + steps, 0, width - 1)
    y = np.clip(rows[:, None] + steps, 0, height - 1)
    patches = image.ravel().take(y[:, :, None] * width + x[:, None]).astype(np.float32)
    across = (patches[:, :-2] + 2 * patches[:, 1:-1] + patches[:, 2:]) / 8
    down = (patches[:, :, :-2] + 2 * patches[:, :, 1:-1] + patches[:, :, 2:]) / 8
    along_x, along_y = across[:, :, 2:] - across[:, :, :-2], down[:, 2:] - down[:, :-2]  # Sobel
    xx, yy, xy = (
        np.einsum('nij,nij->n', a, b) / CORNER_WINDOW**2
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
