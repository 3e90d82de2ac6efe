"""Two-view geometry of matched keypoints."""

from __future__ import annotations

import math

import cv2
import numpy as np

from alike_ros.structures import FloatArray

MIN_PAIRS = 8


def inlier_ratio(points_a: FloatArray, points_b: FloatArray, max_error_px: float = 1.5) -> float:
    """Return the share of (M, 2) px pairs that one fundamental matrix explains.

    Estimated by USAC (MAGSAC++) with a fixed seed: the same pairs give the same ratio. NaN below
    8 pairs, or when no matrix is found, as when all points lie on one spot.
    """
    if len(points_a) < MIN_PAIRS:
        return math.nan
    a, b = (np.ascontiguousarray(points, np.float64) for points in (points_a, points_b))
    try:
        matrix, inliers = cv2.findFundamentalMat(a, b, _usac(max_error_px))
    except cv2.error:
        return math.nan
    return float(np.count_nonzero(inliers)) / len(points_a) if matrix is not None else math.nan


def _usac(max_error_px: float) -> cv2.UsacParams:
    params = cv2.UsacParams()
    params.threshold = max_error_px
    params.confidence = 0.99
    params.maxIterations = 500
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.sampler = cv2.SAMPLING_UNIFORM
    params.randomGeneratorState = 0
    params.isParallel = False
    return params
