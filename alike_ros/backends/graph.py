"""The network as an ONNX graph, made from its weights without PyTorch.

Input `image` (B, H, W, 3) uint8 RGB, H and W multiples of 32. Outputs `score` (B, H, W) in (0, 1)
and `level1` … `level4` (B, H/s, W/s, dim/4), s = 1, 2, 8, 32: what the head reads, so that
descriptors are computed where keypoints are. docs/design.md says why that equals the dense form.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from alike_ros.backends.graph_writer import GraphWriter, Shape
from alike_ros.layers import Layers
from alike_ros.variants import LEVEL_STRIDES, POOLINGS

OUTPUTS = ('score', 'level1', 'level2', 'level3', 'level4')


def build_graph(
    layers: Layers, metadata: dict[str, str] | None = None, with_matrices: bool = False
) -> onnx.ModelProto:
    """Return the graph of a network; batch, height and width are open.

    metadata: goes into the file. with_matrices: more outputs, what makes descriptors of the
    levels: `descriptors` (dim, dim) and for alike-l `hidden` (dim, dim), the same for any image.
    """
    writer = GraphWriter()
    maps = _encoder(writer, layers)
    score = writer.node('Sigmoid', _logit(writer, layers, maps))
    writer.output(score, 'score', ['batch', 'height', 'width'])
    for i, (level, stride) in enumerate(zip(maps, LEVEL_STRIDES, strict=True), start=1):
        size = ['height', 'width'] if i == 1 else [f'height/{stride}', f'width/{stride}']
        shape: Shape = ['batch', *size, layers.variant.dim // 4]
        writer.output(writer.channels_last(level), f'level{i}', shape)
    if with_matrices:
        _add_matrices(writer, layers)
    return writer.model(metadata or {})


def _add_matrices(writer: GraphWriter, layers: Layers) -> None:
    matrices = {'descriptors': layers.head[:-1]}
    if layers.hidden is not None:
        matrices['hidden'] = layers.hidden
    for name, matrix in matrices.items():
        value = writer.node('Identity', writer.constant(f'{name}.matrix', matrix))
        writer.output(value, name, list(matrix.shape))


def _encoder(writer: GraphWriter, layers: Layers) -> list[str]:
    x = writer.image()
    levels = []
    for i, pooling in enumerate(POOLINGS, start=1):
        x, level = encode(writer, layers, writer.pool(x, pooling), i)
        levels.append(level)
    return levels


def encode(writer: GraphWriter, layers: Layers, x: str, i: int) -> tuple[str, str]:
    """Write the i-th block and what the head reads of it; return both, (B, C, h, w)."""
    x = writer.block(x, f'block{i}', layers.blocks[i - 1])
    return x, writer.relu(writer.conv1x1(x, f'reduction{i}', layers.reductions[i - 1]))


def _logit(writer: GraphWriter, layers: Layers, levels: list[str]) -> str:
    """Return the score before the sigmoid (B, H, W)."""
    if layers.hidden is not None:
        upsampled = [writer.enlarge(x, s, s) for x, s in zip(levels, LEVEL_STRIDES, strict=True)]
        return logit_of_two_layers(writer, layers, upsampled)
    parts = [head_part(writer, layers, x, i) for i, x in enumerate(levels, start=1)]
    first, *coarser = (writer.squeeze(x, 1) for x in parts)  # (B, H/s, W/s)
    return writer.node('Add', first, _upsampled_sum(writer, coarser))


def head_part(writer: GraphWriter, layers: Layers, level: str, i: int) -> str:
    """Return what the i-th level adds to the logit before it is upsampled: (B, 1, h, w)."""
    weight = np.split(layers.head[-1:], len(LEVEL_STRIDES), axis=1)[i - 1]
    return writer.conv1x1(level, f'head{i}', weight)


def _upsampled_sum(writer: GraphWriter, maps: list[str]) -> str:
    """Return the sum (B, H, W) of the upsampled coarse maps (B, H/s, W/s).

    One channel is little work for a matrix product and much for a library's upsampling.
    """
    wide, tall = [], []
    for x, factor in zip(maps, LEVEL_STRIDES[1:], strict=True):
        wide.append(widened(writer, x, factor))  # (B, H/s, W)
        tall.append(_interpolation(writer, x, factor))  # (H, H/s)
    stacked = writer.node('Concat', *wide, axis=1)
    return writer.node('MatMul', writer.node('Concat', *tall, axis=1), stacked)


def widened(writer: GraphWriter, x: str, factor: int) -> str:
    """Return x (B, h, w) with its rows enlarged, (B, h, w * factor)."""
    positions, last = _positions(writer, x, 2, factor)
    low = writer.node('Floor', positions)
    high = writer.node('Min', writer.node('Add', low, writer.floats(1)), last)
    left, right = (
        writer.node('Gather', x, writer.node('Cast', i, to=TensorProto.INT64), axis=2)
        for i in (low, high)
    )
    step = writer.node('Mul', writer.node('Sub', right, left), writer.node('Sub', positions, low))
    return writer.node('Add', left, step)


def _interpolation(writer: GraphWriter, x: str, factor: int) -> str:
    """Return the matrix (h * factor, h) that enlarges the columns of x (B, h, w)."""
    positions, last = _positions(writer, x, 1, factor)
    column = writer.node('Unsqueeze', positions, writer.integers(1))
    one = writer.floats(1)
    sources = writer.node('Range', writer.floats(0), writer.node('Add', last, one), one)
    distance = writer.node('Abs', writer.node('Sub', column, sources))
    return writer.relu(writer.node('Sub', one, distance))


def _positions(writer: GraphWriter, x: str, axis: int, factor: int) -> tuple[str, str]:
    """Return where the values of an enlarged axis lie on the axis, and its last index n - 1.

    Computed in float32 as PyTorch does: index times (n - 1) / (n * factor - 1).
    """
    zero, one = writer.floats(0), writer.floats(1)
    shape = writer.node('Shape', x, start=axis, end=axis + 1)
    length = writer.node('Squeeze', writer.node('Cast', shape, to=TensorProto.FLOAT))
    last = writer.node('Sub', length, one)
    enlarged = writer.node('Mul', length, writer.floats(factor))
    scale = writer.node('Div', last, writer.node('Sub', enlarged, one))
    return writer.node('Mul', writer.node('Range', zero, enlarged, one), scale), last


def logit_of_two_layers(writer: GraphWriter, layers: Layers, levels: list[str]) -> str:
    """Return the logit (B, H, W) of alike-l: a ReLU stands between its head's two layers.

    Upsampling dim/4 channels a level before the first layer moves a quarter of the memory that
    upsampling its products would, which is worth more than the multiplications saved.

    levels: at full size, (B, dim/4, H, W).
    """
    assert layers.hidden is not None
    x = writer.node('Concat', *levels, axis=1)  # (B, dim, H, W)
    x = writer.relu(writer.conv1x1(x, 'head1', layers.hidden))
    return writer.squeeze(writer.conv1x1(x, 'head2', layers.head[-1:]), 1)
