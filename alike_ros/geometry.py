"""Two-view geometry of matched keypoints."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray

MIN_PAIRS = 8


def inlier_ratio(points_a: FloatArray, points_b: FloatArray, max_error_px: float = 1.5) -> float:
    """Return the share of (M, 2) px pairs that `inliers` keeps; NaN where it finds nothing."""
    found = inliers(points_a, points_b, max_error_px)
    return math.nan if found is None else float(np.count_nonzero(found)) / len(points_a)


def inliers(
    points_a: NDArray[np.floating], points_b: NDArray[np.floating], max_error_px: float
) -> NDArray[np.bool_] | None:
    """Return which of (M, 2) px pairs one fundamental matrix explains, (M,).

    Estimated by USAC (MAGSAC++) with a fixed seed: the same pairs give the same answer. None
    below 8 pairs, or when no matrix is found, as when all points lie on one spot.
    """
    if len(points_a) < MIN_PAIRS:
        return None
    a, b = (np.ascontiguousarray(points, np.float64) for points in (points_a, points_b))
    try:
        matrix, found = cv2.findFundamentalMat(a, b, usac(max_error_px))
    except cv2.error:
        return None
    return found.ravel().astype(bool) if matrix is not None else None


def usac(max_error: float) -> cv2.UsacParams:
    """Return settings of MAGSAC++ with a fixed seed; the error is in the unit of the points."""
    params = cv2.UsacParams()
    params.threshold = max_error
    params.confidence = 0.99
    params.maxIterations = 500
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.sampler = cv2.SAMPLING_UNIFORM
    params.randomGeneratorState = 0
    params.isParallel = False
    return params
