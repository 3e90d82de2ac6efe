"""How the images of a set are calibrated, and which cameras are pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alike_ros.camera import Camera
from alike_ros.errors import CameraError
from alike_ros.rig import Rig
from alike_ros.rig_frontend import Pairs
from alike_ros.ros.frontend.calibration import CalibrationBook
from alike_ros.ros.frontend.journal import Journal
from alike_ros.stereo_camera import stereo_from_infos
from alike_ros.structures import Frame

Cameras = Sequence[Camera | None]


class Geometry:
    """Cameras by their camera_info, and no pairs: a camera_info does not say where a camera is."""

    def __init__(self, books: tuple[CalibrationBook, ...]) -> None:
        self._books = books

    @property
    def trouble(self) -> str:
        """Why coordinates or depths of the newest set are NaN; empty when they are not."""
        return next((book.trouble for book in self._books if book.trouble), '')

    def at(self, frames: Sequence[Frame]) -> tuple[Cameras, Pairs]:
        """Return the cameras of a set of frames, None where not known, and the pairs of them."""
        cameras = [
            book.camera_for(frame.stamp_ns, _size(frame))
            for book, frame in zip(self._books, frames, strict=True)
        ]
        known = all(camera is not None for camera in cameras)
        return cameras, self._pairs_at([frame.stamp_ns for frame in frames]) if known else {}

    def _pairs_at(self, stamps: list[int]) -> Pairs:
        return {}


class PairGeometry(Geometry):
    """Two cameras whose camera_info describe a calibrated pair."""

    def __init__(
        self, journal: Journal, books: tuple[CalibrationBook, ...], rectified: bool
    ) -> None:
        super().__init__(books)
        self._journal = journal
        self._rectified = rectified
        self._infos: tuple[Any, Any] = (None, None)
        self._pairs: Pairs = {}
        self._no_pair = ''

    @property
    def trouble(self) -> str:
        return super().trouble or self._no_pair

    def _pairs_at(self, stamps: list[int]) -> Pairs:
        left, right = map(CalibrationBook.info_for, self._books, stamps)
        if left is not self._infos[0] or right is not self._infos[1]:
            self._infos, self._pairs = (left, right), self._pairs_of(left, right)
        return self._pairs

    def _pairs_of(self, left: Any, right: Any) -> Pairs:
        self._no_pair = ''
        try:
            pair = stereo_from_infos(left, right, self._rectified)
        except CameraError as error:
            self._no_pair = f'there are no stereo matches and no depths: {error}'
            self._journal.warn('stereo pair', self._no_pair)
            return {}
        return {} if pair is None else {(0, 1): pair}


class FixedGeometry(Geometry):
    """The rig of a calibration file; pairs are the cameras that see the same scene."""

    def __init__(self, journal: Journal, rig: Rig) -> None:
        """Raise CameraError where `Rig.overlaps` does."""
        super().__init__(())
        self._misfit = ''
        self._journal = journal
        self._rig = rig
        self._pairs = rig.overlaps()

    @property
    def trouble(self) -> str:
        return self._misfit

    def at(self, frames: Sequence[Frame]) -> tuple[Cameras, Pairs]:
        """Return the cameras and pairs; for images of another size None, and no pairs."""
        fits = [
            camera.image_size == _size(frame)
            for camera, frame in zip(self._rig.cameras, frames, strict=True)
        ]
        if all(fits):
            self._misfit = ''
            return self._rig.cameras, self._pairs
        wrong = fits.index(False)
        self._misfit = (
            f'rig_calibration describes images of {self._rig.cameras[wrong].image_size} of camera '
            f'{wrong}, the image has {_size(frames[wrong])}: x, y, vx, vy and depth are NaN'
        )
        self._journal.warn(
            'rig size', f'{self._misfit}; the calibration must be of this resolution.'
        )
        return [None] * len(frames), {}


def _size(frame: Frame) -> tuple[int, int]:
    height, width = frame.image.shape[:2]
    return width, height
