"""Two cameras that see the same scene: rows on which matches lie, disparity, depth.

Points are rectified, never images: keypoints become rays, the rays of both cameras are turned
into one frame whose x axis is the baseline, and there the two views of a point share a row. So a
lens of any model costs no resampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera, camera_from_info, place_from_info
from alike_ros.errors import CameraError

Array = NDArray[np.float64]

LEAST_BASELINE_M = 1e-4
LEAST_FORWARD = 1e-3  # of the sum of both optical axes, off the baseline


@dataclass(frozen=True)
class StereoCamera:
    """A calibrated pair.

    right_from_left: (4, 4) m, from the left camera's optical frame to the right one's.

    Rectified points are pixels of an ideal pair with the left camera's focal length and the
    principal point (0, 0): left - right is (disparity, 0), and disparity is 0 at infinity.

    Making one raises CameraError when the pose is none, when the centres coincide, and when
    the cameras look along the line between them or away from each other.
    """

    left: Camera
    right: Camera
    right_from_left: Array

    def __post_init__(self) -> None:
        pose = np.array(self.right_from_left, np.float64)
        object.__setattr__(self, 'right_from_left', pose)
        if pose.shape != (4, 4) or not np.allclose(
            pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-3
        ):
            raise CameraError(f'expected a 4 x 4 pose between the cameras, got {pose.tolist()}')
        if not self.baseline_m > LEAST_BASELINE_M:
            raise CameraError(
                f'expected two cameras apart from each other, got a baseline of '
                f'{self.baseline_m} m; calibrate them as a pair (P[3] of the right camera_info '
                'is -fx times the baseline)'
            )
        if not np.isfinite(self._rotations[0]).all():
            raise CameraError(
                'the cameras look along the line between them, or away from each other, so that '
                'no stereo pair can be made; match others of the rig'
            )

    @property
    def baseline_m(self) -> float:
        return float(np.linalg.norm(self.right_from_left[:3, 3]))

    @property
    def focal_px(self) -> float:
        """Focal length of the rectified pair."""
        return float(self.left.matrix[0, 0])

    def rectify_left(self, points: np.ndarray) -> Array:
        """Map (N, 2) px of the left image to rectified px; NaN where that has no image."""
        return self._rectify(self.left, self._rotations[0], points)

    def rectify_right(self, points: np.ndarray) -> Array:
        """Map (N, 2) px of the right image; see `rectify_left`."""
        return self._rectify(self.right, self._rotations[1], points)

    def unrectify_left(self, points: np.ndarray) -> Array:
        """Map (N, 2) rectified px to px of the left image."""
        return self._unrectify(self.left, self._rotations[0], points)

    def unrectify_right(self, points: np.ndarray) -> Array:
        """Map (N, 2) rectified px to px of the right image."""
        return self._unrectify(self.right, self._rotations[1], points)

    def depth(self, left: np.ndarray, disparities: np.ndarray) -> Array:
        """Return the depth (N,) m along the left camera's optical axis.

        left: (N, 2) rectified px in the left view; disparities: (N,) px, above 0.
        """
        rays = np.column_stack([left / self.focal_px, np.ones(len(left))])
        along = rays @ self._rotations[0][:, 2]  # of the optical axis, for a rectified z of 1
        return along * (self.focal_px * self.baseline_m / disparities)

    @cached_property
    def _rotations(self) -> tuple[Array, Array]:
        """Rotations (3, 3) of the left and the right optical frame into the rectified one.

        x is the baseline; z is as near as it can be to the mean of both optical axes. NaN when
        that mean is 0, or on the baseline.
        """
        right_from_left = self.right_from_left[:3, :3]
        centre = -right_from_left.T @ self.right_from_left[:3, 3]  # of the right, in the left
        x = centre / np.linalg.norm(centre)
        forward = np.array([0.0, 0.0, 1.0]) + right_from_left[2]
        z = forward - x * (forward @ x)
        length = np.linalg.norm(z)
        z /= length if length > LEAST_FORWARD else np.nan
        from_left = np.stack([x, np.cross(z, x), z])
        return from_left, from_left @ right_from_left.T

    def _rectify(self, camera: Camera, rotation: Array, points: np.ndarray) -> Array:
        rays = np.column_stack([camera.normalise(points), np.ones(len(points))]) @ rotation.T
        depth = np.where(rays[:, 2] > 0, rays[:, 2], np.nan)
        return rays[:, :2] * (self.focal_px / depth)[:, None]

    def _unrectify(self, camera: Camera, rotation: Array, points: np.ndarray) -> Array:
        rays = np.column_stack([points / self.focal_px, np.ones(len(points))])
        return camera.project(rays @ rotation)


def stereo_from_infos(left: Any, right: Any, rectified: bool) -> StereoCamera | None:
    """Return the pair that two CameraInfo describe; None when one is not calibrated.

    rectified: the images are, so that P alone holds; else K and D with the pair's R and P.

    Raises:
        CameraError: the fields are not of a calibrated pair.
    """
    cameras = camera_from_info(left, rectified), camera_from_info(right, rectified)
    if cameras[0] is None or cameras[1] is None:
        return None
    (rotation_left, centre_left), (rotation_right, centre_right) = map(
        place_from_info, (left, right)
    )
    if rectified:
        rotation_left = rotation_right = np.eye(3)
    pose = np.eye(4)
    pose[:3, :3] = rotation_right.T @ rotation_left
    pose[:3, 3] = rotation_right.T @ (centre_left - centre_right)
    return StereoCamera(cameras[0], cameras[1], pose)
