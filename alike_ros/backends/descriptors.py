"""Descriptors at keypoints from the four levels of the network, in numpy.

The dense form normalises the descriptor map, samples it bilinearly and normalises again: here
the same is done with the four pixels around each keypoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from alike_ros.layers import Layers
from alike_ros.stages import stage
from alike_ros.structures import FloatArray
from alike_ros.variants import LEVEL_STRIDES

CORNERS = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float32)
LEAST_NORM = 1e-12  # as in PyTorch's normalize: a row of zeros stays one
AT_ONCE = 1024  # keypoints: what is computed for them stays in the cache
SINGLE_THREADED = 2**18  # multiplications; OpenBLAS starts threads above

Indices = NDArray[np.intp]
FirstLevel = Callable[[Indices], FloatArray]  # pixels (N, 2) of the image to rows (N, dim/4)


class Descriptors:
    """The rows of the head that give descriptors."""

    def __init__(self, layers: Layers) -> None:
        self._hidden = None if layers.hidden is None else layers.hidden.T.copy()
        self._rows = layers.head[:-1].T.copy()

    @stage('describe')
    def describe(
        self, first: FirstLevel, levels: Sequence[FloatArray], keypoints: FloatArray
    ) -> FloatArray:
        """Return unit descriptors (N, dim) at keypoints (N, 2) px, at least a pixel inside.

        levels: the others, (H/s, W/s, dim/4) for s = 2, 8, 32.
        """
        parts = [
            self._describe(first, levels, keypoints[i : i + AT_ONCE])
            for i in range(0, max(len(keypoints), 1), AT_ONCE)
        ]
        return np.concatenate(parts)

    def _describe(
        self, first: FirstLevel, levels: Sequence[FloatArray], keypoints: FloatArray
    ) -> FloatArray:
        low = np.floor(keypoints)
        fraction = keypoints - low
        pixels = (low + CORNERS[:, None]).astype(np.intp).reshape(-1, 2)  # (4 N, 2)
        weights = np.abs((1 - CORNERS[:, None]) - fraction).prod(axis=2)  # (4, N)
        rows = _unit(self._at_pixels(first, levels, pixels))  # (4 N, dim)
        corners = rows.reshape(len(CORNERS), len(keypoints), rows.shape[1])
        return _unit(np.einsum('cn,cnd->nd', weights, corners))

    def _at_pixels(
        self, first: FirstLevel, levels: Sequence[FloatArray], pixels: Indices
    ) -> FloatArray:
        sampled = zip(levels, LEVEL_STRIDES[1:], strict=True)
        coarser = [_sample(level, pixels, factor) for level, factor in sampled]
        x = np.concatenate([first(pixels), *coarser], axis=1)
        if self._hidden is not None:
            x = np.maximum(product(x, self._hidden), 0)
        return product(x, self._rows)


def product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return rows @ matrix in blocks so small that OpenBLAS computes them in this thread.

    Its threads go on spinning after a product, on the cores that the network needs next: an
    image of alike-t took 80 ms instead of 35 on two busy cores.
    """
    step = SINGLE_THREADED // matrix.size
    whole = len(rows) - len(rows) % step
    blocks = rows[:whole].reshape(-1, step, rows.shape[1]) @ matrix
    return np.concatenate([blocks.reshape(whole, matrix.shape[1]), rows[whole:] @ matrix])


def _sample(level: FloatArray, pixels: Indices, factor: int) -> FloatArray:
    """Return what the upsampled level (h, w, C) holds at full-resolution pixels (N, 2): (N, C)."""
    height, width, channels = level.shape
    table = level.reshape(-1, channels)
    x0, x1, fx = source_position(pixels[:, 0], width, factor)
    y0, y1, fy = source_position(pixels[:, 1], height, factor)
    top, bottom = y0 * width, y1 * width
    return (
        table.take(top + x0, axis=0) * ((1 - fx) * (1 - fy))
        + table.take(top + x1, axis=0) * (fx * (1 - fy))
        + table.take(bottom + x0, axis=0) * ((1 - fx) * fy)
        + table.take(bottom + x1, axis=0) * (fx * fy)
    )


def source_position(
    index: Indices, length: int, factor: int
) -> tuple[Indices, Indices, FloatArray]:
    """Return the two source indices and the fraction between them, in float32 as PyTorch does."""
    scale = np.float32(length - 1) / np.float32(length * factor - 1)
    position = index.astype(np.float32) * scale
    low = position.astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (position - low.astype(np.float32))[:, None]


def _unit(rows: FloatArray) -> FloatArray:
    norms = np.sqrt(np.einsum('nd,nd->n', rows, rows))
    return rows / np.maximum(norms, np.float32(LEAST_NORM))[:, None]
