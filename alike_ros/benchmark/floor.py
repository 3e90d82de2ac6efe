"""How little work the outputs need: FLOPs and bytes counted layer by layer.

A multiplication with its addition counts as two FLOPs. Bytes are those of a layer's inputs,
outputs and weights in float32, each once; what stays in a cache between layers is not deducted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alike_ros.variants import LEVEL_STRIDES, POOLINGS, VARIANTS, Variant, round_up

FLOAT_BYTES = 4
BLEND_FLOPS = 8  # bilinear: four products with their additions


@dataclass(frozen=True)
class Layer:
    name: str
    flops: int
    bytes: int


@dataclass(frozen=True)
class Work:
    """flops and bytes of one image."""

    flops: int
    bytes: int

    def seconds(self, flops_per_s: float, bytes_per_s: float) -> tuple[float, float]:
        """Return the time for the arithmetic alone and for the memory traffic alone."""
        return self.flops / flops_per_s, self.bytes / bytes_per_s


def sparse_work(model: str, size: tuple[int, int], keypoints: int) -> Work:
    """Return the work of the form without the dense descriptor map; size is (width, height)."""
    variant = VARIANTS[model]
    return _sum([*encoder(variant, size), *_sparse_head(variant, size, keypoints)])


def dense_work(model: str, size: tuple[int, int]) -> Work:
    """Return the work of the paper's form, with every map at full size."""
    variant = VARIANTS[model]
    return _sum([*encoder(variant, size), *_dense_head(variant, size)])


def convolution(name: str, inputs: int, outputs: int, kernel: int, pixels: int) -> Layer:
    """Return the work of a convolution that gives so many pixels, at stride 1."""
    weights = inputs * outputs * kernel**2
    values = pixels * (inputs + outputs) + weights
    return Layer(name, 2 * weights * pixels, FLOAT_BYTES * values)


def encoder(variant: Variant, size: tuple[int, int]) -> Iterator[Layer]:
    """Yield the layers up to the four aggregated levels."""
    inputs = 3
    for i, (channels, stride) in enumerate(zip(variant.channels, LEVEL_STRIDES, strict=True), 1):
        pixels = _pixels(size, stride)
        if POOLINGS[i - 1] > 1:
            before = _pixels(size, stride // POOLINGS[i - 1])
            yield Layer(f'pool{i}', inputs * before, FLOAT_BYTES * inputs * (before + pixels))
        yield convolution(f'block{i}.conv1', inputs, channels, 3, pixels)
        yield convolution(f'block{i}.conv2', channels, channels, 3, pixels)
        if i > 1:
            yield convolution(f'block{i}.shortcut', inputs, channels, 1, pixels)
        yield convolution(f'level{i}', channels, variant.dim // 4, 1, pixels)
        inputs = channels


def _dense_head(variant: Variant, size: tuple[int, int]) -> Iterator[Layer]:
    pixels, quarter = _pixels(size, 1), variant.dim // 4
    for stride in LEVEL_STRIDES[1:]:
        yield _upsampling(quarter, stride, size)
    if not variant.single_head:
        yield convolution('head1', variant.dim, variant.dim, 1, pixels)
    yield convolution('head2', variant.dim, variant.dim + 1, 1, pixels)
    values = variant.dim * pixels
    yield Layer('normalise', 3 * values, 2 * FLOAT_BYTES * values)


def _sparse_head(variant: Variant, size: tuple[int, int], keypoints: int) -> Iterator[Layer]:
    quarter = variant.dim // 4
    width = 1 if variant.single_head else variant.dim
    for stride in LEVEL_STRIDES:
        yield convolution(f'split{stride}', quarter, width, 1, _pixels(size, stride))
        if stride > 1:
            yield _upsampling(width, stride, size)
    if not variant.single_head:
        yield convolution('score', variant.dim, 1, 1, _pixels(size, 1))
    corners = 4 * keypoints
    layers = 1 if variant.single_head else 2
    yield Layer('taps', BLEND_FLOPS * corners * variant.dim, FLOAT_BYTES * corners * variant.dim)
    for i in range(layers):
        yield convolution(f'describe{i + 1}', variant.dim, variant.dim, 1, corners)


def _upsampling(channels: int, stride: int, size: tuple[int, int]) -> Layer:
    full, small = channels * _pixels(size, 1), channels * _pixels(size, stride)
    return Layer(f'upsample{stride}', BLEND_FLOPS * full, FLOAT_BYTES * (full + small))


def _pixels(size: tuple[int, int], stride: int) -> int:
    """Return the pixels of a level, of the image padded to whole cells."""
    columns, rows = (round_up(length) // stride for length in size)
    return columns * rows


def _sum(layers: list[Layer]) -> Work:
    return Work(sum(layer.flops for layer in layers), sum(layer.bytes for layer in layers))
