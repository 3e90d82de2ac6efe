"""Intrinsics and distortion of one camera: pixels to rays and back.

ROI and binning of a CameraInfo are applied as image_geometry's PinholeCameraModel does it: the
ROI's offset is subtracted from the principal point, then focal lengths and principal point are
divided by the binning. `roi.do_rectify` changes nothing there, nor here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.distortion import distort, distort_fisheye, undistort, undistort_fisheye
from alike_ros.errors import CameraError

# Coefficients that a model may have, in OpenCV's order; 12 and 14 add its thin prism and tilt.
COEFFICIENTS = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
LARGEST_PX = 1e8  # of a focal length or principal point; its inverse is the smallest focal length
LARGEST_BASELINE_M = 1e4
_MODEL_ALIASES = {'fisheye': 'equidistant', 'radtan': 'plumb_bob'}


@dataclass(frozen=True)
class Camera:
    """A calibrated camera, for pixels of its images as they are published.

    matrix: (3, 3) float64, px.
    distortion: coefficients in OpenCV's order for `model`; empty is none, and for 'equidistant'
        an ideal fisheye.
    model: 'plumb_bob', 'rational_polynomial' or 'equidistant'.
    image_size: (width, height) px; (0, 0) is not known.

    Making one raises CameraError when these are not of a camera.
    """

    matrix: NDArray[np.float64]
    distortion: tuple[float, ...] = ()
    model: str = 'plumb_bob'
    image_size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'matrix', np.array(self.matrix, np.float64))
        object.__setattr__(self, 'distortion', tuple(float(d) for d in self.distortion))
        _check_matrix(self.matrix)
        _check_distortion(self.model, self.distortion)

    @np.errstate(all='ignore')  # coefficients of no lens overflow on the way to NaN
    def normalise(self, points: np.ndarray) -> NDArray[np.float32]:
        """Map (N, 2) px to (N, 2) on the plane z = 1 of the optical frame, undistorted.

        NaN where the distortion has no inverse, as it may happen far outside of the image.
        """
        pixels = np.asarray(points, np.float64).reshape(-1, 2)
        distorted = (pixels - self.matrix[:2, 2]) / self.matrix[[0, 1], [0, 1]]
        if self.model == 'equidistant':
            return undistort_fisheye(distorted, self.distortion).astype(np.float32)
        if any(self.distortion):
            return undistort(distorted, self.distortion).astype(np.float32)
        return distorted.astype(np.float32)

    def project(self, points: np.ndarray) -> NDArray[np.float64]:
        """Map (N, 3) m in the optical frame to (N, 2) px; NaN at and behind the camera."""
        scene = np.asarray(points, np.float64).reshape(-1, 3)
        pixels = np.full((len(scene), 2), np.nan)
        front = scene[:, 2] > 0
        if not front.any():
            return pixels
        rays = scene[front, :2] / scene[front, 2:]
        if self.model == 'equidistant':
            rays = distort_fisheye(rays, self.distortion)
        elif any(self.distortion):
            rays, _ = distort(rays, self.distortion)
        pixels[front] = rays * self.matrix[[0, 1], [0, 1]] + self.matrix[:2, 2]
        return pixels


def camera_from_info(msg: Any, rectified: bool = False) -> Camera | None:
    """Return the camera of the images that a CameraInfo (ROS 1 or 2) goes with.

    rectified: the images are rectified, so that P holds and there is no distortion; rays are
        then of the rectified camera.
    None when the camera is not calibrated, which the message says by K[0] = 0.

    Raises:
        CameraError: the fields are not of a camera.
    """
    intrinsics = _numbers(msg, 'k', 9).reshape(3, 3)
    if intrinsics[0, 0] == 0:
        return None
    if rectified:
        matrix, model, distortion = _projection(msg)[:, :3], 'plumb_bob', np.zeros(0)
    else:
        matrix, distortion = intrinsics, _numbers(msg, 'd')
        model = _model(msg.distortion_model, distortion)
        distortion = distortion if distortion.any() else np.zeros(0)
    return Camera(_as_published(matrix, msg), tuple(distortion), model, _image_size(msg))


def place_from_info(msg: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where a camera of a calibrated pair is: its R (3, 3) and its centre (3,) m.

    R turns its optical frame into the pair's rectified one, in which the centre is given; P says
    it by -P[3] / P[0] and -P[7] / P[5] (sensor_msgs/CameraInfo).

    Raises:
        CameraError: P or R is not of a calibrated camera.
    """
    projection, rotation = _projection(msg), _numbers(msg, 'r', 9).reshape(3, 3)
    small = np.abs(rotation).max() < 2  # false for NaN
    if not (small and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)):
        raise CameraError(
            f'expected a rotation in R of camera_info, got {rotation.tolist()}; calibrate the '
            'cameras as a pair'
        )
    with np.errstate(all='ignore'):
        centre = -projection[:2, 3] / projection[[0, 1], [0, 1]]
    if not np.abs(centre).max() < LARGEST_BASELINE_M:
        raise CameraError(
            f'expected P of camera_info to say where the camera is in metres, got '
            f'{projection.tolist()}; calibrate the cameras as a pair'
        )
    return rotation, np.append(centre, 0.0)


