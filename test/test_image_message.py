"""Every encoding, padding, byte order and kind of damage of image messages."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from alike_ros import image_converters
from alike_ros.errors import ImageError
from alike_ros.image_converters import convert, converters
from alike_ros.image_message import image_fields, image_from_msg

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
COLOURS = np.array([[RED, GREEN, BLUE, (10, 20, 30)], [BLUE, RED, (0, 0, 0), GREEN]], np.uint8)
GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def message(pixels, encoding, padding=0, big=False, **changes):
    """Make an Image of (H, W) or (H, W, C) pixels; `padding` bytes of 0xEE follow each row."""
    pixels = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<'))
    rows = np.frombuffer(pixels.tobytes(), np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    fields = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'encoding': encoding,
        'is_bigendian': int(big),
        'step': rows.shape[1],
        'data': rows.tobytes(),
    }
    return SimpleNamespace(**{**fields, **changes})


def compressed(pixels, extension='.png', image_format='bgr8; png compressed bgr8'):
    data = cv2.imencode(extension, pixels)[1].tobytes()
    return SimpleNamespace(format=image_format, data=data)


def with_alpha(pixels, value=255):
    return np.dstack([pixels, np.full(pixels.shape[:2], value, pixels.dtype)])


def in_16_bit(pixels):
    return pixels.astype(np.uint16) * 257


def mosaic(pattern):
    """Show a flat colour (200, 100, 50) through the filters 'rggb' etc. of a 2 x 2 cell."""
    values = {'r': 200, 'g': 100, 'b': 50}
    cell = np.array([values[letter] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(cell, (4, 4))


COLOUR_ENCODINGS = {
    'rgb8': COLOURS,
    'bgr8': COLOURS[..., ::-1],
    '8UC3': COLOURS[..., ::-1],
    'rgba8': with_alpha(COLOURS),
    'bgra8': with_alpha(COLOURS[..., ::-1]),
    '8UC4': with_alpha(COLOURS[..., ::-1]),
    'rgb16': in_16_bit(COLOURS),
    'bgr16': in_16_bit(COLOURS[..., ::-1]),
    '16UC3': in_16_bit(COLOURS[..., ::-1]),
    'rgba16': in_16_bit(with_alpha(COLOURS)),
    'bgra16': in_16_bit(with_alpha(COLOURS[..., ::-1])),
    '16UC4': in_16_bit(with_alpha(COLOURS[..., ::-1])),
    '32FC3': COLOURS[..., ::-1].astype(np.float32) / 255,
    '64FC4': with_alpha(COLOURS[..., ::-1]).astype(np.float64) / 255,
}
GREY_ENCODINGS = {
    'mono8': GREY,
    '8UC1': GREY,
    'mono16': in_16_bit(GREY),
    '16UC1': in_16_bit(GREY),
    '32FC1': GREY.astype(np.float32) / 255,
    '64FC1': GREY.astype(np.float64) / 255,
}


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 8, 13])
@pytest.mark.parametrize('encoding', COLOUR_ENCODINGS)
def test_every_colour_encoding_gives_the_same_rgb(encoding, padding, big):
    image = image_from_msg(message(COLOUR_ENCODINGS[encoding], encoding, padding, big))
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image.astype(int), COLOURS, atol=1)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 8, 13])
@pytest.mark.parametrize('encoding', GREY_ENCODINGS)
def test_every_grey_encoding_gives_the_same_grey(encoding, padding, big):
    image = image_from_msg(message(GREY_ENCODINGS[encoding], encoding, padding, big))
    assert image.dtype == np.uint8
    assert image.shape == GREY.shape
    np.testing.assert_allclose(image.astype(int), GREY, atol=1)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1', 'rgb8', 'bgr8', '8UC3'])
@pytest.mark.parametrize('container', [bytes, lambda b: array.array('B', b), np.frombuffer])
def test_8_bit_images_are_views_of_the_data(encoding, container):
    pixels = {**COLOUR_ENCODINGS, **GREY_ENCODINGS}[encoding]
    msg = message(pixels, encoding, padding=4)
    as_array = container is np.frombuffer
    msg.data = np.frombuffer(msg.data, np.uint8) if as_array else container(msg.data)
    image = image_from_msg(msg)
    assert np.shares_memory(image, np.frombuffer(msg.data, np.uint8))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_mosaics_of_one_colour_give_that_colour(pattern, bits):
    pixels = mosaic(pattern) if bits == 8 else in_16_bit(mosaic(pattern))
    image = image_from_msg(message(pixels, f'bayer_{pattern}{bits}', padding=2))
    np.testing.assert_allclose(image[2:-2, 2:-2].reshape(-1, 3), [(200, 100, 50)] * 16, atol=1)


Y, U, V = 81, 90, 240  # ITU-R BT.601: red


def test_packed_yuv_red_is_red():
    uyvy, yuyv = np.tile([U, Y, V, Y], (4, 2)), np.tile([Y, U, Y, V], (4, 2))
    for encoding, row in {'uyvy': uyvy, 'yuv422': uyvy, 'yuyv': yuyv, 'yuv422_yuy2': yuyv}.items():
        image = image_from_msg(message(row.astype(np.uint8), encoding, padding=4, width=4))
        assert image.shape == (4, 4, 3), encoding
        np.testing.assert_allclose(image.reshape(-1, 3), [RED] * 16, atol=3, err_msg=encoding)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize(('encoding', 'chroma'), [('nv12', (U, V)), ('nv21', (V, U))])
def test_half_size_chroma_planes_give_red(encoding, chroma, padding):
    planes = np.vstack([np.full((4, 4), Y), np.tile(chroma, (2, 2))]).astype(np.uint8)
    image = image_from_msg(message(planes, encoding, padding, height=4))
    assert image.shape == (4, 4, 3)
    np.testing.assert_allclose(image.reshape(-1, 3), [RED] * 16, atol=3)


def test_full_size_chroma_plane_gives_red():
    planes = np.vstack([np.full((3, 4), Y), np.tile([U, V], (6, 2))]).astype(np.uint8)
    image = image_from_msg(message(planes, 'nv24', height=3))
    np.testing.assert_allclose(image.reshape(-1, 3), [RED] * 12, atol=3)


CONVERTED = {
    **{k: (v, COLOURS) for k, v in COLOUR_ENCODINGS.items() if k[:2] in ('rg', 'bg')},
    'mono16': (in_16_bit(GREY), GREY),
    'bayer_rggb8': (mosaic('rggb'), np.full((8, 8, 3), (200, 100, 50))),
    'bayer_gbrg16': (in_16_bit(mosaic('gbrg')), np.full((8, 8, 3), (200, 100, 50))),
    'yuv422': (np.tile([[U, Y], [V, Y]], (4, 2, 1)).astype(np.uint8), np.full((4, 4, 3), RED)),
    'yuv422_yuy2': (
        np.tile([[Y, U], [Y, V]], (4, 2, 1)).astype(np.uint8),
        np.full((4, 4, 3), RED),
    ),
}


@pytest.mark.parametrize('encoding', CONVERTED)
@pytest.mark.parametrize('name', converters())
def test_every_converter_that_imports_gives_the_known_answer(monkeypatch, name, encoding):
    only = {name: converters()[name]}
    if name == 'rosbags-image' or encoding != 'yuv422_yuy2':  # ROS 1's cv_bridge lacks that one
        monkeypatch.setattr(image_converters, 'converters', lambda: only)
    pixels, expected = CONVERTED[encoding]
    image = convert(pixels, encoding)
    assert image.dtype == np.uint8
    inner = slice(None) if 'bayer' not in encoding else slice(2, -2)
    np.testing.assert_allclose(
        image[inner, inner].astype(int), np.array(expected, int)[inner, inner], atol=3
    )


def test_image_fields_come_back_as_the_same_image():
    for image in (GREY, COLOURS, COLOURS[:, ::-1], GREY[:, ::2]):
        np.testing.assert_array_equal(
            image_from_msg(SimpleNamespace(**image_fields(image))), image
        )


def test_png_of_every_kind_decodes():
    np.testing.assert_array_equal(image_from_msg(compressed(COLOURS[..., ::-1])), COLOURS)
    np.testing.assert_array_equal(
        image_from_msg(compressed(GREY, image_format='mono8; png compressed ')), GREY
    )
    np.testing.assert_array_equal(
        image_from_msg(compressed(in_16_bit(GREY), image_format='mono16; png compressed ')), GREY
    )


def test_jpeg_of_a_smooth_image_decodes_within_a_few_levels():
    image = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    decoded = image_from_msg(compressed(image[..., ::-1], '.jpg', 'jpeg'))
    np.testing.assert_allclose(decoded.astype(int), image, atol=4)


def test_compressed_as_rgb_is_not_reversed():
    msg = compressed(COLOURS, image_format='rgb8; png compressed rgb8')
    np.testing.assert_array_equal(image_from_msg(msg), COLOURS)


def test_a_compressed_bayer_mosaic_is_converted_to_colour():
    msg = compressed(mosaic('rggb'), image_format='bayer_rggb8; png compressed ')
    np.testing.assert_allclose(image_from_msg(msg)[4, 4], (200, 100, 50), atol=1)


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize('extension', ['.jpg', '.png', '.pgm', '.bmp'])
def test_a_cut_off_compressed_image_is_an_error(extension, share, rng):
    msg = compressed(rng.integers(0, 255, (40, 50), np.uint8), extension)
    msg.data = msg.data[: int(len(msg.data) * share)]
    with pytest.raises(ImageError, match='cut off|damaged|0 bytes|decoded'):
        image_from_msg(msg)


@pytest.mark.parametrize('image_format', ['16UC1; compressedDepth', '16UC1; compressedDepth png'])
def test_compressed_depth_says_which_topic_to_choose(image_format):
    with pytest.raises(ImageError, match='holds depth'):
        image_from_msg(compressed(GREY, image_format=image_format))


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'height': 0}, 'got 6 x 0'),
        ({'width': 0}, 'got 0 x 4'),
        ({'data': bytes(23)}, 'expected at least 24 bytes .* got 23'),
        ({'data': b''}, 'got 0'),
        ({'data': array.array('B')}, 'got 0'),
        ({'step': 5}, 'step is 5 bytes, but a row of 6 pixels mono8 takes 6'),
        ({'step': 0}, 'step is 0'),
        ({'encoding': 'mono9'}, "unknown encoding 'mono9'"),
        ({'encoding': ''}, "unknown encoding ''"),
        ({'encoding': '8UC2'}, '8UC2 is neither grey nor colour'),
        ({'encoding': '8SC1'}, 'Publish mono8'),
        ({'encoding': '16SC1'}, 'Publish mono8'),
        ({'encoding': '32SC3'}, 'Publish mono8'),
        ({'encoding': '8UC5'}, 'neither'),
        ({'encoding': 'uyvy', 'width': 3}, 'even width'),
        ({'encoding': 'nv12', 'height': 3}, 'even width and height'),
        ({'encoding': 'nv12', 'step': 4}, 'step is 4'),
        ({'height': 2**32 - 1, 'width': 2**32 - 1, 'step': 2**32 - 1}, 'got 4294967295 x 42949'),
        ({'height': 60000, 'width': 60000, 'step': 60000}, 'at most .* got 60000 x 60000'),
    ],
)
def test_a_wrong_message_says_what_is_wrong(changes, words):
    with pytest.raises(ImageError, match=words):
        image_from_msg(message(GREY, **{'encoding': 'mono8', **changes}))


@pytest.mark.parametrize(
    ('value', 'words'),
    [(np.nan, 'NaN or infinity'), (np.inf, 'NaN or infinity'), (1.5, '0 to 1.5'), (-0.5, '-0.5')],
)
def test_float_images_out_of_range_say_what_came(value, words):
    pixels = np.zeros((3, 4), np.float32)
    pixels[1, 2] = value
    with pytest.raises(ImageError, match=words):
        image_from_msg(message(pixels, '32FC1'))
