"""Two-view geometry of matched keypoints."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray

MIN_PAIRS = 8
LARGEST_ZOOM = 2.0  # from image to image

Array = NDArray[np.float64]


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


def quick_inliers(
    points_a: NDArray[np.floating], points_b: NDArray[np.floating], max_error_px: float
) -> NDArray[np.bool_] | None:
    """Return what `inliers` does, where nearly all pairs are right: ten times as fast.

    A matrix from RANSAC, then from all pairs that fit (eight-point algorithm); what fits is told
    by the Sampson error. Sources: Hartley, "In defense of the eight-point algorithm", PAMI 1997;
    Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 11.4.3.
    """
    if len(points_a) < MIN_PAIRS:
        return None
    a, b = (np.ascontiguousarray(points, np.float64) for points in (points_a, points_b))
    matrix, found = cv2.findFundamentalMat(a, b, cv2.FM_RANSAC, max_error_px, 0.999, 200)
    fits = np.zeros(len(a), bool) if matrix is None else found.ravel() > 0
    if fits.sum() < MIN_PAIRS:
        return None
    matrix, _ = cv2.findFundamentalMat(a[fits], b[fits], cv2.FM_8POINT)
    if matrix is None:
        return None
    return sampson(np.asarray(matrix, np.float64), a, b) <= max_error_px**2


def sampson(matrix: Array, points_a: Array, points_b: Array) -> Array:
    """Return the squared distances (M,) px² of pairs to a fundamental matrix, to first order."""
    a, b = map(cv2.convertPointsToHomogeneous, (points_a, points_b))
    a, b = a[:, 0], b[:, 0]  # (M, 3)
    lines_b, lines_a = a @ matrix.T, b @ matrix
    squared = np.square(lines_b[:, :2]).sum(axis=1) + np.square(lines_a[:, :2]).sum(axis=1)
    return np.square(np.einsum('mi,mi->m', b, lines_b)) / np.maximum(squared, 1e-12)


def common_turn(points_a: FloatArray, points_b: FloatArray) -> FloatArray:
    """Return rotation times scale (2, 2) from (M, 2) px pairs: offsets in one image to the other.

    By the least median of squares: nearly half of the pairs may move otherwise. The identity where
    there are too few to tell, or what they tell is no motion of a camera from image to image.
    """
    matrix = None
    if len(points_a) >= MIN_PAIRS:
        matrix, _ = cv2.estimateAffinePartial2D(points_a, points_b, method=cv2.LMEDS)
    if matrix is None or not 1 / LARGEST_ZOOM < np.hypot(*matrix[:, 0]) < LARGEST_ZOOM:
        return np.eye(2, dtype=np.float32)
    return matrix[:, :2].astype(np.float32)


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
