"""How far tracks stray from their epipolar lines, where only poses of the camera are known.

A line tells one direction of two: an error along it is not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.evaluation.truth import Array
from alike_ros.sources import GroundTruth

LEAST_BASELINE = 1e-6  # m; below it there are no lines


class EpipolarLines:
    """The true poses of one camera, as places to expect points of other images at."""

    def __init__(self, truth: GroundTruth, camera: Camera) -> None:
        self._truth = truth
        self._camera = camera

    def nearest(
        self, starts: Array, seen: Array, index_a: int, index_b: int
    ) -> NDArray[np.float64]:
        """Return the places (N, 2) px nearest to points seen in image b that their starts allow.

        starts, seen: (N, 2) px in images a and b. NaN where a pose is not known, or the camera
        stood still. The lens is taken as free of distortion about a point.
        """
        poses = self._truth.pose(index_a), self._truth.pose(index_b)
        if poses[0] is None or poses[1] is None:
            return np.full(seen.shape, np.nan)
        a_to_b = np.linalg.inv(poses[1]) @ poses[0]
        if np.linalg.norm(a_to_b[:3, 3]) < LEAST_BASELINE:
            return np.full(seen.shape, np.nan)
        x, y, z = a_to_b[:3, 3]
        essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ a_to_b[:3, :3]
        lines = _homogeneous(self._camera.normalise(starts)) @ essential.T  # (N, 3)
        normals = lines[:, :2] / np.linalg.norm(lines[:, :2], axis=1, keepdims=True)
        rays = _homogeneous(self._camera.normalise(seen))
        distances = (rays * lines).sum(axis=1) / np.linalg.norm(lines[:, :2], axis=1)
        focal = self._camera.matrix[[0, 1], [0, 1]]  # px
        return np.asarray(seen - distances[:, None] * normals * focal, np.float64)


def _homogeneous(points: NDArray[np.floating]) -> Array:
    return np.column_stack([points, np.ones(len(points))]).astype(np.float64)
