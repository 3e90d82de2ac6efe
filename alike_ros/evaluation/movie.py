"""Pictures into a movie: an mp4 file, or a GIF that pages show without a player."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from alike_ros.closing import Closing
from alike_ros.drawing import AGE_OF_FULL_COLOUR, age_colours
from alike_ros.errors import AlikeError, ConfigError
from alike_ros.evaluation.contact_sheet import spread
from alike_ros.structures import ImageArray

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = ('.mp4', '.gif')
PICTURES_TO_JUDGE = 8
DEFAULT_RATE = 30.0
GIF_COLOURS = 64  # of 256, for half as much to load
GIF_SAMPLES = 12  # pictures that the colours are chosen from


@dataclass(frozen=True)
class Look:
    """width: px, 0 that of the pictures. every: takes each so many-th picture.

    rate: pictures a second, 0 that of the stamps.
    """

    width: int = 0
    every: int = 1
    rate: float = 0.0

    def __post_init__(self) -> None:
        if self.width < 0 or self.every < 1 or self.rate < 0:
            raise ConfigError(
                'a movie has a width of 0 (that of the images) or more px, every 1st or more '
                'image, and a rate of 0 (that of the stamps) or more; got '
                f'{self.width}, {self.every} and {self.rate}'
            )


class MovieWriter(Closing):
    """Writes RGB pictures at the rate of their stamps, as the suffix says; no picture, no file.

    The rate is one over the median spacing of the first pictures, which wait for it. A GIF waits
    in memory until it is closed.
    """

    def __init__(self, path: Path, look: Look | None = None) -> None:
        """Begin a movie at a path that ends on one of SUFFIXES.

        Raises:
            AlikeError: a GIF is asked for, and Pillow is not installed.
        """
        self.path = path
        self._look = look or Look()
        self._given = 0
        self._waiting: list[ImageArray] = []
        self._stamps_ns: list[int] = []
        self._file: _File | None = None
        self._size = (0, 0)
        if path.suffix == '.gif':
            _pillow()

    def write(self, picture: ImageArray, stamp_ns: int) -> None:
        """Append an (H, W, 3) RGB picture; one of another size is fitted to the first.

        Raises:
            AlikeError: the file cannot be made.
        """
        self._given += 1
        if (self._given - 1) % self._look.every:
            return
        if not self._waiting and self._file is None:
            self._size = _even_size(picture, self._look.width)
        picture = _fitted(picture, self._size)
        if self._file is not None:
            self._file.append(picture)
            return
        self._waiting.append(picture)
        self._stamps_ns.append(stamp_ns)
        if len(self._waiting) == PICTURES_TO_JUDGE:
            self._open()

    def close(self) -> None:
        """Complete the file."""
        if self._file is None and self._waiting:
            self._open()
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rate = self._look.rate or _rate(self._stamps_ns)
        of_gif = self.path.suffix == '.gif'
        self._file = _Gif(self.path, rate) if of_gif else _Mp4(self.path, rate, self._size)
        for picture in self._waiting:
            self._file.append(picture)
        self._waiting = []


class _File(Protocol):
    def append(self, picture: ImageArray) -> None: ...

    def close(self) -> None: ...


class _Mp4:
    """MPEG-4, written as it comes."""

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), rate, size)
        if not self._writer.isOpened():
            raise AlikeError(f'cannot write {path}: is its folder writable, the disk full?')

    def append(self, picture: ImageArray) -> None:
        self._writer.write(np.ascontiguousarray(picture[:, :, ::-1]))

    def close(self) -> None:
        self._writer.release()


class _Gif:
    """Indexed colours, the same ones for all pictures so that nothing flickers."""

    def __init__(self, path: Path, rate: float) -> None:
        self._path = path
        self._duration_ms = max(
            20, round(100 / rate) * 10
        )  # it counts in hundredths; 0.02 s least
        self._pictures: list[ImageArray] = []

    def append(self, picture: ImageArray) -> None:
        self._pictures.append(picture)

    def close(self) -> None:
        first, *rest = self._indexed()
        first.save(
            self._path,
            save_all=True,
            append_images=rest,
            duration=self._duration_ms,
            loop=0,
            optimize=False,
        )

    def _indexed(self) -> Iterator[Image]:
        pillow = _pillow()
        chosen = spread(len(self._pictures), GIF_SAMPLES)
        samples = np.concatenate([self._pictures[i] for i in chosen])
        ages = np.linspace(1, AGE_OF_FULL_COLOUR, samples.shape[1]).astype(np.uint32)
        bar = np.repeat(age_colours(ages)[None], len(samples) // 50 + 1, axis=0)
        colours = pillow.fromarray(np.concatenate([samples, bar])).quantize(GIF_COLOURS)
        for picture in self._pictures:
            yield pillow.fromarray(picture).quantize(palette=colours, dither=pillow.Dither.NONE)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise AlikeError(
            'a GIF needs Pillow: pip install "alike_ros[report]", or write an .mp4'
        ) from error
    return Image


def _even_size(picture: ImageArray, width: int) -> tuple[int, int]:
    """Return width and height px; MPEG-4 takes even ones only."""
    height_before, width_before = picture.shape[:2]
    width = width or width_before
    height = (
        round(height_before * width / width_before) if width != width_before else height_before
    )
    return max(width // 2 * 2, 2), max(height // 2 * 2, 2)


def _fitted(picture: ImageArray, size: tuple[int, int]) -> ImageArray:
    width, height = size
    if picture.shape[0] // 2 * 2 == height and picture.shape[1] // 2 * 2 == width:
        return np.array(picture[:height, :width])
    how = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def _rate(stamps_ns: list[int]) -> float:
    """Return pictures a second, within what players take."""
    spacing_s = float(np.median(np.diff(stamps_ns))) * 1e-9 if len(stamps_ns) > 1 else 0.0
    return min(max(round(1 / spacing_s, 3), 1.0), 120.0) if spacing_s > 0 else DEFAULT_RATE