def camera_info_fields(camera: Camera) -> dict[str, Any]:
    """Return the fields of sensor_msgs/CameraInfo without header, for an unrectified camera."""
    width, height = camera.image_size
    projection = np.column_stack([camera.matrix, np.zeros(3)])
    zeros = [0.0] * COEFFICIENTS[camera.model][-1]
    return {
        'height': height,
        'width': width,
        'distortion_model': camera.model,
        'd': list(camera.distortion) or zeros,
        'k': camera.matrix.ravel().tolist(),
        'r': np.eye(3).ravel().tolist(),
        'p': projection.ravel().tolist(),
    }


def camera_from_yaml(path: Path) -> Camera | None:
    """Read the file that camera_calibration writes (ost.yaml, camera_info.yaml).

    Raises:
        CameraError: not such a file, or not of a camera.
        OSError: it cannot be read.
    """
    import yaml

    try:
        fields = yaml.safe_load(path.read_text(encoding='utf-8'))
        info = SimpleNamespace(
            width=int(fields['image_width']),
            height=int(fields['image_height']),
            distortion_model=fields['distortion_model'],
            d=fields['distortion_coefficients']['data'],
            k=fields['camera_matrix']['data'],
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CameraError(
            f'{path} is not a calibration as camera_calibration writes it '
            f'({type(error).__name__}: {error}); expected image_width, image_height, '
            f'camera_matrix, distortion_model and distortion_coefficients'
        ) from error
    return camera_from_info(info)


def _check_matrix(matrix: np.ndarray) -> None:
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise CameraError(f'expected a 3 x 3 camera matrix of finite numbers, got {matrix}')
    off_pattern = matrix[[0, 1, 2, 2], [1, 0, 0, 1]].any() or matrix[2, 2] != 1
    in_pixels = matrix[[0, 1], [0, 1]].min() > 1 / LARGEST_PX and np.abs(matrix).max() < LARGEST_PX
    if off_pattern or not in_pixels:
        raise CameraError(
            f'expected a camera matrix [fx 0 cx; 0 fy cy; 0 0 1] with fx, fy > 0 in px, got '
            f'{matrix.tolist()}; calibrate the camera again'
        )


def _check_distortion(model: str, distortion: tuple[float, ...]) -> None:
    if model not in COEFFICIENTS:
        known = ', '.join(COEFFICIENTS)
        raise CameraError(f'unknown distortion model {model!r}; expected one of {known}')
    if distortion and len(distortion) not in COEFFICIENTS[model]:
        wanted = ' or '.join(map(str, COEFFICIENTS[model]))
        raise CameraError(f'{model} has {wanted} coefficients, got {len(distortion)}')
    if not np.isfinite(distortion).all():
        raise CameraError(f'expected finite distortion coefficients, got {distortion}')


def _numbers(msg: Any, name: str, count: int | None = None) -> np.ndarray:
    """Read a field by its name in ROS 2, or in upper case as ROS 1 has it."""
    values = getattr(msg, name) if hasattr(msg, name) else getattr(msg, name.upper())
    try:
        numbers = np.array(values, np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise CameraError(f'expected numbers in {name} of camera_info, got {values}') from error
    if count is not None and len(numbers) != count:
        raise CameraError(f'expected {count} numbers in {name} of camera_info, got {len(numbers)}')
    return numbers


def _projection(msg: Any) -> np.ndarray:
    projection = _numbers(msg, 'p', 12).reshape(3, 4)
    if projection[0, 0] == 0:
        raise CameraError(
            'P is needed, for rectified images or a pair of cameras, but P of their camera_info '
            'is zero; calibrate the camera, or give the unrectified images'
        )
    return projection


def _model(name: str, distortion: np.ndarray) -> str:
    if not distortion.any() and name in ('', 'none', 'None'):
        return 'plumb_bob'
    return _MODEL_ALIASES.get(name, name)


def _as_published(matrix: np.ndarray, msg: Any) -> np.ndarray:
    """Bring the matrix of the full image to the image as sent: ROI first, then binning."""
    matrix = matrix.copy()
    roi = getattr(msg, 'roi', None)
    if roi is not None:
        matrix[:2, 2] -= roi.x_offset, roi.y_offset
    matrix[:2] /= np.array(_binning(msg))[:, None]
    return matrix


def _binning(msg: Any) -> tuple[int, int]:
    """0 means the same as 1, says the message's definition."""
    return max(1, getattr(msg, 'binning_x', 1)), max(1, getattr(msg, 'binning_y', 1))


def _image_size(msg: Any) -> tuple[int, int]:
    """(width, height) px of the image as sent; a ROI of no size is the full image."""
    roi, (binning_x, binning_y) = getattr(msg, 'roi', None), _binning(msg)
    width, height = msg.width, msg.height
    if roi is not None and roi.width > 0 and roi.height > 0:
        width, height = roi.width, roi.height
    return width // binning_x, height // binning_y
