"""How a camera moved between two images, up to the length of the way."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.geometry import usac
from alike_ros.odometry.views import Array, inverse

MIN_PAIRS = 8
FARTHEST = 1000.0  # baselines; what lies beyond is at infinity


def relative_pose(a: Array, b: Array, max_error: float) -> tuple[Array, NDArray[np.bool_]] | None:
    """Return T_a_b (4, 4) with a translation of length 1, and which pairs (M,) agree with it.

    a, b: (M, 2) on z = 1, as is max_error. By the five-point method in USAC; of the four poses
    that an essential matrix has, the one with the points in front. None without enough agreement.
    A pure rotation gives a right rotation and a translation by chance.
    """
    if len(a) < MIN_PAIRS:
        return None
    camera, none = np.eye(3), np.zeros(5)
    try:
        essential, mask = cv2.findEssentialMat(a, b, camera, camera, none, none, usac(max_error))
        if essential is None or essential.shape != (3, 3):
            return None
        count, turn, shift, mask, _ = cv2.recoverPose(
            essential, a, b, camera, distanceThresh=FARTHEST, mask=mask
        )
    except cv2.error:
        return None
    if count < MIN_PAIRS:
        return None
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, shift.ravel()
    return inverse(pose), mask.ravel().astype(bool)
