"""KITTI odometry: a folder of one sequence as it is published, or an excerpt of it.

Published: `image_0` (or `image_2`…), `times.txt`, `calib.txt`, and `poses/NN.txt` beside it or
beside `sequences`. Excerpt: numbered images in the folder itself, `times.txt`, `intrinsics.txt`
and `poses_kitti.txt`. Images are rectified. Stamps count from the start of the drive.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.datasets.files import (
    FilesSource,
    ImageFiles,
    numbers,
    pinhole,
    read_intrinsics,
    read_rows,
    stamp_ns,
)
from alike_ros.datasets.trajectory import PoseTruth
from alike_ros.errors import DatasetError

Array = NDArray[np.float64]

CAMERAS = ('image_0', 'image_1', 'image_2', 'image_3')
FRAME_ID = 'kitti_camera_optical_frame'


class KittiSource(FilesSource):
    """One camera of one sequence.

    `camera` names its folder, such as 'image_2'; '' takes the first that is there.

    Raises:
        DatasetError: files are missing or contradict each other.
    """

    def __init__(self, path: Path, *, camera: str = '') -> None:
        self.path = _sequence_folder(path)
        folder = _image_folder(self.path, camera)
        rows = read_rows(self.path / 'times.txt', 1, 'the time of each image in seconds')
        paths = sorted(folder.glob('*.png'))
        if not paths:
            raise DatasetError(f'{folder} holds no PNG images; unpack the sequence there')
        lines = _lines_of(paths, len(rows), self.path)
        stamps = [stamp_ns(rows[line][0], self.path / 'times.txt') for line in lines]
        self.name = f'kitti_{self.path.name}' if self.path.name.isdigit() else 'kitti'
        self._files = ImageFiles(paths, stamps, FRAME_ID)
        size = self._files.image_size()
        self.camera, offset = _calibration(self.path, folder.name, size)
        self.truth = _truth(self.path, lines, len(rows), offset)

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether the folder has the files of a sequence, or holds `sequences`."""
        if (path / 'sequences').is_dir():
            return True
        own_images = any((path / name).is_dir() for name in CAMERAS)
        excerpt = (path / 'poses_kitti.txt').is_file()
        return (path / 'times.txt').is_file() and (own_images or excerpt)


def _sequence_folder(path: Path) -> Path:
    if not (path / 'sequences').is_dir():
        return path
    found = sorted(folder for folder in (path / 'sequences').iterdir() if folder.is_dir())
    if len(found) == 1:
        return found[0]
    names = ', '.join(folder.name for folder in found) or 'none'
    raise DatasetError(f'{path} holds several sequences ({names}); name one: {path}/sequences/00')


def _image_folder(path: Path, camera: str) -> Path:
    if camera:
        if not (path / camera).is_dir():
            raise DatasetError(f'{path} has no folder {camera}; choose one of {CAMERAS}')
        return path / camera
    return next((path / name for name in CAMERAS if (path / name).is_dir()), path)


def _lines_of(paths: Sequence[Path], count: int, folder: Path) -> list[int]:
    """Which line of times.txt belongs to each image: file names are frame numbers.

    An excerpt starts at its first number; images may be missing in the middle.
    """
    wrong = [path.name for path in paths if not path.stem.isdigit()]
    if wrong:
        raise DatasetError(f'{folder}: expected images named 000000.png…, got {wrong[0]}')
    found = [int(path.stem) for path in paths]
    if found[-1] < count:
        return found
    if found[-1] - found[0] + 1 == count:
        return [number - found[0] for number in found]
    raise DatasetError(
        f'{folder}: times.txt has {count} lines, which does not fit images {found[0]} to '
        f'{found[-1]}; expected one line for each frame number: take the times of this sequence'
    )


def _calibration(path: Path, folder: str, size: tuple[int, int]) -> tuple[Camera | None, Array]:
    """Return the camera and its centre (3,) m in the frame of camera 0, whose poses are given."""
    if not (path / 'calib.txt').is_file():
        note = path / 'intrinsics.txt'
        return (read_intrinsics(note, size) if note.is_file() else None), np.zeros(3)
    label = f'P{folder[-1] if folder in CAMERAS else 0}:'
    for row in read_rows(path / 'calib.txt', 13, 'a label and a 3 x 4 projection matrix'):
        if row[0] == label:
            projection = np.array(numbers(row[1:13], path / 'calib.txt')).reshape(3, 4)
            k = projection[:, :3]
            centre = -np.linalg.solve(k, projection[:, 3])
            return pinhole([k[0, 0], k[1, 1], k[0, 2], k[1, 2]], (), size), centre
    raise DatasetError(f'{path}/calib.txt has no line {label} for {folder}; copy it again')


def _truth(path: Path, lines: list[int], count: int, offset: Array) -> PoseTruth | None:
    places = (
        path / 'poses_kitti.txt',
        path / 'poses' / f'{path.name}.txt',
        path.parent / 'poses' / f'{path.name}.txt',
        path.parents[1] / 'poses' / f'{path.name}.txt' if len(path.parents) > 1 else path,
    )
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None
    rows = read_rows(file, 12, 'a 3 x 4 pose')
    if len(rows) != count:
        raise DatasetError(
            f'{file} has {len(rows)} poses and times.txt {count} lines; expected as many: take '
            'both from the same sequence'
        )
    return PoseTruth([_pose(numbers(rows[line][:12], file), offset) for line in lines])


def _pose(values: list[float], offset: Array) -> Array:
    pose = np.eye(4)
    pose[:3] = np.array(values).reshape(3, 4)
    pose[:3, 3] += pose[:3, :3] @ offset
    return pose
