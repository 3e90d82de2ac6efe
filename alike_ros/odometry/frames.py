"""Poses of an optical frame as poses of a robot: REP 103 axes, REP 105 frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import ConfigError
from alike_ros.odometry.config import FramesConfig
from alike_ros.odometry.localisation import about_pose, cross_matrices
from alike_ros.odometry.monocular import Estimate
from alike_ros.odometry.views import inverse

Array = NDArray[np.float64]

# Columns: the optical frame's x (right), y (down), z (forward) in axes x forward, y left, z up.
OPTICAL_IN_BODY = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Motion:
    """What nav_msgs/Odometry says.

    pose: (4, 4) T_odom_base. covariance: (6, 6) of position m and rotation rad about the fixed
        axes. velocity: (6,) m/s and rad/s in the base's axes; None when not known.
    velocity_covariance: (6, 6).
    """

    pose: Array
    covariance: Array
    velocity: Array | None
    velocity_covariance: Array


class RobotFrames:
    """Turns estimates into motions of the base.

    Raises:
        ConfigError: camera_pose is not six numbers.
    """

    def __init__(self, config: FramesConfig) -> None:
        self._body = pose_from_text(config.camera_pose) if config.base_frame else np.eye(4)
        self._to_odom = self._body @ OPTICAL_IN_BODY
        self._base_in_camera = inverse(self._to_odom) if config.base_frame else np.eye(4)
        self.reset()

    def reset(self) -> None:
        """Forget the pose before, which the velocity counts from."""
        self._before: tuple[int, Array] | None = None

    def motion(self, estimate: Estimate) -> Motion:
        """Take a tracked estimate, in order of time."""
        pose = self._to_odom @ estimate.pose @ self._base_in_camera
        about_place = about_pose(pose) @ adjoint(self._to_odom)
        covariance = about_place @ (estimate.covariance + estimate.drift) @ about_place.T
        velocity, per_s = self._velocity(estimate.stamp_ns, pose)
        to_base = np.kron(np.eye(2), pose[:3, :3].T) @ about_place
        noise = to_base @ estimate.covariance @ to_base.T
        return Motion(pose, covariance, velocity, 2 * noise * per_s**2)  # of two such poses

    def _velocity(self, stamp_ns: int, pose: Array) -> tuple[Array | None, float]:
        before, self._before = self._before, (stamp_ns, pose)
        if before is None or stamp_ns <= before[0]:
            return None, 0.0
        per_s = 1e9 / (stamp_ns - before[0])
        step = inverse(before[1]) @ pose
        return np.concatenate([step[:3, 3], rotation_vector(step[:3, :3])]) * per_s, per_s


def pose_from_text(text: str) -> Array:
    """(4, 4) from 'x y z roll pitch yaw'; ConfigError when they are not six numbers."""
    try:
        x, y, z, *turns = (float(word) for word in text.split())
        roll, pitch, yaw = turns
    except ValueError as error:
        raise ConfigError(
            f"camera_pose must be six numbers, 'x y z roll pitch yaw' in m and rad, got {text!r}"
        ) from error
    pose = np.eye(4)
    for axis, angle in enumerate((roll, pitch, yaw)):
        pose[:3, :3] = _turn(axis, angle) @ pose[:3, :3]
    pose[:3, 3] = x, y, z
    return pose


def adjoint(pose: Array) -> Array:
    """(6, 6) that takes a perturbation from the left in frame b to one in a, by T_a_b."""
    rotation = pose[:3, :3]
    result: Array = np.kron(np.eye(2), rotation).astype(np.float64)
    result[:3, 3:] = cross_matrices(pose[None, :3, 3])[0] @ rotation
    return result


def rotation_vector(rotation: Array) -> Array:
    """(3,) rad, axis times angle."""
    return np.asarray(cv2.Rodrigues(rotation)[0].ravel(), np.float64)


def _turn(axis: int, angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = c
    turn[first, second], turn[second, first] = -s, s
    return turn
