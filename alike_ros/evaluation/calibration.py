"""Whether sigmas say how far off points are: normalised squared errors, which should be 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INLIER_PX = 3.0
CHI2_MEDIAN = 0.4549364  # of one degree of freedom: the median square of a normal value

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Squared errors over their variances, an axis at a time; 1 where sigma is right.

    Below 1 sigma is too large, above too small. The mean of all belongs to a few gross errors,
    so: mean: of errors up to 3 px. median: median over that of a normal distribution, which
    gross errors hardly touch. count: of errors judged. NaN where nothing could be.
    """

    mean: float
    median: float
    count: int


def calibrate(offsets: Array, variances: Array) -> Calibration:
    """Judge offsets (M, 2) px by the variances (M,) px^2 that each of their axes should have.

    Offsets or variances that are NaN are left out.
    """
    known = np.isfinite(offsets).all(axis=1) & (variances > 0)
    squares = offsets[known] ** 2 / variances[known, None]  # (M, 2)
    if not len(squares):
        return Calibration(float('nan'), float('nan'), 0)
    near = np.linalg.norm(offsets[known], axis=1) <= INLIER_PX
    mean = float(squares[near].mean()) if near.any() else float('nan')
    return Calibration(mean, float(np.median(squares)) / CHI2_MEDIAN, len(squares))
