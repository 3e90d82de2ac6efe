"""The network as an ONNX graph, made from its weights without PyTorch.

Input `image` (B, H, W, 3) uint8 RGB, H and W multiples of 32. Outputs `score` (B, H, W) in (0, 1)
and `level1` … `level4` (B, H/s, W/s, dim/4), s = 1, 2, 8, 32: what the head reads, so that
descriptors are computed where keypoints are. docs/design.md says why that equals the dense form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alike_ros.layers import Block, Convolution, Layers
from alike_ros.structures import FloatArray
from alike_ros.variants import LEVEL_STRIDES, POOLINGS

OPSET = 18
IR_VERSION = 9  # of the first release with that opset; older runtimes refuse newer files
OUTPUTS = ('score', 'level1', 'level2', 'level3', 'level4')


def build_graph(
    layers: Layers, metadata: dict[str, str] | None = None, with_matrices: bool = False
) -> onnx.ModelProto:
    """Return the graph of a network; batch, height and width are open.

    metadata: goes into the file. with_matrices: more outputs, what makes descriptors of the
    levels: `descriptors` (dim, dim) and for alike-l `hidden` (dim, dim), the same for any image.
    """
    writer = _Writer()
    maps = _encoder(writer, layers)
    score = writer.node('Sigmoid', _logit(writer, layers, maps))
    outputs = [writer.rename(score, 'score', ['batch', 'height', 'width'])]
    for i, (level, stride) in enumerate(zip(maps, LEVEL_STRIDES, strict=True), start=1):
        rows = writer.node('Transpose', level, perm=[0, 2, 3, 1])
        size = ['height', 'width'] if i == 1 else [f'height/{stride}', f'width/{stride}']
        shape: list[str | int] = ['batch', *size, layers.variant.dim // 4]
        outputs.append(writer.rename(rows, f'level{i}', shape))
    image = helper.make_tensor_value_info(
        'image', TensorProto.UINT8, ['batch', 'height', 'width', 3]
    )
    if with_matrices:
        outputs += _matrices(writer, layers)
    graph = helper.make_graph(writer.nodes, 'alike', [image], outputs, writer.constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(model, metadata or {})
    return model


class _Writer:
    """Collects nodes and constants, and names what has no name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, name: str = '', **attributes: Any) -> str:
        output = name or f'{kind.lower()}{len(self.nodes)}'
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        return self._shared(np.array(values, np.int64))

    def floats(self, value: float) -> str:
        return self._shared(np.array(value, np.float32))

    def _shared(self, values: np.ndarray) -> str:
        name = f'{values.dtype}_{values.tolist()}'
        if name not in {constant.name for constant in self.constants}:
            self.constant(name, values)
        return name

    def rename(self, value: str, name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        """Give the output of the last node the name of a graph's output."""
        assert self.nodes[-1].output[0] == value
        self.nodes[-1].output[0] = name
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def conv(self, x: str, name: str, layer: Convolution) -> str:
        pad = layer.weight.shape[2] // 2
        weight = self.constant(f'{name}.weight', layer.weight)
        bias = self.constant(f'{name}.bias', layer.bias)
        return self.node('Conv', x, weight, bias, name=name, pads=[pad] * 4)

    def conv1x1(self, x: str, name: str, weight: FloatArray) -> str:
        return self.node('Conv', x, self.constant(f'{name}.weight', weight[:, :, None, None]))

    def relu(self, x: str) -> str:
        return self.node('Relu', x)

    def upsample(self, x: str, factor: int) -> str:
        if factor == 1:
            return x
        scales = self._shared(np.array([1, 1, factor, factor], np.float32))
        return self.node(
            'Resize',
            x,
            '',
            scales,
            mode='linear',
            coordinate_transformation_mode='align_corners',
        )


def _matrices(writer: _Writer, layers: Layers) -> list[onnx.ValueInfoProto]:
    matrices = {'descriptors': layers.head[:-1]}
    if layers.hidden is not None:
        matrices['hidden'] = layers.hidden
    outputs = []
    for name, matrix in matrices.items():
        value = writer.node('Identity', writer.constant(f'{name}.matrix', matrix))
        outputs.append(writer.rename(value, name, list(matrix.shape)))
    return outputs


def _encoder(writer: _Writer, layers: Layers) -> list[str]:
    x = writer.node('Cast', 'image', to=TensorProto.FLOAT)
    x = writer.node('Transpose', x, perm=[0, 3, 1, 2])
    levels = []
    for i, (block, pooling) in enumerate(zip(layers.blocks, POOLINGS, strict=True), start=1):
        if pooling > 1:
            window = [pooling, pooling]
            x = writer.node('MaxPool', x, kernel_shape=window, strides=window)
        x = _block(writer, x, f'block{i}', block)
        level = writer.conv1x1(x, f'reduction{i}', layers.reductions[i - 1])
        levels.append(writer.relu(level))
    return levels


def _block(writer: _Writer, x: str, name: str, block: Block) -> str:
    y = writer.relu(writer.conv(x, f'{name}.first', block.first))
    y = writer.conv(y, f'{name}.second', block.second)
    if block.shortcut is not None:
        y = writer.node('Add', y, writer.conv(x, f'{name}.shortcut', block.shortcut))
    return writer.relu(y)


def _logit(writer: _Writer, layers: Layers, levels: list[str]) -> str:
    """Return the score before the sigmoid (B, H, W)."""
    if layers.hidden is not None:
        return _logit_of_two_layers(writer, layers.hidden, layers.head[-1:], levels)
    splits = np.split(layers.head[-1:], len(levels), axis=1)
    terms = []
    for i, (level, weight) in enumerate(zip(levels, splits, strict=True), start=1):
        term = writer.conv1x1(level, f'head{i}', weight)  # (B, 1, H/s, W/s)
        terms.append(writer.node('Squeeze', term, writer.integers(1)))
    return writer.node('Add', terms[0], _upsampled_sum(writer, terms[1:]))


def _upsampled_sum(writer: _Writer, maps: list[str]) -> str:
    """Return the sum (B, H, W) of the upsampled coarse maps (B, H/s, W/s).

    One channel is little work for a matrix product and much for a library's upsampling.
    """
    wide, tall = [], []
    for x, factor in zip(maps, LEVEL_STRIDES[1:], strict=True):
        columns = writer.node('Transpose', _interpolation(writer, x, 2, factor), perm=[1, 0])
        wide.append(writer.node('MatMul', x, columns))  # (B, H/s, W)
        tall.append(_interpolation(writer, x, 1, factor))
    stacked = writer.node('Concat', *wide, axis=1)
    return writer.node('MatMul', writer.node('Concat', *tall, axis=1), stacked)


def _interpolation(writer: _Writer, x: str, axis: int, factor: int) -> str:
    """Return the matrix (n * factor, n) that upsamples an axis of x of length n.

    The position is computed in float32 as PyTorch does: index times (n - 1) / (n * factor - 1).
    """
    zero, one = writer.floats(0), writer.floats(1)
    shape = writer.node('Shape', x, start=axis, end=axis + 1)
    length = writer.node('Squeeze', writer.node('Cast', shape, to=TensorProto.FLOAT))
    enlarged = writer.node('Mul', length, writer.floats(factor))
    scale = writer.node('Div', writer.node('Sub', length, one), writer.node('Sub', enlarged, one))
    positions = writer.node('Mul', writer.node('Range', zero, enlarged, one), scale)
    column = writer.node('Unsqueeze', positions, writer.integers(1))
    distance = writer.node('Sub', column, writer.node('Range', zero, length, one))
    return writer.relu(writer.node('Sub', one, writer.node('Abs', distance)))


def _logit_of_two_layers(
    writer: _Writer, hidden: FloatArray, last: FloatArray, levels: list[str]
) -> str:
    """Return the logit (B, H, W) of alike-l: a ReLU stands between its head's two layers.

    Upsampling dim/4 channels a level before the first layer moves a quarter of the memory that
    upsampling its products would, which is worth more than the multiplications saved.
    """
    upsampled = [writer.upsample(x, s) for x, s in zip(levels, LEVEL_STRIDES, strict=True)]
    x = writer.node('Concat', *upsampled, axis=1)  # (B, dim, H, W)
    x = writer.relu(writer.conv1x1(x, 'head1', hidden))
    return writer.node('Squeeze', writer.conv1x1(x, 'head2', last), writer.integers(1))
