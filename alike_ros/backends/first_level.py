"""The network's first level at single pixels: read from its map, or computed from the image."""

from __future__ import annotations

import numpy as np

from alike_ros.backends.descriptors import FirstLevel, Indices, product
from alike_ros.layers import Convolution, Layers
from alike_ros.structures import FloatArray, ImageArray

REACH = 2  # px around a pixel that its value depends on: two 3x3 convolutions


def in_map(level: FloatArray) -> FirstLevel:
    """Return the first level where its map (H, W, dim/4) is at hand."""
    table = level.reshape(-1, level.shape[2])
    return lambda pixels: table.take(pixels[:, 1] * level.shape[1] + pixels[:, 0], axis=0)


class FirstLevelAtPixels:
    """Computes the level where it is asked for; a convolution of a patch is a matrix."""

    def __init__(self, layers: Layers) -> None:
        block = layers.blocks[0]
        self._first, self._first_bias = _as_matrix(block.first, 2 * REACH + 1)
        self._second, self._second_bias = _as_matrix(block.second, 2 * REACH - 1)
        self._reduction = layers.reductions[0].T.copy()

    def of(self, image: ImageArray) -> FirstLevel:
        """Return the first level of an image (H, W, 3)."""
        return lambda pixels: self._rows(image, pixels)

    def _rows(self, image: ImageArray, pixels: Indices) -> FloatArray:
        patches, inside = _patches(image, pixels)
        x = np.maximum(product(patches, self._first) + self._first_bias, 0)
        x *= np.repeat(inside, x.shape[1] // inside.shape[1], axis=1)
        x = np.maximum(product(x, self._second) + self._second_bias, 0)
        return np.maximum(product(x, self._reduction), 0)


def _patches(image: ImageArray, pixels: Indices) -> tuple[FloatArray, np.ndarray]:
    """Return the patches (N, 75) around pixels, zero outside of the image.

    And where the first convolution's values (N, 9) lie inside: outside the second one reads zero.
    """
    height, width, _ = image.shape
    steps = np.arange(-REACH, REACH + 1)
    x, y = pixels[:, :1] + steps, pixels[:, 1:] + steps  # (N, 5)
    inside_x, inside_y = (x >= 0) & (x < width), (y >= 0) & (y < height)
    inside = inside_y[:, :, None] & inside_x[:, None]  # (N, 5, 5)
    flat = np.where(inside, y[:, :, None] * width + x[:, None], 0)
    patches = image.reshape(-1, 3).take(flat, axis=0) * inside[..., None]  # (N, 5, 5, 3)
    sides = 2 * REACH + 1, 2 * REACH - 1
    return (
        patches.reshape(len(pixels), 3 * sides[0] ** 2).astype(np.float32),
        inside[:, 1:-1, 1:-1].reshape(len(pixels), sides[1] ** 2),
    )


def _as_matrix(layer: Convolution, side: int) -> tuple[FloatArray, FloatArray]:
    """Return the matrix and bias that do a 3x3 convolution of side x side x C values.

    Only the positions that lie inside: (side^2 C, (side - 2)^2 outputs), channels last.
    """
    outputs, inputs, size, _ = layer.weight.shape
    left = side - size + 1
    matrix = np.zeros((side, side, inputs, left, left, outputs), np.float32)
    kernel = layer.weight.transpose(2, 3, 1, 0)  # (3, 3, C, outputs)
    for y in range(left):
        for x in range(left):
            matrix[y : y + size, x : x + size, :, y, x] = kernel
    return matrix.reshape(-1, left * left * outputs), np.tile(layer.bias, left * left)
