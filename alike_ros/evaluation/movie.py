"""Pictures into an mp4 file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from alike_ros.closing import Closing
from alike_ros.errors import AlikeError
from alike_ros.structures import ImageArray

PICTURES_TO_JUDGE = 8
DEFAULT_RATE = 30.0


class MovieWriter(Closing):
    """Writes RGB pictures as MPEG-4 at the rate of their stamps; no picture, no file.

    The rate is one over the median spacing of the first pictures, which wait for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[ImageArray] = []
        self._stamps_ns: list[int] = []
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, picture: ImageArray, stamp_ns: int) -> None:
        """Append an (H, W, 3) RGB picture; one of another size is fitted to the first.

        Raises:
            AlikeError: the file cannot be made.
        """
        if self._writer is not None:
            self._append(picture)
            return
        self._waiting.append(picture)
        self._stamps_ns.append(stamp_ns)
        if len(self._waiting) == PICTURES_TO_JUDGE:
            self._open()

    def close(self) -> None:
        """Complete the file."""
        if self._writer is None and self._waiting:
            self._open()
        if self._writer is not None:
            self._writer.release()

    def _open(self) -> None:
        height, width = self._waiting[0].shape[:2]
        self._size = width // 2 * 2, height // 2 * 2  # the codec takes even sizes only
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fourcc = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self.path), fourcc, _rate(self._stamps_ns), self._size)
        if not writer.isOpened():
            raise AlikeError(f'cannot write {self.path}: is its folder writable, the disk full?')
        self._writer = writer
        for picture in self._waiting:
            self._append(picture)
        self._waiting = []

    def _append(self, picture: ImageArray) -> None:
        assert self._writer is not None
        width, height = self._size
        if picture.shape[0] // 2 * 2 == height and picture.shape[1] // 2 * 2 == width:
            picture = picture[:height, :width]
        else:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        self._writer.write(np.ascontiguousarray(picture[:, :, ::-1]))


def _rate(stamps_ns: list[int]) -> float:
    """Return pictures a second, within what players take."""
    spacing_s = float(np.median(np.diff(stamps_ns))) * 1e-9 if len(stamps_ns) > 1 else 0.0
    return min(max(round(1 / spacing_s, 3), 1.0), 120.0) if spacing_s > 0 else DEFAULT_RATE
