"""EuRoC MAV in the ASL layout, or an excerpt of it.

Published: `mav0/cam0` with `data/`, `data.csv` and `sensor.yaml`, and
`mav0/state_groundtruth_estimate0/data.csv`.
Excerpt: `cam0/*.png` named by stamps in nanoseconds, `cam0/sensor.yaml`, and a ground truth
`euroc_*.txt` (stamp_s tx ty tz qx qy qz qw). Both state the pose of the body (the IMU); the
camera's place on it (`T_BS`) turns that into the pose of the camera's optical frame.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.datasets.files import NUMBER, FilesSource, ImageFiles, numbers, pinhole, read_rows
from alike_ros.datasets.trajectory import PoseTruth, Trajectory, trajectory_from_rows
from alike_ros.datasets.tum import read_trajectory
from alike_ros.errors import DatasetError
from alike_ros.rig import Rig

Array = NDArray[np.float64]


class EurocSource(FilesSource):
    """One camera, 'cam0' (left) or 'cam1', of one sequence.

    body_from_camera: (4, 4) m, the pose of the camera's optical frame on the body (`T_BS`).

    Raises:
        DatasetError: files are missing or contradict each other.
    """

    def __init__(self, path: Path, *, camera: str = 'cam0') -> None:
        self.path = path / 'mav0' if (path / 'mav0').is_dir() else path
        folder = self.path / camera
        paths = _images(folder)
        stamps = [_name_as_ns(image) for image in paths]
        self._files = ImageFiles(paths, stamps, f'euroc_{camera}_optical_frame')
        self.name = 'euroc' if path.name in ('euroc', 'mav0') else f'euroc_{path.name}'
        self.camera, self.body_from_camera = _read_sensor(folder / 'sensor.yaml')
        self.truth = self._read_truth()

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether the folder, or `mav0` in it, has a `cam0` with its `sensor.yaml`."""
        return any((path / middle / 'cam0' / 'sensor.yaml').is_file() for middle in ('', 'mav0'))

    def _read_truth(self) -> PoseTruth | None:
        trajectory = _body_trajectory(self.path)
        if trajectory is None:
            return None
        bodies = [trajectory.at(stamp) for stamp in self._files.stamps_ns]
        return PoseTruth(
            [None if body is None else body @ self.body_from_camera for body in bodies]
        )


def open_rig(path: Path) -> tuple[Rig, list[EurocSource]]:
    """Return the rig of cam0 and cam1 of one sequence, and their images.

    Raises:
        DatasetError: files are missing or contradict each other.
    """
    sources = [EurocSource(path, camera=name) for name in ('cam0', 'cam1')]
    cameras = tuple(source.camera for source in sources)
    return Rig(cameras, tuple(source.body_from_camera for source in sources)), sources


def read_rig(path: Path, count: int) -> Rig:
    """Return the rig that `cam0/sensor.yaml`, `cam1/sensor.yaml`, … of a folder describe.

    Raises:
        DatasetError: a file is missing or is no calibration.
    """
    folder = path / 'mav0' if (path / 'mav0').is_dir() else path
    sensors = [_read_sensor(folder / f'cam{index}' / 'sensor.yaml') for index in range(count)]
    cameras, poses = zip(*sensors, strict=True)
    return Rig(cameras, poses)


def _images(folder: Path) -> list[Path]:
    """Find the images that are there; data.csv may list more, and is not needed."""
    place = folder / 'data' if (folder / 'data').is_dir() else folder
    paths = sorted(place.glob('*.png'))
    if not paths:
        raise DatasetError(
            f'{place}: expected PNG images named by nanoseconds, got none; unpack the sequence'
        )
    return paths


def _name_as_ns(path: Path) -> int:
    if not path.stem.isdigit():
        raise DatasetError(f'{path}: expected a name in nanoseconds, such as 1403715273262142976')
    return int(path.stem)


def _body_trajectory(path: Path) -> Trajectory | None:
    table = path / 'state_groundtruth_estimate0' / 'data.csv'
    if table.is_file():
        return _read_states(table)
    notes = sorted(path.glob('euroc_*.txt'))
    return read_trajectory(notes[0]) if notes else None


def _read_states(path: Path) -> Trajectory:
    """Rows `ns, px, py, pz, qw, qx, qy, qz, …`."""
    rows = []
    for row in read_rows(path, 8, 'stamp, position and quaternion', separator=','):
        if not row[0].isdigit():
            raise DatasetError(f'{path}: expected nanoseconds, got {row[0]!r}; copy it again')
        x, y, z, qw, qx, qy, qz = numbers(row[1:8], path)
        rows.append((int(row[0]), [x, y, z, qx, qy, qz, qw]))
    return trajectory_from_rows(rows, path)


def _read_sensor(path: Path) -> tuple[Camera, Array]:
    """Return a camera and its pose on the body, (4, 4) m."""
    text = _read_text(path)
    pose = np.array(_list_of(text, 'data', 16, path)).reshape(4, 4)
    return _camera(text, path), pose


def _read_text(path: Path) -> str:
    """Return the text without comments; its first line is no valid YAML."""
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f'{path} cannot be read: {error}; copy it there') from error
    return re.sub(r'#.*', '', text)


def _list_of(text: str, key: str, count: int, path: Path) -> list[float]:
    match = re.search(rf'^\s*{key}:\s*\[([^\]]*)\]', text, re.MULTILINE)
    values = [float(number) for number in re.findall(NUMBER, match[1])] if match else []
    if len(values) != count:
        raise DatasetError(f'{path}: expected {count} numbers at {key!r}, got {len(values)}')
    return values


def _camera(text: str, path: Path) -> Camera:
    match = re.search(r'^distortion_model:\s*(\S+)', text, re.MULTILINE)
    model = match[1] if match else 'nothing'
    if model not in ('radial-tangential', 'radtan'):
        raise DatasetError(f'{path}: expected distortion_model radial-tangential, got {model}')
    width, height = _list_of(text, 'resolution', 2, path)
    distortion = tuple(_list_of(text, 'distortion_coefficients', 4, path))
    return pinhole(_list_of(text, 'intrinsics', 4, path), distortion, (int(width), int(height)))
