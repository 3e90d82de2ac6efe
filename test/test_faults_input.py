"""Whatever a camera sends: thousands of messages that are wrong, and what becomes of each.

Here what needs no ROS; the node takes the same and more in test_faults_input_node.py.
"""

import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alike_ros.errors import ImageError
from alike_ros.image_decode import decode_image
from alike_ros.image_message import depth_from_msg, image_from_msg
from alike_ros.image_size import MAX_PIXELS, encoded_size

ENCODINGS = {
    **{f'{name}8': n for name, n in (('mono', 1), ('rgb', 3), ('bgr', 3), ('rgba', 4))},
    **{f'{name}16': 2 * n for name, n in (('mono', 1), ('rgb', 3), ('bgra', 4))},
    **{f'bayer_{name}8': 1 for name in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **{name: 2 for name in ('bayer_rggb16', '16UC1', 'uyvy', 'yuv422', 'yuyv')},
    **{name: 1 for name in ('8UC1', '8SC1', 'nv12', 'nv21', 'nv24')},
    **{name: 4 for name in ('16SC2', '32SC1', '32FC1')},
    **{name: 8 for name in ('16UC4', '32FC2', '64FC1')},
    **{name: bytes_ for name, bytes_ in (('8UC3', 3), ('8UC9', 9), ('32FC3', 12))},
}
ODD_ENCODINGS = ('', 'RGB8', 'mono8 ', 'plaid8', 'rgb8\0', 'móno8', '画像', '8UC0', '8UC999')
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def raw_messages(draw):
    """Messages of which most are wrong by a little, and some in every way."""
    encoding = draw(
        st.sampled_from([*ENCODINGS]) | st.sampled_from(ODD_ENCODINGS) | st.text(max_size=12)
    )
    sizes = st.integers(0, 40) | st.sampled_from([1, 2, 33, 400, 70000, 2**31, 2**32 - 1])
    width, height = draw(sizes), draw(sizes)
    row = width * ENCODINGS.get(encoding, 3)
    step = draw(
        st.just(row)
        | st.integers(-5, 9).map(lambda more: max(0, row + more))
        | st.integers(0, 2**32 - 1)
    )
    needed = height * step * (2 if encoding.startswith('nv') else 1)
    length = draw(st.just(needed) | st.integers(-3, 3).map(lambda more: needed + more))
    fill = draw(st.sampled_from(['noise', 'zero', 'ones']))
    size = min(max(length, 0), 200_000)
    data = np.full(size, {'zero': 0}.get(fill, 255), np.uint8)
    if fill == 'noise':
        data = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, size, np.uint8)
    return SimpleNamespace(
        width=width,
        height=height,
        step=min(step, 2**32 - 1),
        encoding=encoding,
        is_bigendian=draw(st.integers(0, 255)),
        data=data,
    )


def one_sentence(error):
    return 10 < len(str(error)) < 600


@settings(QUICK, max_examples=3000)
@given(raw_messages())
def test_a_raw_image_is_pixels_of_its_size_or_one_sentence(msg):
    try:
        image = image_from_msg(msg)
    except ImageError as error:
        assert one_sentence(error)
    else:
        assert image.dtype == np.uint8 and image.shape[:2] == (msg.height, msg.width)


@settings(QUICK, max_examples=1000)
@given(raw_messages(), st.sampled_from(['16UC1', 'mono16', '32FC1', '']))
def test_a_depth_image_is_metres_above_zero_or_nan_or_one_sentence(msg, encoding):
    msg.encoding = encoding or msg.encoding
    try:
        depth = depth_from_msg(msg)
    except ImageError as error:
        assert one_sentence(error)
    else:
        assert depth.shape == (msg.height, msg.width)
        assert (depth[~np.isnan(depth)] > 0).all() and not np.isinf(depth).any()


def encoded(extension, channels, bits):
    shape = (30, 40, 3) if channels == 3 else (30, 40)
    top = 256 if bits == 8 else 65536
    pixels = np.random.default_rng(1).integers(0, top, shape).astype(f'u{bits // 8}')
    return cv2.imencode(extension, pixels)[1].tobytes()


