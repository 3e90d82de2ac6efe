"""Movies and live cameras as sources of frames, through OpenCV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import DatasetError
from alike_ros.structures import Frame, ImageArray

logger = logging.getLogger(__name__)

PLAYLISTS = (b'#EXTM3U', b'ffconcat')


class MovieSource:
    """The frames of a movie; stamps are its own, from 0 at the first frame.

    Raises:
        DatasetError: OpenCV decodes no frame of it.
    """

    truth = None
    camera = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = self.path.stem
        if _is_text(self.path) or not self._count_frames():
            raise DatasetError(
                f'{self.path} is no movie that OpenCV decodes, or is damaged; convert it, for '
                f'example with: ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4'
            )

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        capture = self._open()
        try:
            yield from self._frames(capture)
        finally:
            capture.release()

    def _frames(self, capture: cv2.VideoCapture) -> Iterator[Frame]:
        period_ns = 10**9 / (capture.get(cv2.CAP_PROP_FPS) or 30.0)
        stamp_ns, index = -1, 0
        while True:
            read, image = capture.read()
            if not read:
                break
            own_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            # Some containers carry no times, or repeat one: then the frame rate says.
            stamp_ns = own_ns if own_ns > stamp_ns else stamp_ns + round(period_ns)
            yield Frame(_as_rgb(image), max(stamp_ns, 0))
            index += 1
        if index + 1 < self._count:
            logger.warning('%s ends after %d of %d frames', self.path, index, self._count)

    def _count_frames(self) -> bool:
        """Whether a frame can be read."""
        capture = self._open()
        try:
            self._count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            return capture.grab()
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        return cv2.VideoCapture(str(self.path))


class LiveSource:
    """A camera of this computer, without end; stamps are the time of arrival since 1970.

    Raises:
        DatasetError: no such camera, or it stops giving images.
    """

    truth = None
    camera = None

    def __init__(self, number: int) -> None:
        self.name = f'camera{number}'
        self._number = number
        self._open().release()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Frame]:
        capture = self._open()
        try:
            while capture.grab():
                stamp_ns = time.time_ns()
                read, image = capture.retrieve()
                if read:
                    yield Frame(_as_rgb(image), stamp_ns)
            raise DatasetError(f'{self.name} stopped giving images; check that it is plugged in')
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self._number)
        if not capture.isOpened():
            raise DatasetError(
                f'{self.name} does not open; check that it is plugged in, that no other program '
                f'holds it, and that you may read /dev/video{self._number}'
            )
        return capture


def _is_text(path: Path) -> bool:
    """Whether the file begins as text, such as a playlist, which could name other files."""
    if not path.is_file():
        raise DatasetError(f'{path} is not there; give the path of a movie')
    with path.open('rb') as file:
        start = file.read(2048)
    readable = not any(byte < 9 or byte > 126 for byte in start)
    return readable or start.startswith(PLAYLISTS)


def _as_rgb(image: np.ndarray) -> ImageArray:
    if image.ndim == 2:
        return image.astype(np.uint8, copy=False)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
