"""How large an image is by its header, and how large one may be, before memory is spent on it."""

from __future__ import annotations

import re
import struct

from alike_ros.errors import ImageError

MAX_PIXELS = 70_000_000  # of an image; 8192 x 8192 is a little less, 201 MB as RGB
MAX_SIDE = 16384  # px

_PNM = re.compile(rb'P[1-6](?:\s|#[^\n]*\n)+(\d{1,10})(?:\s|#[^\n]*\n)+(\d{1,10})\s')
_JPEG_NO_FRAME = {0xC4, 0xC8, 0xCC}  # among C0 to CF, which begin a frame
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_NUMBERS = {3: 'H', 4: 'I'}


def check_size(width: int, height: int) -> None:
    """Raise ImageError for an image that is too large to be one of a camera."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageError(
            f'expected an image of at most {MAX_PIXELS} pixels and {MAX_SIDE} px a '
            f'side, got {width} x {height}; shrink it, or mend what wrote that size'
        )


def encoded_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) px of a PNG, JPEG, PNM, BMP or TIFF; None when it is none of them."""
    try:
        if data.startswith(b'\x89PNG\r\n\x1a\n'):
            return struct.unpack_from('>2I', data, 16)
        if data.startswith(b'\xff\xd8'):
            return _jpeg_size(data)
        if data.startswith(b'BM'):
            return _bmp_size(data)
        if data[:4] in (b'II*\0', b'MM\0*'):
            return _tiff_size(data)
    except (struct.error, IndexError):  # it ends within its header
        return None
    found = _PNM.match(data)
    return (int(found[1]), int(found[2])) if found else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:  # filler
            at += 1
        elif kind in _JPEG_NO_LENGTH:
            at += 2
        elif 0xC0 <= kind <= 0xCF and kind not in _JPEG_NO_FRAME:
            height, width = struct.unpack_from('>2H', data, at + 5)
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    return None


def _bmp_size(data: bytes) -> tuple[int, int]:
    old = struct.unpack_from('<I', data, 14)[0] == 12
    width, height = struct.unpack_from('<2H' if old else '<2i', data, 18)
    return abs(width), abs(height)


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """Read the first directory; each entry is 12 bytes: tag, type, count, value."""
    order = '<' if data.startswith(b'II') else '>'
    (start,) = struct.unpack_from(f'{order}I', data, 4)
    (count,) = struct.unpack_from(f'{order}H', data, start)
    found = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f'{order}2H', data, at)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT) and kind in _TIFF_NUMBERS:
            (found[tag],) = struct.unpack_from(order + _TIFF_NUMBERS[kind], data, at + 8)
    return (found[_TIFF_WIDTH], found[_TIFF_HEIGHT]) if len(found) == 2 else None
