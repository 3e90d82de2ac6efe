"""Several cameras fixed to one body: where they are, and which of them see the same scene."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from alike_ros.camera import Camera
from alike_ros.errors import CameraError
from alike_ros.stereo_camera import Array, StereoCamera

MAX_CAMERAS = 8
GRID = 12  # points a side, over an image, that are looked for in the other one


@dataclass(frozen=True)
class Rig:
    """Up to 8 calibrated cameras.

    body_from_camera: for each camera (4, 4) m, the pose of its optical frame on the body.

    Making one raises CameraError when there are too many, or a pose is missing.
    """

    cameras: tuple[Camera, ...]
    body_from_camera: tuple[Array, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.cameras) <= MAX_CAMERAS:
            raise CameraError(
                f'expected 1 to {MAX_CAMERAS} cameras, got {len(self.cameras)}; split the rig'
            )
        if len(self.body_from_camera) != len(self.cameras):
            raise CameraError(
                f'expected a pose for each of {len(self.cameras)} cameras, got '
                f'{len(self.body_from_camera)}; calibrate the others too'
            )

    def __len__(self) -> int:
        return len(self.cameras)

    def stereo(self, left: int, right: int) -> StereoCamera:
        """Return two of the cameras as a pair; CameraError when they cannot be one."""
        pose = np.linalg.inv(self.body_from_camera[right]) @ self.body_from_camera[left]
        return StereoCamera(self.cameras[left], self.cameras[right], pose)

    def overlaps(
        self, min_share: float = 0.1, depth_m: float = 5.0
    ) -> dict[tuple[int, int], StereoCamera]:
        """Return the pairs (left, right), left < right, of cameras that see the same scene.

        They do when at least `min_share` of the left image, at `depth_m` in front of the left
        camera, lies in the right one. Pairs that give no depth are left out.

        Raises:
            CameraError: a camera's image size is not known.
        """
        if not all(all(camera.image_size) for camera in self.cameras):
            raise CameraError(
                'expected the image size of every camera, got '
                f'{[camera.image_size for camera in self.cameras]}; set it in the calibration'
            )
        found = {}
        for left, right in combinations(range(len(self)), 2):
            try:
                stereo = self.stereo(left, right)
            except CameraError:  # at one place, or back to back
                continue
            if _share(stereo, depth_m) >= min_share:
                found[left, right] = stereo
        return found


def _share(stereo: StereoCamera, depth_m: float) -> float:
    width, height = stereo.left.image_size
    grid = np.stack(np.meshgrid(*(np.linspace(0, side - 1, GRID) for side in (width, height))))
    rays = stereo.left.normalise(grid.reshape(2, -1).T)
    scene = np.column_stack([rays, np.ones(len(rays))]) * depth_m
    pose = stereo.right_from_left
    pixels = stereo.right.project(scene @ pose[:3, :3].T + pose[:3, 3])
    limits = np.array(stereo.right.image_size) - 1
    return float(((pixels >= 0) & (pixels <= limits)).all(axis=1).mean())
