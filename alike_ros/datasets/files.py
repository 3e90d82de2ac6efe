"""What the dataset folders have in common: images, tables of numbers, intrinsics."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from alike_ros.camera import Camera
from alike_ros.errors import DatasetError, ImageError
from alike_ros.image_decode import decode_pixels
from alike_ros.structures import Frame, ImageArray

logger = logging.getLogger(__name__)


def read_image(path: Path) -> ImageArray:
    """(H, W) uint8 when the file is grey, else (H, W, 3) uint8 RGB; ImageError otherwise."""
    try:
        image = decode_pixels(path.read_bytes())
    except OSError as error:
        raise ImageError(f'{path} cannot be read: {error.strerror}') from error
    except ImageError as error:
        raise ImageError(f'{path}: {error}; copy it again') from error
    if image.dtype != np.uint8:
        raise ImageError(f'{path}: expected 8-bit grey or colour, got {image.dtype}')
    return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])


class ImageFiles:
    """Stamped image files, read only as they are asked for.

    paths and stamps_ns belong together; `skipped` counts images left out since
    iteration began, because they could not be read.
    """

    def __init__(self, paths: Sequence[Path], stamps_ns: Sequence[int], frame_id: str) -> None:
        order = sorted(range(len(paths)), key=lambda k: stamps_ns[k])
        self.paths = [paths[k] for k in order]
        self.stamps_ns = [int(stamps_ns[k]) for k in order]
        self.frame_id = frame_id
        self.skipped = 0
        self._index = {stamp: k for k, stamp in enumerate(self.stamps_ns)}

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        self.skipped = 0
        for index in range(len(self)):
            try:
                yield self.frame(index)
            except ImageError as error:
                self.skipped += 1
                logger.warning('image left out: %s', error)

    def frame(self, index: int) -> Frame:
        """Read one image; ImageError when it cannot be read."""
        return Frame(read_image(self.paths[index]), self.stamps_ns[index], self.frame_id)

    def index_of(self, stamp_ns: int) -> int | None:
        """Return the number of the frame with this stamp; None when there is none."""
        return self._index.get(stamp_ns)

    def image_size(self) -> tuple[int, int]:
        """(W, H) px of the first image that can be read; DatasetError when none can."""
        for path in self.paths:
            try:
                height, width = read_image(path).shape[:2]
            except ImageError:
                continue
            return width, height
        raise DatasetError(f'no image in {self.paths[0].parent} can be read; copy them again')


class FilesSource:
    """Base of sources whose frames are files of images, `_files`."""

    _files: ImageFiles

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._files)

    @property
    def skipped(self) -> int:
        """Images left out since iteration began, because they could not be read."""
        return self._files.skipped

    def frame(self, index: int) -> Frame:
        """Read one frame; ImageError when its image cannot be read."""
        return self._files.frame(index)

    def index_of(self, stamp_ns: int) -> int | None:
        """Return the number of the frame with this stamp; None when there is none."""
        return self._files.index_of(stamp_ns)


def seconds_to_ns(text: str) -> int:
    """Exact, where a float would lose digits; ValueError when it is no number."""
    try:
        return int((Decimal(text) * 1_000_000_000).to_integral_value())
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f'{text!r} is not a time in seconds') from error


def read_rows(
    path: Path, columns: int, what: str, separator: str | None = None
) -> list[list[str]]:
    """Fields of every line that is neither empty nor a comment; at least `columns` of them.

    Raises:
        DatasetError: the file is not there, is not text, or a line is too short.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f'{path} is missing; it holds {what}: copy it beside') from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f'{path} cannot be read as text: {error}; copy it again') from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        fields = [field.strip() for field in line.split(separator)]
        if len(fields) < columns:
            raise DatasetError(
                f'{path}, line {number}: expected {columns} fields ({what}), got {len(fields)}; '
                'the file is cut off or of another dataset'
            )
        rows.append(fields)
    return rows


def numbers(fields: Sequence[str], path: Path) -> list[float]:
    """DatasetError when a field is no number."""
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise DatasetError(f'{path}: expected numbers, got: {error}; copy it again') from error


def stamp_ns(field: str, path: Path) -> int:
    """Convert a time in seconds to nanoseconds; DatasetError when it is no number."""
    try:
        return seconds_to_ns(field)
    except ValueError as error:
        raise DatasetError(f'{path}: {error}; copy it again') from error


NUMBER = r'[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?'


def read_intrinsics(path: Path, image_size: tuple[int, int]) -> Camera:
    """Read a note `fx fy cx cy = 4 numbers`, then perhaps `dist k1 k2 p1 p2 [k3]`.

    Raises:
        DatasetError: the file cannot be read or does not say so.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f'{path} cannot be read: {error}; copy it again') from error
    match = re.search(rf'fx\s+fy\s+cx\s+cy\s*=((?:\s+{NUMBER}){{4}})', text)
    if not match:
        raise DatasetError(f"{path}: expected 'fx fy cx cy = 4 numbers', got {text[:60]!r}")
    values = [float(number) for number in match[1].split()]
    noted = re.search(rf'\bdist((?:\s+{NUMBER}){{4,5}})', text)
    distortion = tuple(float(number) for number in noted[1].split()) if noted else ()
    return pinhole(values, distortion, image_size)


def pinhole(
    values: Sequence[float], distortion: tuple[float, ...], image_size: tuple[int, int]
) -> Camera:
    """Make a camera from fx fy cx cy px and plumb_bob coefficients k1 k2 p1 p2 [k3]."""
    fx, fy, cx, cy = values
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)
    return Camera(matrix=matrix, distortion=distortion, image_size=image_size)