WHOLE = [
    *(encoded(e, c, 8) for e in ('.png', '.jpg', '.bmp', '.pnm', '.tiff') for c in (1, 3)),
    *(encoded(e, c, 16) for e in ('.png', '.pnm', '.tiff') for c in (1, 3)),
]
FORMATS = st.sampled_from(
    ['png', 'jpeg', 'rgb8; jpeg compressed bgr8', 'bayer_rggb8; png compressed ', 'bayer_;png']
    + ['16UC1; compressedDepth png', '', ';;;', 'rgb8; png compressed rgb8', 'bayer_xyz16; tiff']
) | st.text(max_size=20)


@st.composite
def compressed_messages(draw):
    """Encoded images with bytes changed, cut off, put in or added; or bytes alone."""
    data = bytearray(draw(st.sampled_from(WHOLE) | st.binary(max_size=60)))
    header = st.integers(0, 60)
    places = header | st.integers(0, max(0, len(data) - 1))
    for place in draw(st.lists(places, max_size=4)):
        if place < len(data):
            data[place] = draw(st.integers(0, 255))
    how = draw(st.sampled_from(['as it is', 'cut off', 'cut out', 'added']))
    if how == 'cut off':
        data = data[: draw(places)]
    elif how == 'cut out':
        place = draw(places)
        del data[place : place + draw(st.integers(1, 50))]
    elif how == 'added':
        data += draw(st.binary(max_size=40))
    return SimpleNamespace(format=draw(FORMATS), data=bytes(data))


@settings(QUICK, max_examples=3000)
@given(compressed_messages())
def test_a_compressed_image_is_pixels_or_one_sentence(msg):
    try:
        image = image_from_msg(msg)
    except ImageError as error:
        assert one_sentence(error)
    else:
        assert image.dtype == np.uint8 and image.ndim in (2, 3)
        assert 0 < image.size <= 3 * MAX_PIXELS


def png_bomb(width, height):
    """A whole PNG of a few bytes: its checksums are right, its pixels would fill the memory."""

    def chunk(kind, body):
        checksum = zlib.crc32(kind + body)
        return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', checksum)

    header = struct.pack('>2I5B', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        chunk(*part)
        for part in ((b'IHDR', header), (b'IDAT', zlib.compress(bytes(1000))), (b'IEND', b''))
    )


def jpeg_bomb(width, height):
    """A JPEG whose header was changed; the decoder would fill what is missing with grey."""
    data = bytearray(encoded('.jpg', 3, 8))
    frame = data.index(b'\xff\xc0')
    data[frame + 5 : frame + 9] = struct.pack('>2H', height, width)
    return bytes(data)


def tiff_bomb(width, height):
    data = encoded('.tiff', 3, 8)
    start = struct.unpack_from('<I', data, 4)[0]
    (count,) = struct.unpack_from('<H', data, start)
    changed = bytearray(data)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag = struct.unpack_from('<H', data, at)[0]
        if tag in (256, 257):
            struct.pack_into('<2HI2H', changed, at, tag, 3, 1, width if tag == 256 else height, 0)
    return bytes(changed)


BOMBS = {
    'png': png_bomb,
    'jpeg': jpeg_bomb,
    'tiff': tiff_bomb,
    'bmp': lambda w, h: b'BM' + bytes(12) + struct.pack('<I2i', 40, w, -h) + bytes(100),
    'pnm': lambda w, h: f'P5\n# {"x" * 20}\n{w} {h}\n255\n'.encode() + bytes(100),
}


@pytest.mark.parametrize('kind', BOMBS)
def test_a_few_bytes_that_claim_a_huge_image_are_refused_before_memory_is_taken(kind):
    data = BOMBS[kind](60000, 60001)
    assert encoded_size(data) == (60000, 60001)
    with pytest.raises(ImageError, match='at most 70000000 pixels .* got 60000 x 60001; shrink'):
        decode_image(data)


@pytest.mark.parametrize('data', WHOLE, ids=lambda data: repr(data[:4]))
def test_headers_say_the_size_that_the_pixels_have(data):
    assert encoded_size(data) == (40, 30)
