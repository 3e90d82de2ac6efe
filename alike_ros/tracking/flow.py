"""Where points of one image are in the next: Lucas-Kanade in pyramids, there and back.

Source: Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker", 2000, as OpenCV
has it; the way back, Kalal et al., "Forward-backward error", ICPR 2010.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, ImageArray

WINDOW, LEVELS = 11, 2  # px; the search begins where the last motion leads
BACK_WINDOW, BACK_LEVELS = 9, 0  # px; the way back begins at its end
MAX_RETURN_ERROR = 1.0  # px
BORDER = 2.0  # px
NEIGHBOURS = 5
ENOUGH = 300  # points of known motion; more tell nothing new and take time
# FLANN's exact k-d tree for few dimensions
_TREE: dict[str, bool | int | float | str] = {'algorithm': 4}
_STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 8, 0.05)
LEAST_GAIN = 1.1  # changes of brightness below it are left to the flow


def grey(image: ImageArray) -> ImageArray:
    """Return an image (H, W, 3) RGB or (H, W) as (H, W)."""
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def as_bright_as(image: ImageArray, reference: ImageArray) -> ImageArray:
    """Return a grey image with the mean and the contrast of another.

    The flow compares grey values; an exposure that jumps would end it.
    """
    (mean,), (deviation,) = (each.ravel() for each in cv2.meanStdDev(image))
    (wanted,), (wanted_deviation,) = (each.ravel() for each in cv2.meanStdDev(reference))
    if min(deviation, wanted_deviation) < 1:
        return image
    gain = wanted_deviation / deviation
    if 1 / LEAST_GAIN < gain < LEAST_GAIN and abs(wanted - mean) < (LEAST_GAIN - 1) * 128:
        return image
    values = np.clip((np.arange(256) - mean) * gain + wanted, 0, 255).round()
    return cv2.LUT(image, values.astype(np.uint8)).astype(np.uint8, copy=False)


def follow(
    before: ImageArray,
    after: ImageArray,
    points: FloatArray,
    guesses: FloatArray,
) -> FloatArray:
    """Return where points (N, 2) px of a grey image are in another; NaN where lost.

    guesses: (N, 2) px, where the search begins.
    """
    if not len(points):
        return guesses.reshape(0, 2)
    there, found = _flow(before, after, points, guesses, WINDOW, LEVELS)
    back, found_back = _flow(after, before, there, points, BACK_WINDOW, BACK_LEVELS)
    error = np.linalg.norm(back - points, axis=1)
    held = found & found_back & (error < MAX_RETURN_ERROR) & inside(there, after)
    return np.where(held[:, None], there, np.float32(np.nan))


def _flow(
    before: ImageArray,
    after: ImageArray,
    points: FloatArray,
    guesses: FloatArray,
    window: int,
    levels: int,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    places, status, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        guesses.copy(),
        winSize=(window, window),
        maxLevel=levels,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return places.astype(np.float32, copy=False), status.ravel() > 0


def inside(points: FloatArray, image: ImageArray, border: float = BORDER) -> NDArray[np.bool_]:
    """Whether points (N, 2) px lie in an image, so far from its border."""
    limit = np.array([image.shape[1] - 1 - border, image.shape[0] - 1 - border])
    within = (points >= border) & (points <= limit)
    return within[:, 0] & within[:, 1]


def local_motion(points: FloatArray, origins: FloatArray, motions: FloatArray) -> FloatArray:
    """Return how the nearest of known points move: the median (N, 2) px at points (N, 2) px.

    origins, motions: (M, 2) px, M at least 1.
    """
    every = len(origins) // ENOUGH + 1
    origins, motions = np.ascontiguousarray(origins[::every]), motions[::every]
    tree = cv2.flann.Index(origins, _TREE)
    nearest, _ = tree.knnSearch(np.ascontiguousarray(points), min(NEIGHBOURS, len(origins)))
    return np.median(motions[nearest], axis=1).astype(np.float32)
