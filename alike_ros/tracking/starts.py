"""Where new tracks begin: on corners that can be followed, apart from others, staying in view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.tracking.flow import inside, local_motion
from alike_ros.tracking.recovery import occupied

CORNER_WINDOW = 7  # px
LEAST_CORNER = 0.005  # of the image's strongest; flatter ones do not hold in the flow
AHEAD = 3  # images that a new track has to stay in view if it moves as those near it
MARGIN = 8.0  # px
CANDIDATES = 4  # looked at for each that is wanted


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
    near = occupied(taken, image.shape[:2], round(min_distance))
    able = np.flatnonzero((corners > LEAST_CORNER * strengths.max()) & (near[rows, columns] == 0))
    order = able[np.argsort(-corners[able], kind='stable')][: CANDIDATES * count]
    if len(taken):
        ahead = features.keypoints[order] + AHEAD * local_motion(
            features.keypoints[order], taken, motions
        )
        order = order[inside(ahead, image, MARGIN)]
    return order[_apart(features.keypoints[order], image.shape[:2], round(min_distance), count)]


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
