"""Where a camera is that sees known points, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.geometry import usac
from alike_ros.odometry.views import Array, errors, inverse, transform

MIN_POINTS = 6


@dataclass(frozen=True)
class Location:
    """A pose and what it stands on.

    pose: (4, 4) T_world_camera. inliers: (M,) which points agree.
    covariance: (6, 6) of the perturbation (translation m, rotation rad) that, applied from the
        left in the axes of the world about its origin, leads to the true pose.
    """

    pose: Array
    inliers: NDArray[np.bool_]
    covariance: Array


def locate(points: Array, rays: Array, sigmas: Array, max_error: float) -> Location | None:
    """Find the camera that sees points (M, 3) along rays (M, 2) with sigmas (M,) on z = 1.

    PnP in USAC, then Levenberg-Marquardt on all points within max_error. None when fewer than 6
    agree.
    """
    if len(points) < MIN_POINTS:
        return None
    try:
        found, _, turn, shift, rows = cv2.solvePnPRansac(
            points, rays, np.eye(3), np.zeros(5), params=usac(max_error)
        )
        if not found or rows is None:
            return None
        inliers = np.zeros(len(points), bool)
        inliers[rows.ravel()] = True
        for _ in range(2):
            turn, shift = cv2.solvePnPRefineLM(
                points[inliers], rays[inliers], np.eye(3), np.zeros(5), turn, shift
            )
            pose = _pose(turn, shift)
            inliers = errors(pose[None], rays[None], points)[0] < max_error
            if inliers.sum() < MIN_POINTS:
                return None
    except cv2.error:
        return None
    if not np.isfinite(pose).all():
        return None
    covariance = _covariance(pose, points[inliers], rays[inliers], sigmas[inliers])
    return None if covariance is None else Location(pose, inliers, covariance)


def _pose(turn: np.ndarray, shift: np.ndarray) -> Array:
    to_camera = np.eye(4)
    to_camera[:3, :3], to_camera[:3, 3] = cv2.Rodrigues(turn)[0], np.ravel(shift)
    return inverse(to_camera)


def _covariance(pose: Array, points: Array, rays: Array, sigmas: Array) -> Array | None:
    """Inverse of the information; sigmas grow where the residuals are larger than they say."""
    to_camera = inverse(pose)
    inside = transform(to_camera, points)
    x, y, depth = inside.T
    projection = np.zeros((len(points), 2, 3))  # of a step in the camera's frame
    projection[:, 0, 0] = projection[:, 1, 1] = 1 / depth
    projection[:, 0, 2], projection[:, 1, 2] = -x / depth**2, -y / depth**2
    steps = np.concatenate(
        [np.broadcast_to(-np.eye(3), (len(points), 3, 3)), cross_matrices(points)], axis=2
    )  # of the point in the world's axes, by a step of the camera
    jacobian = (projection @ to_camera[:3, :3] @ steps) / sigmas[:, None, None]  # (M, 2, 6)
    residuals = (inside[:, :2] / depth[:, None] - rays) / sigmas[:, None]
    excess = (residuals**2).sum() / max(2 * len(points) - 6, 1)
    information = np.einsum('nij,nik->jk', jacobian, jacobian)
    try:
        return np.linalg.inv(information) * max(excess, 1.0)
    except np.linalg.LinAlgError:
        return None


def about_pose(pose: Array, inverse: bool = False) -> Array:
    """(6, 6) that takes a perturbation about the world's origin to one about the pose's place.

    The covariance of the latter is what nav_msgs/Odometry has: of the position, and of a rotation
    about the fixed axes. `inverse` goes the other way.
    """
    change = np.eye(6)
    lever = cross_matrices(pose[None, :3, 3])[0]
    change[:3, 3:] = lever if inverse else -lever
    return change


def cross_matrices(vectors: Array) -> Array:
    """(N, 3, 3) matrices that multiply by the cross product with vectors (N, 3)."""
    x, y, z = vectors.T
    zero = np.zeros(len(vectors))
    return np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
