"""Where new tracks begin: on corners that can be followed, apart from others, staying in view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.tracking.flow import inside, local_motion

CORNER_WINDOW = 7  # px
LEAST_CORNER = 0.005  # of the image's strongest; flatter ones do not hold in the flow
AHEAD = 3  # images that a new track has to stay in view if it moves as those near it
MARGIN = 8.0  # px


def choose_starts(
    image: ImageArray,
    features: Features,
    taken: FloatArray,
    motions: FloatArray,
    count: int,
    min_distance: float,
) -> NDArray[np.intp]:
    """Return the rows of up to `count` features that tracks begin at, the strongest first.

    image: grey. taken: (N, 2) px, where tracks are; motions: (N, 2) px, how they came there.
    """
    if count <= 0 or not len(features):
        return np.zeros(0, np.intp)
    strengths = cv2.cornerMinEigenVal(image, CORNER_WINDOW)
    columns, rows = np.rint(features.keypoints).astype(np.intp).T
    corners = strengths[rows, columns]
    able = corners > LEAST_CORNER * strengths.max()
    if len(taken):
        ahead = features.keypoints + AHEAD * local_motion(features.keypoints, taken, motions)
        able &= inside(ahead, image, MARGIN)
    order = np.flatnonzero(able)
    order = order[np.argsort(-corners[order], kind='stable')]
    free = _apart(features.keypoints[order], taken, image.shape, min_distance, count)
    return order[free]


def _apart(
    candidates: FloatArray, taken: FloatArray, shape: tuple[int, ...], distance: float, count: int
) -> list[int]:
    """Return the first candidates that are that far from all taken and from each other."""
    occupied = np.zeros(shape[:2], np.uint8)
    radius = round(distance)
    for x, y in np.rint(taken).astype(int).tolist():
        cv2.circle(occupied, (x, y), radius, 1, -1)
    chosen: list[int] = []
    for row, (x, y) in enumerate(np.rint(candidates).astype(int).tolist()):
        if len(chosen) == count:
            break
        if not occupied[y, x]:
            chosen.append(row)
            cv2.circle(occupied, (x, y), radius, 1, -1)
    return chosen
