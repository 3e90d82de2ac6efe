"""Large images in windows of rows, so that no full-size map of many channels is ever held.

Every value is what the whole image gives: windows overlap by what a value depends on, and the
image's own border is the border of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from alike_ros.backends.descriptors import source_position
from alike_ros.structures import FloatArray, ImageArray
from alike_ros.variants import LEVEL_STRIDES, STRIDE, Variant

WHOLE_PIXELS = 2**19  # of an image up to which its maps are computed at once
FINE_PIXELS = 2**17  # of a window
HEAD_PIXELS = {True: 2**17, False: 2**16}  # one layer; two, whose dim channels are at full size
FINE_HALO = 8  # px; the second level sees 6 px around a pixel, and windows start at multiples of 8
HEAD_HALO = 2  # px that the first level sees around a pixel

Run = Callable[[str, dict[str, np.ndarray]], list[FloatArray]]


class Window(NamedTuple):
    """Rows top to bottom of an image are computed, begin to end are kept."""

    top: int
    bottom: int
    begin: int
    end: int


def fits_at_once(batch: ImageArray) -> bool:
    """Whether the full-size maps of images (B, H, W, 3) may be held."""
    return batch.shape[1] * batch.shape[2] <= WHOLE_PIXELS


def windows(height: int, width: int, pixels: int, halo: int) -> Iterator[Window]:
    """Yield windows of one size that cover an image; height is a multiple of the stride."""
    step = max(STRIDE // 2, pixels // width // STRIDE * STRIDE)
    rows = min(step + 2 * halo, height)
    for begin in range(0, height, step):
        top = min(max(begin - halo, 0), height - rows)
        yield Window(top, top + rows, begin, min(begin + step, height))


class WindowedNetwork:
    """Runs the graphs `fine`, `coarse` and `head` over the windows of an image."""

    def __init__(self, variant: Variant, run: Run) -> None:
        """Take run, which runs one of the graphs by name; see `HostBackend.infer`."""
        self._variant = variant
        self._run = run
        self._kept = [np.zeros(0, np.float32)] * 3

    def maps(self, image: ImageArray) -> tuple[FloatArray, list[FloatArray]]:
        """Return the score map (1, H, W) and the levels 2 to 4, (1, H/s, W/s, dim/4).

        They are valid until the next image.

        image: (1, H, W, 3), H and W multiples of 32.
        """
        first, level2, pooled = self._fine(image)
        levels = [level2, *self._run('coarse', {'pooled': pooled})]
        return self._head(image, first, levels), levels

    def _fine(self, image: ImageArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        _, height, width, _ = image.shape
        first, level2, pooled = self._allocate(height, width)
        kept = [(first, 1)] * self._variant.single_head + [(level2, 2), (pooled, 8)]
        for window in windows(height, width, FINE_PIXELS, FINE_HALO):
            outputs = self._run('fine', {'image': image[:, window.top : window.bottom]})
            for (array, stride), output in zip(kept, outputs, strict=True):
                begin, end = window.begin // stride, window.end // stride
                top = window.top // stride
                array[:, begin:end] = output[:, begin - top : end - top]
        return first, level2, pooled

    def _allocate(self, height: int, width: int) -> list[FloatArray]:
        """Return the arrays of the last image where they fit."""
        _, channels, *_ = self._variant.channels
        quarter = self._variant.dim // 4
        if self._kept[0].shape != (1, height, width):
            self._kept = []  # freed before the others are asked for
            self._kept = [
                np.empty((1, height, width), np.float32),
                np.empty((1, height // 2, width // 2, quarter), np.float32),
                np.empty((1, height // 8, width // 8, channels), np.float32),
            ]
        return self._kept

    def _head(self, image: ImageArray, first: FloatArray, levels: list[FloatArray]) -> FloatArray:
        """Return the score map, written over what the first level adds to it."""
        _, height, width, _ = image.shape
        single = self._variant.single_head
        halo = 0 if single else HEAD_HALO
        for window in windows(height, width, HEAD_PIXELS[single], halo):
            rows = slice(window.top, window.bottom)
            inputs: dict[str, np.ndarray] = (
                {'logit1': first[:, rows]} if single else {'image': image[:, rows]}
            )
            for i, (level, stride) in enumerate(zip(levels, LEVEL_STRIDES[1:], strict=True), 2):
                inputs[f'level{i}'], inputs[f'rows{i}'] = _enlarging(level, stride, window)
            [score] = self._run('head', inputs)
            kept = slice(window.begin - window.top, window.end - window.top)
            first[:, window.begin : window.end] = score[:, kept]
        return first


def _enlarging(level: FloatArray, stride: int, window: Window) -> tuple[FloatArray, FloatArray]:
    """Return the rows of a level that a window lies on, and the matrix of its rows from them."""
    height, rows = level.shape[1], window.bottom - window.top
    low, high, fraction = source_position(np.arange(window.top, window.bottom), height, stride)
    count = min(-(-rows // stride) + 2, height)
    start = min(low[0], height - count)
    matrix = np.zeros((rows, count), np.float32)
    every = np.arange(rows)
    matrix[every, low - start] = 1 - fraction[:, 0]
    matrix[every, high - start] += fraction[:, 0]
    return level[:, start : start + count], matrix
