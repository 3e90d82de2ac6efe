"""Write an ONNX graph node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alike_ros.layers import Block, Convolution
from alike_ros.structures import FloatArray

OPSET = 18
IR_VERSION = 9  # of the first release with that opset; older runtimes refuse newer files

Shape = list[str | int]


class GraphWriter:
    """Collects inputs, nodes, constants and outputs, and names what has no name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return what was written; the metadata goes into the file."""
        graph = helper.make_graph(
            self._nodes, 'alike', self._inputs, self._outputs, self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION
        )
        helper.set_model_props(model, metadata)
        return model

    def image(self) -> str:
        """Add the input `image` (B, H, W, 3) uint8 RGB and return it as (B, 3, H, W) float."""
        shape: Shape = ['batch', 'height', 'width', 3]
        self._inputs.append(helper.make_tensor_value_info('image', TensorProto.UINT8, shape))
        return self.channels_first(self.node('Cast', 'image', to=TensorProto.FLOAT))

    def input(self, name: str, shape: Shape) -> str:
        """Add an input of float32."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, value: str, name: str, shape: Shape) -> None:
        """Make the result of the last node an output of the graph."""
        assert self._nodes[-1].output[0] == value
        self._nodes[-1].output[0] = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def node(self, kind: str, *inputs: str, name: str = '', **attributes: Any) -> str:
        output = name or f'{kind.lower()}{len(self._nodes)}'
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        return self._shared(np.array(values, np.int64))

    def floats(self, *values: float) -> str:
        """Return a constant: a number for one value, a vector for several."""
        return self._shared(np.array(values if len(values) > 1 else values[0], np.float32))

    def channels_first(self, x: str) -> str:
        return self.node('Transpose', x, perm=[0, 3, 1, 2])

    def channels_last(self, x: str) -> str:
        return self.node('Transpose', x, perm=[0, 2, 3, 1])

    def squeeze(self, x: str, axis: int) -> str:
        return self.node('Squeeze', x, self.integers(axis))

    def relu(self, x: str) -> str:
        return self.node('Relu', x)

    def pool(self, x: str, size: int) -> str:
        if size == 1:
            return x
        return self.node('MaxPool', x, kernel_shape=[size] * 2, strides=[size] * 2)

    def conv(self, x: str, name: str, layer: Convolution) -> str:
        pad = layer.weight.shape[2] // 2
        weight = self.constant(f'{name}.weight', layer.weight)
        bias = self.constant(f'{name}.bias', layer.bias)
        return self.node('Conv', x, weight, bias, name=name, pads=[pad] * 4)

    def conv1x1(self, x: str, name: str, weight: FloatArray) -> str:
        return self.node('Conv', x, self.constant(f'{name}.weight', weight[:, :, None, None]))

    def block(self, x: str, name: str, block: Block) -> str:
        y = self.relu(self.conv(x, f'{name}.first', block.first))
        y = self.conv(y, f'{name}.second', block.second)
        if block.shortcut is not None:
            y = self.node('Add', y, self.conv(x, f'{name}.shortcut', block.shortcut))
        return self.relu(y)

    def enlarge(self, x: str, vertically: int, horizontally: int) -> str:
        """Upsample (B, C, h, w) bilinearly, corners aligned."""
        if vertically == horizontally == 1:
            return x
        scales = self.floats(1, 1, vertically, horizontally)
        mode = {'mode': 'linear', 'coordinate_transformation_mode': 'align_corners'}
        return self.node('Resize', x, '', scales, **mode)

    def _shared(self, values: np.ndarray) -> str:
        name = f'{values.dtype}_{values.tolist()}'
        if name not in {constant.name for constant in self._constants}:
            self.constant(name, values)
        return name
