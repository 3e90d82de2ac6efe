"""Encoded images (JPEG, PNG, PNM, BMP, TIFF) to arrays; damage is an error, never grey filler."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import ImageError, first_line
from alike_ros.image_size import check_size, encoded_size
from alike_ros.structures import ImageArray

# Orientation tags turn a photo for the eye; the pixels of a camera stay as its sensor has them.
_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION

_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG_START, _PNG_END = b'\x89PNG', b'IEND\xaeB`\x82'


def quiet_decoders() -> None:
    """Let OpenCV not write of each damaged image what the errors here say; for processes."""
    if hasattr(cv2.utils, 'logging'):  # not in every build of OpenCV 4.5
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode_image(data: bytes) -> ImageArray:
    """Decode to (H, W, 3) uint8 RGB or (H, W) uint8 grey, as the file has it.

    16-bit values are scaled by their full range: 65535 becomes 255.

    Raises:
        ImageError: no image, cut off, or of a pixel type other than 8 and 16 bit.
    """
    image = as_8bit(decode_pixels(data))
    return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])


def read_image(path: Path) -> ImageArray:
    """Decode a file, as `decode_image` does.

    Raises:
        ImageError: it cannot be read or decoded; names the file.
    """
    try:
        return decode_image(path.read_bytes())
    except OSError as error:
        raise ImageError(f'{path} cannot be read: {error.strerror}') from error
    except ImageError as error:
        raise ImageError(f'{path}: {error}') from error


def decode_pixels(data: bytes) -> np.ndarray:
    """Decode to (H, W, 3) BGR or (H, W) grey in the file's own pixel type.

    Raises:
        ImageError: no image, cut off, or too large.
    """
    if not data:
        raise ImageError('expected an encoded image, got 0 bytes')
    if _is_cut_off(data):
        raise ImageError(f'the image is cut off after {len(data)} bytes; write or send it again')
    size = encoded_size(data)
    if size is not None:
        check_size(*size)
    image = None if size is None else _decoded(data)
    if image is None or image.size == 0:
        raise ImageError(
            f'expected an encoded image (PNG, JPEG, PNM, BMP, TIFF), got {len(data)} bytes that '
            f'begin with {data[:8]!r}, or one that is damaged'
        )
    return image


def as_8bit(pixels: np.ndarray) -> np.ndarray:
    """Scale 16 bit to 8 bit by the full range; 8 bit comes back as it is.

    Raises:
        ImageError: another pixel type.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    raise ImageError(
        f'expected 8 or 16 bits a channel, got {pixels.dtype}; convert the image to 8 bit first'
    )


def _decoded(data: bytes) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
    except cv2.error as error:
        raise ImageError(f'the image cannot be decoded: {first_line(error)}') from error


def _is_cut_off(data: bytes) -> bool:
    """Ask the end markers: decoders fill what is missing with grey and only warn."""
    if data.startswith(_JPEG_START):
        return data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    return data.startswith(_PNG_START) and _PNG_END not in data[-64:]
