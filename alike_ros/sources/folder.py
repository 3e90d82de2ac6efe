"""A plain folder of images as a source of frames."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from alike_ros.camera import Camera, camera_from_yaml
from alike_ros.datasets.files import read_intrinsics
from alike_ros.errors import DatasetError, ImageError
from alike_ros.image_decode import read_image
from alike_ros.structures import Frame

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.ppm', '.pgm', '.bmp', '.tif', '.tiff')

_SECONDS = re.compile(r'(\d+)\.(\d{1,9})')
_NANOSECONDS = re.compile(r'\d{19}')


class FolderSource:
    """Images of one folder in natural order of their names (2.png before 10.png).

    Stamps are the names where all of them are seconds (1311868169.163498.png) or 19 digits of
    nanoseconds; otherwise they count from 0 at `rate_hz`.

    camera: from camera_info.yaml, ost.yaml (camera_calibration) or intrinsics.txt in the folder.
    strict: raise on an image that cannot be read, instead of leaving it out.
    skipped: images left out since iteration began.

    Raises:
        DatasetError: no such folder, or no images in it.
        CameraError: the calibration in it is not usable.
    """

    truth = None

    def __init__(self, path: str | Path, rate_hz: float = 30.0, strict: bool = False) -> None:
        self.path = Path(path)
        self.name = self.path.resolve().name
        self.strict = strict
        self.skipped = 0
        self._files = image_files(self.path)
        self._stamps_ns = _stamps_ns([file.stem for file in self._files], rate_hz)
        self.camera = self._read_camera()

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; with `strict`, ImageError names the file that cannot be read."""
        self.skipped = 0
        for file, stamp_ns in zip(self._files, self._stamps_ns, strict=True):
            try:
                image = read_image(file)
            except ImageError as error:
                if self.strict:
                    raise
                self.skipped += 1
                logger.warning('image left out: %s', error)
                continue
            yield Frame(image, stamp_ns)

    def _read_camera(self) -> Camera | None:
        for name in ('camera_info.yaml', 'ost.yaml'):
            if (self.path / name).is_file():
                return camera_from_yaml(self.path / name)
        if (self.path / 'intrinsics.txt').is_file():
            return read_intrinsics(self.path / 'intrinsics.txt', self._image_size())
        return None

    def _image_size(self) -> tuple[int, int]:
        """(width, height) px of the first image that can be read; (0, 0) when none can."""
        for file in self._files:
            try:
                height, width = read_image(file).shape[:2]
            except ImageError:
                continue
            return width, height
        return 0, 0


def image_files(folder: Path) -> list[Path]:
    """Images of a folder in natural order.

    Raises:
        DatasetError: no such folder, or no images in it.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise DatasetError(f'{folder} cannot be read as a folder: {error.strerror}') from error
    if not files:
        raise DatasetError(
            f'{folder} holds no images; expected files ending in {", ".join(IMAGE_SUFFIXES)}'
        )
    return sorted(files, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which digits count as numbers; the name itself decides between equals."""
    parts = re.findall(r'\d+|\D+', name)
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts] + [(-1, name)]


def _stamps_ns(names: Sequence[str], rate_hz: float) -> list[int]:
    seconds = [_SECONDS.fullmatch(name) for name in names]
    if all(seconds):
        return [int(match[1]) * 10**9 + int(match[2].ljust(9, '0')) for match in seconds if match]
    if all(_NANOSECONDS.fullmatch(name) for name in names):
        return [int(name) for name in names]
    return [round(index * 10**9 / rate_hz) for index in range(len(names))]
