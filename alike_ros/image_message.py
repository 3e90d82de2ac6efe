"""sensor_msgs/Image and CompressedImage to arrays and back, for rclpy's and rosbags' messages.

8-bit grey and colour are views of the message's data, without a copy. What OpenCV calls 8UC3,
16UC3, 32FC3 and so on is taken in OpenCV's colour order, BGR.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.depth import depth_in_metres
from alike_ros.errors import ImageError
from alike_ros.image_converters import convert
from alike_ros.image_decode import as_8bit, decode_pixels
from alike_ros.image_size import check_size
from alike_ros.structures import ImageArray

_NAMED = re.compile(r'(mono|rgba?|bgra?|bayer_(?:rggb|bggr|gbrg|grbg))(8|16)')
_GENERIC = re.compile(r'(8|16|32|64)([USF])(?:C(\d+))?')
_PACKED_YUV = {
    'uyvy': 'yuv422',
    'yuv422': 'yuv422',
    'yuyv': 'yuv422_yuy2',
    'yuv422_yuy2': 'yuv422_yuy2',
}
_PLANAR_YUV = ('nv12', 'nv21', 'nv24')
_CHANNELS = {'mono': 1, 'rgb': 3, 'bgr': 3, 'rgba': 4, 'bgra': 4}
_GENERIC_NAMES = {1: 'mono', 3: 'bgr', 4: 'bgra'}


@dataclass(frozen=True)
class _Layout:
    """Pixels of an encoding; `name` is the named one of equal meaning, as 'mono16' for '16UC1'."""

    name: str
    dtype: np.dtype
    channels: int


def image_from_msg(msg: Any) -> ImageArray:
    """Return the image as (H, W, 3) uint8 RGB, or (H, W) uint8 when it has one channel.

    mono8, rgb8 and bgr8, and 8UC1 and 8UC3, are views (bgr8 with its channels reversed). 16-bit
    values are scaled by their full range. Float images are expected in [0, 1].

    Raises:
        ImageError: no pixels or too many, an unknown encoding, less data than height x step, a
            step shorter than a row, signed or out-of-range values, or compressed data that does
            not decode.
    """
    if hasattr(msg, 'format'):
        return _from_compressed(msg)
    layout = _layout(msg.encoding)
    if msg.height < 1 or msg.width < 1:
        raise ImageError(f'expected an image with pixels, got {msg.width} x {msg.height}')
    if layout.name in _PLANAR_YUV:
        return _from_planar_yuv(msg, layout.name)
    rows = _rows(msg, layout)
    if layout.name in ('mono8', 'rgb8'):
        return rows
    if layout.name == 'bgr8':
        return rows[:, :, ::-1]
    if layout.dtype.kind == 'f':
        return _from_float(rows, msg.encoding)
    if layout.name in _PACKED_YUV and msg.width % 2:
        raise ImageError(f'{msg.encoding} needs an even width, got {msg.width}')
    return convert(rows, layout.name)


def depth_from_msg(msg: Any) -> NDArray[np.float32]:
    """Return a depth image (16UC1 in mm, 32FC1 in m; REP 118) as (H, W) m, NaN not known.

    Raises:
        ImageError: another encoding, or less data than its fields say.
    """
    if msg.encoding not in ('16UC1', 'mono16', '32FC1'):
        raise ImageError(f'expected a depth image of 16UC1 or 32FC1, got {msg.encoding!r}')
    return depth_in_metres(_rows(msg, _layout(msg.encoding)))


def image_fields(image: ImageArray) -> dict[str, Any]:
    """Return the fields of sensor_msgs/Image without header; data is 1-D uint8.

    (H, W, 3) is taken as RGB, (H, W) as grey.
    """
    pixels = np.ascontiguousarray(image, np.uint8)
    height, width = pixels.shape[:2]
    return {
        'height': height,
        'width': width,
        'encoding': 'mono8' if pixels.ndim == 2 else 'rgb8',
        'is_bigendian': 0,
        'step': pixels.nbytes // height,
        'data': pixels.reshape(-1),
    }


def _layout(encoding: str) -> _Layout:
    if match := _NAMED.fullmatch(encoding):
        kind, bits = match.groups()
        return _Layout(encoding, np.dtype(f'u{int(bits) // 8}'), _CHANNELS.get(kind, 1))
    if encoding in _PACKED_YUV:
        return _Layout(_PACKED_YUV[encoding], np.dtype('u1'), 2)
    if encoding in _PLANAR_YUV:
        return _Layout(encoding, np.dtype('u1'), 1)
    if match := _GENERIC.fullmatch(encoding):
        return _generic_layout(encoding, int(match[1]), match[2], int(match[3] or 1))
    raise ImageError(
        f'unknown encoding {encoding!r}; expected one of sensor_msgs/image_encodings, '
        f'such as mono8, rgb8, bgr8, bayer_rggb8 or yuv422'
    )


def _generic_layout(encoding: str, bits: int, kind: str, channels: int) -> _Layout:
    unsigned, floating = kind == 'U' and bits in (8, 16), kind == 'F' and bits in (32, 64)
    if not (unsigned or floating) or channels not in _GENERIC_NAMES:
        raise ImageError(
            f'encoding {encoding} is neither grey nor colour; expected 8U, 16U, 32F or 64F with '
            f'1, 3 or 4 channels. Publish mono8 or rgb8 instead'
        )
    return _Layout(
        f'{_GENERIC_NAMES[channels]}{bits}', np.dtype(f'{kind.lower()}{bits // 8}'), channels
    )


def _rows(msg: Any, layout: _Layout) -> np.ndarray:
    """View the data as (H, W) or (H, W, C) in native byte order; rows may be padded."""
    buffer = _buffer(msg, msg.height * msg.step)
    row_bytes = msg.width * layout.channels * layout.dtype.itemsize
    if msg.step < row_bytes:
        raise ImageError(
            f'step is {msg.step} bytes, but a row of {msg.width} pixels {msg.encoding} takes '
            f'{row_bytes}; the publisher must set step to at least that'
        )
    size = layout.dtype.itemsize
    dtype = layout.dtype.newbyteorder('>' if msg.is_bigendian else '<')
    shape = (msg.height, msg.width, layout.channels)
    strides = (msg.step, layout.channels * size, size)
    rows: np.ndarray = np.ndarray(shape, dtype, buffer, strides=strides)
    if layout.channels == 1:
        rows = rows[:, :, 0]
    return rows if dtype.isnative else rows.astype(layout.dtype)


def _buffer(msg: Any, needed: int) -> np.ndarray:
    """View the data as 1-D uint8, at least `needed` bytes of it."""
    check_size(msg.width, msg.height)
    data = msg.data
    if isinstance(data, np.ndarray):
        buffer = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    else:
        buffer = np.frombuffer(data, np.uint8) if len(data) else np.zeros(0, np.uint8)
    if len(buffer) < needed:
        raise ImageError(
            f'expected at least {needed} bytes for {msg.width} x {msg.height} {msg.encoding} with '
            f'step {msg.step}, got {len(buffer)}; the message is cut off or its fields disagree'
        )
    return buffer


def _from_float(rows: np.ndarray, encoding: str) -> ImageArray:
    low, high = rows.min(), rows.max()
    if not (low >= 0 and high <= 1):  # also true for NaN
        found = f'{low:g} to {high:g}' if np.isfinite([low, high]).all() else 'NaN or infinity'
        raise ImageError(
            f'expected {encoding} values in [0, 1], got {found}; divide by the range that they '
            f'have, or publish mono8 or rgb8'
        )
    grey = (rows * 255 + 0.5).astype(np.uint8)
    return grey if grey.ndim == 2 else np.ascontiguousarray(grey[:, :, 2::-1])


def _from_planar_yuv(msg: Any, name: str) -> ImageArray:
    """Convert a plane of Y, then one of U and V in turn: of half size (nv12, nv21) or full."""
    height, width, step = msg.height, msg.width, msg.step
    share = 1 if name == 'nv24' else 2
    if height % share or width % share:
        raise ImageError(f'{name} needs an even width and height, got {width} x {height}')
    if step < width:
        raise ImageError(f'step is {step} bytes, but a row of {width} pixels {name} takes {width}')
    chroma_step = step * 2 // share
    luma_bytes, chroma_bytes = height * step, height // share * chroma_step
    buffer = _buffer(msg, luma_bytes + chroma_bytes)
    luma = buffer[:luma_bytes].reshape(height, step)[:, :width]
    pairs = buffer[luma_bytes : luma_bytes + chroma_bytes].reshape(-1, chroma_step)
    pairs = pairs[:, : width * 2 // share]
    chroma = np.ascontiguousarray(pairs).reshape(height // share, -1, 2)
    if name == 'nv24':
        return _rgb_from_yuv444(luma, chroma)
    code = cv2.COLOR_YUV2RGB_NV12 if name == 'nv12' else cv2.COLOR_YUV2RGB_NV21
    rgb = cv2.cvtColorTwoPlane(np.ascontiguousarray(luma), chroma, code)
    return rgb.astype(np.uint8, copy=False)


def _rgb_from_yuv444(luma: np.ndarray, chroma: np.ndarray) -> ImageArray:
    """ITU-R BT.601, studio range: the same numbers that OpenCV has for nv12."""
    y = 1.164 * (luma.astype(np.float32) - 16)
    u, v = np.moveaxis(chroma.astype(np.float32) - 128, 2, 0)
    rgb = np.stack([y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u], axis=2)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _from_compressed(msg: Any) -> ImageArray:
    original, _, codec = (part.strip() for part in msg.format.partition(';'))
    if 'compressedDepth' in msg.format:
        raise ImageError(
            f'format {msg.format!r} holds depth, expected a picture; '
            f'choose the camera topic whose transport is "compressed"'
        )
    pixels = decode_pixels(bytes(msg.data))
    if pixels.ndim == 2 and original.startswith('bayer_'):
        bits = 8 * pixels.dtype.itemsize
        return convert(pixels, f'{original.rstrip("0123456789")}{bits}')
    image = as_8bit(pixels)
    if image.ndim == 2 or 'compressed rgb' in codec:
        return image
    return image[:, :, ::-1]
