"""Sequences of images, whatever holds them: one protocol, and the dispatch that opens one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.errors import DatasetError
from alike_ros.structures import Frame

ACCEPTED = (
    "'room', 'camera0', a folder of images, a movie, a KITTI, TUM or EuRoC folder, "
    'or a bag (.bag, .db3, .mcap, or the folder of a recording)'
)


class GroundTruth(Protocol):
    """What is known exactly about a sequence; an index counts its frames from 0."""

    def pose(self, index: int) -> NDArray[np.float64] | None:
        """(4, 4) T_world_camera in metres; None when this frame has none."""

    def transfer(
        self, points: NDArray[np.floating], index_a: int, index_b: int
    ) -> NDArray[np.float64]:
        """Where the scene points under (N, 2) px of frame a are in frame b.

        (N, 2) px; NaN where hidden, outside of the image, or not known.
        """


class Source(Protocol):
    """A sequence of images in order of time; iterating again starts over, except live."""

    @property
    def name(self) -> str:
        """Short, for titles and file names."""

    @property
    def camera(self) -> Camera | None:
        """The camera of all its images; None when not known."""

    @property
    def truth(self) -> GroundTruth | None:
        """What is known exactly; None when nothing is."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; one that cannot be read is logged, counted and left out."""

    def __len__(self) -> int:
        """Count of frames; 0 when it is not known beforehand."""


def open_source(spec: str, topic: str = '') -> Source:
    """Open what `spec` names.

    '' or 'room' is the rendered room; 'camera0' a live camera; otherwise the path of a folder of
    images, a movie, a KITTI, TUM or EuRoC folder (recognised by its files) or a bag. `topic`
    chooses the image topic of a bag; '' takes the first.

    Raises:
        DatasetError: nothing is there, or it is none of these.
    """
    if spec in ('', 'room'):
        from alike_ros.datasets.room import RoomSource

        return RoomSource()
    if match := re.fullmatch(r'camera(\d+)', spec):
        from alike_ros.sources.video import LiveSource

        return LiveSource(int(match[1]))
    path = Path(spec).expanduser()
    if not path.exists():
        raise DatasetError(f'{spec} is not there; expected {ACCEPTED}')
    return _open_folder(path, topic) if path.is_dir() else _open_file(path, topic)


def _open_folder(path: Path, topic: str) -> Source:
    from alike_ros.bags import BagSource, is_bag
    from alike_ros.datasets.euroc import EurocSource
    from alike_ros.datasets.kitti import KittiSource
    from alike_ros.datasets.tum import TumSource
    from alike_ros.sources.folder import FolderSource

    for dataset in (EurocSource, KittiSource, TumSource):
        if dataset.recognises(path):
            return dataset(path)
    if is_bag(path):
        return BagSource(path, topic)
    try:
        return FolderSource(path)
    except DatasetError as error:
        raise DatasetError(f'{error}. Accepted are {ACCEPTED}') from error


def _open_file(path: Path, topic: str) -> Source:
    from alike_ros.bags import BagSource, is_bag
    from alike_ros.sources.folder import IMAGE_SUFFIXES
    from alike_ros.sources.video import MovieSource

    if is_bag(path):
        return BagSource(path, topic)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise DatasetError(f'{path} is a single image; give the folder that it lies in')
    try:
        return MovieSource(path)
    except DatasetError as error:
        raise DatasetError(f'{error}. Accepted are {ACCEPTED}') from error
