"""TUM RGB-D: a sequence's folder as it is published, or an excerpt of it.

Published: `rgb.txt`, `rgb/`, `groundtruth.txt`, and `depth.txt`, `depth/` where depth is there.
Excerpt: colour images named by their stamps in the folder itself, `groundtruth.txt`,
`intrinsics.txt`. Ground truth is the pose of the colour camera's optical frame.
"""

from __future__ import annotations

import re
from pathlib import Path

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
from alike_ros.datasets.trajectory import PoseTruth, Trajectory, trajectory_from_rows
from alike_ros.datasets.tum_depth import DepthFiles, DepthTruth
from alike_ros.errors import DatasetError

FRAME_ID = 'tum_camera_optical_frame'

# fx fy cx cy px and k1 k2 p1 p2 k3 of the colour cameras, from the dataset's page "File Formats",
# section "Intrinsic Camera Calibration" (cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats).
# The images of freiburg3 are published undistorted.
INTRINSICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    'freiburg1': ((517.3, 516.5, 318.6, 255.3), (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    'freiburg2': ((520.9, 521.0, 325.1, 249.7), (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    'freiburg3': ((535.4, 539.2, 320.1, 247.6), ()),
}
STAMPED = re.compile(r'\d+\.\d+')


class TumSource(FilesSource):
    """The colour images of one sequence.

    `camera` is None when neither `intrinsics.txt` nor a name with freiburg1, 2 or 3 (in the
    folder's name or in the first lines of its files) tells it.

    Raises:
        DatasetError: files are missing or contradict each other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        paths, stamps = _images(path)
        self._files = ImageFiles(paths, stamps, FRAME_ID)
        self.name = f'tum_{path.name}' if 'freiburg' in path.name else 'tum'
        self.camera = _camera(path, self._files.image_size())
        self.truth = self._read_truth()

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether the folder has the files of a sequence."""
        if (path / 'rgb.txt').is_file() and (path / 'rgb').is_dir():
            return True
        if not (path / 'groundtruth.txt').is_file():
            return False
        return any(STAMPED.fullmatch(image.stem) for image in path.glob('*.png'))

    def _read_truth(self) -> PoseTruth | DepthTruth | None:
        file = self.path / 'groundtruth.txt'
        if not file.is_file():
            return None
        trajectory = read_trajectory(file)
        poses = [trajectory.at(stamp) for stamp in self._files.stamps_ns]
        if all(pose is None for pose in poses):
            raise DatasetError(
                f'{file}: no pose at the time of any image; expected stamps around '
                f'{self._files.stamps_ns[0] * 1e-9:.3f} s: take the file of this sequence'
            )
        depth = self.path / 'depth.txt'
        if self.camera is None or not depth.is_file():
            return PoseTruth(poses)
        listed = _listed(depth, self.path)
        return DepthTruth(poses, self.camera, DepthFiles(*listed), self._files.stamps_ns)


def read_trajectory(path: Path) -> Trajectory:
    """Lines `stamp_s tx ty tz qx qy qz qw`; DatasetError when they are not."""
    rows = read_rows(path, 8, 'stamp tx ty tz qx qy qz qw')
    return trajectory_from_rows(
        [(stamp_ns(row[0], path), numbers(row[1:8], path)) for row in rows], path
    )


def _images(path: Path) -> tuple[list[Path], list[int]]:
    if (path / 'rgb.txt').is_file():
        return _listed(path / 'rgb.txt', path)
    found = [image for image in path.glob('*.png') if STAMPED.fullmatch(image.stem)]
    if not found:
        raise DatasetError(
            f'{path}: expected rgb.txt with rgb/, or images named by their stamps; got none'
        )
    return found, [stamp_ns(image.stem, image) for image in found]


def _listed(file: Path, folder: Path) -> tuple[list[Path], list[int]]:
    """Return the listed images that are there; missing ones are left out."""
    rows = read_rows(file, 2, 'stamp and file name')
    rows = [row for row in rows if (folder / row[1]).is_file()]
    if not rows:
        raise DatasetError(f'{folder} has none of the images that {file.name} lists; unpack them')
    return [folder / row[1] for row in rows], [stamp_ns(row[0], file) for row in rows]


def _camera(path: Path, size: tuple[int, int]) -> Camera | None:
    if (path / 'intrinsics.txt').is_file():
        return read_intrinsics(path / 'intrinsics.txt', size)
    match = re.search(r'freiburg[123]', path.resolve().name + _heads(path))
    return pinhole(*INTRINSICS[match[0]], size) if match else None


def _heads(path: Path) -> str:
    """Return the first lines of the tables, where the published files name their bag."""
    texts = []
    for name in ('rgb.txt', 'groundtruth.txt'):
        if (path / name).is_file():
            with (path / name).open(encoding='utf-8', errors='replace') as file:
                texts.append(file.read(300))
    return ' '.join(texts)
