"""Messages as no camera should send them; each is made by a `random.Random`."""

import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np

BYTES_A_PIXEL = {
    **{f'{name}8': n for name, n in (('mono', 1), ('rgb', 3), ('bgr', 3), ('rgba', 4))},
    **{f'{name}16': 2 * n for name, n in (('mono', 1), ('rgb', 3), ('bgra', 4))},
    **{f'bayer_{name}8': 1 for name in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **{name: 2 for name in ('bayer_rggb16', '16UC1', 'uyvy', 'yuv422', 'yuyv')},
    **{name: 1 for name in ('8UC1', '8SC1', 'nv12', 'nv21', 'nv24')},
    **{name: 4 for name in ('16SC2', '32SC1', '32FC1')},
    **{name: 8 for name in ('16UC4', '32FC2', '64FC1')},
    **{name: n for name, n in (('8UC3', 3), ('8UC9', 9), ('32FC3', 12))},
}
ODD_ENCODINGS = ('', 'RGB8', 'mono8 ', 'plaid8', 'móno8', '画像', '8UC0', '8UC999', 'x' * 300)
HUGE = (70000, 2**31, 2**32 - 1)
MOST_BYTES = 200_000
FORMATS = (
    'png',
    'jpeg',
    'rgb8; jpeg compressed bgr8',
    'bayer_rggb8; png compressed ',
    'bayer_;png',
)
ODD_FORMATS = ('', ';;;', '16UC1; compressedDepth png', 'bayer_xyz16; tiff', '画像', 'x' * 300)


def raw_image(random, encoding=None, **fields):
    """Fields of sensor_msgs/Image without header; about a third are right."""
    if encoding is None:
        encoding = random.choice([*BYTES_A_PIXEL] if random.random() < 0.8 else ODD_ENCODINGS)
    width, height = (_size(random) for _ in range(2))
    row = width * BYTES_A_PIXEL.get(encoding, 3)
    step = row + random.choice([0, 0, 0, 0, 1, 7, -1, -row])
    needed = height * step * (2 if encoding.startswith('nv') else 1)
    length = needed + random.choice([0, 0, 0, 0, 1, -1, -needed])
    values = {
        'width': width,
        'height': height,
        'step': min(max(step, 0), 2**32 - 1),
        'encoding': encoding,
        'is_bigendian': random.choice([0, 1, 255]),
        'data': _bytes(random, min(max(length, 0), MOST_BYTES)),
    }
    return SimpleNamespace(**values | fields)


def compressed_image(random):
    """Fields of sensor_msgs/CompressedImage: whole, changed, cut off, added to, or bytes alone."""
    data = bytearray(random.choice(WHOLE))
    for _ in range(random.choice([0, 0, 1, 4])):
        data[_place(random, data)] = random.randrange(256)
    how = random.choice(['as it is', 'as it is', 'cut off', 'cut out', 'added', 'noise'])
    if how == 'cut off':
        data = data[: _place(random, data)]
    elif how == 'cut out':
        place = _place(random, data)
        del data[place : place + random.randrange(1, 50)]
    elif how == 'added':
        data += random.randbytes(random.randrange(40))
    elif how == 'noise':
        data = random.randbytes(random.randrange(60))
    odd = random.random() < 0.3
    return SimpleNamespace(
        format=random.choice(ODD_FORMATS if odd else FORMATS), data=np.frombuffer(data, np.uint8)
    )


def _size(random):
    if random.random() < 0.06:
        return random.choice(HUGE)
    return random.choice([0, 1, 2, 33]) if random.random() < 0.2 else random.randrange(1, 60)


def _bytes(random, size):
    fill = random.choice(['noise', 'noise', 'zero', 'ones'])
    if fill == 'noise':
        return np.random.default_rng(random.randrange(100)).integers(0, 256, size, np.uint8)
    return np.full(size, 255 * (fill == 'ones'), np.uint8)


def _place(random, data):
    return random.randrange(min(60, len(data)) if random.random() < 0.5 else len(data))


def encoded(extension, channels, bits):
    """Encode noise of 40 x 30 px."""
    shape = (30, 40, 3) if channels == 3 else (30, 40)
    pixels = np.random.default_rng(1).integers(0, 2**bits, shape).astype(f'u{bits // 8}')
    return cv2.imencode(extension, pixels)[1].tobytes()


WHOLE = [
    *(encoded(e, c, 8) for e in ('.png', '.jpg', '.bmp', '.pnm', '.tiff') for c in (1, 3)),
    *(encoded(e, c, 16) for e in ('.png', '.pnm', '.tiff') for c in (1, 3)),
]


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
    data = bytearray(encoded('.tiff', 3, 8))
    (start,) = struct.unpack_from('<I', data, 4)
    (count,) = struct.unpack_from('<H', data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from('<H', data, at)
        if tag in (256, 257):
            struct.pack_into('<2HI2H', data, at, tag, 3, 1, width if tag == 256 else height, 0)
    return bytes(data)


BOMBS = {
    'png': png_bomb,
    'jpeg': jpeg_bomb,
    'tiff': tiff_bomb,
    'bmp': lambda w, h: b'BM' + bytes(12) + struct.pack('<I2i', 40, w, -h) + bytes(100),
    'pnm': lambda w, h: f'P5\n# {"x" * 20}\n{w} {h}\n255\n'.encode() + bytes(100),
}
