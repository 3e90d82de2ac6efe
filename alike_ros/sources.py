"""Sequences of images, whatever holds them: one protocol, and the dispatch that opens one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.structures import Frame


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
    """A sequence of images in order of time; iterating again starts over, except live.

    name: short, for titles and file names.
    camera: of all its images; None when not known.
    truth: None when there is none.
    """

    name: str
    camera: Camera | None
    truth: GroundTruth | None

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
    raise NotImplementedError
