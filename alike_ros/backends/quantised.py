"""The network's graph with its large convolutions in 8-bit integers.

QuantizeLinear and DequantizeLinear stand before each of them, which OpenVINO runs as one integer
convolution. ONNX Runtime could too, and is mostly slower with it than in float32
(docs/results.md).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alike_ros.backends.openvino_library import ov
from alike_ros.structures import ImageArray

Steps = dict[str, np.float32]  # of the values that a convolution reads, by its weight's name

# Percentage of an input's values that do not saturate. With 100 the few largest would make the
# steps of all others coarse: a tenth fewer keypoints stay within 0.01 px.
COVERED = 99.9
COLOURS = 3
LEAST_SCALE = 1e-9  # of what is always 0
# OpenVINO drops a step of exactly 1, the image's, and computes the first convolution in float32.
NOT_ONE = 1.00001


def activation_steps(model: onnx.ModelProto) -> Steps:
    """Return the steps of what the large convolutions of the whole network read.

    None of those values is ever negative.
    """
    sources = {node.input[1]: node.input[0] for node in _large(model)}
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    for name in sorted(set(sources.values())):
        observed.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    image = calibration_image()[None]
    core = ov.Core()
    network = core.read_model(observed.SerializeToString())
    network.reshape(list(image.shape))
    values = core.compile_model(network, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})(image)
    tops = {weight: np.percentile(values[name], COVERED) for weight, name in sources.items()}
    return {
        weight: np.float32(max(NOT_ONE * top / 255, LEAST_SCALE)) for weight, top in tops.items()
    }


def quantise(model: onnx.ModelProto, steps: Steps) -> onnx.ModelProto:
    """Return a graph of the network with the same inputs and outputs, large convolutions in int8.

    Those are the 3x3 ones, the first of them where the processor has VNNI, and the first layer of
    alike-l's head. Shortcuts, levels and score stay in float32, where they are as fast.
    """
    large = _large(model)
    scales = {node.input[0]: steps[node.input[1]] for node in large}
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    constants, nodes = [], []
    for name in sorted({node.input[1] for node in large}):
        constants += _weight_constants(name, weights.pop(name))
        nodes.append(_dequantize(name, name, axis=0))
    for node in model.graph.node:
        nodes.append(_reading_int8(node) if node in large else node)
        for name in set(node.output) & scales.keys():
            constants += _activation_constants(name, scales[name])
            nodes += [_quantize(name), _dequantize(name, f'{name}.rounded')]
    constants += [each for each in model.graph.initializer if each.name in weights]
    graph = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, constants
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _large(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    return [node for node in model.graph.node if _is_large(node, weights)]


def _is_large(node: onnx.NodeProto, weights: dict[str, np.ndarray]) -> bool:
    if node.op_type != 'Conv':
        return False
    outputs, inputs, kernel, _ = weights[node.input[1]].shape
    if inputs == COLOURS:
        return has_vnni()
    return kernel > 1 or (node.input[1] == 'head1.weight' and outputs > 1)


@functools.cache
def has_vnni() -> bool:
    """Whether the processor adds products of 8-bit integers in 32 bits, as far as Linux says.

    Older ones of Intel and AMD saturate at 16 bits, which pixels reach and later values hardly: of
    alike-t's keypoints 91 % instead of 97 % stayed within 1 px.
    """
    try:
        return 'vnni' in Path('/proc/cpuinfo').read_text()
    except OSError:
        return False


def calibration_image() -> ImageArray:
    """Return noise (256, 256, 3): bands of random squares of 1, 2, 4 and 8 px.

    On photographs, what was calibrated with it keeps as many keypoints as what was calibrated
    with frames of the rendered room, and it needs nothing but numpy.
    """
    random = np.random.default_rng(0)
    bands = []
    for side in (1, 2, 4, 8):
        squares = random.integers(0, 256, (64 // side, 256 // side, 3), np.uint8)
        bands.append(squares.repeat(side, axis=0).repeat(side, axis=1))
    return np.concatenate(bands)


def _weight_constants(name: str, weight: np.ndarray) -> list[onnx.TensorProto]:
    """Return a weight (outputs, inputs, k, k) as int8, a step for each output."""
    tops = np.abs(weight).max(axis=(1, 2, 3))
    scale = np.maximum(tops / 127, LEAST_SCALE).astype(np.float32)
    integers = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
    return [
        numpy_helper.from_array(integers, f'{name}.int8'),
        *_steps(name, scale, np.zeros(len(scale), np.int8)),
    ]


def _activation_constants(name: str, scale: np.float32) -> list[onnx.TensorProto]:
    return _steps(name, np.array(scale), np.array(0, np.uint8))


def _steps(name: str, scale: np.ndarray, zero: np.ndarray) -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(scale, f'{name}.scale'),
        numpy_helper.from_array(zero, f'{name}.zero'),
    ]


def _quantize(name: str) -> onnx.NodeProto:
    return _node('QuantizeLinear', name, name, f'{name}.int8')


def _dequantize(name: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return _node('DequantizeLinear', name, f'{name}.int8', output, **attributes)


def _node(kind: str, name: str, source: str, output: str, **attributes: Any) -> onnx.NodeProto:
    inputs = [source, f'{name}.scale', f'{name}.zero']
    return helper.make_node(kind, inputs, [output], f'{output}.node', **attributes)


def _reading_int8(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return the node with the rounded values of its first input."""
    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    changed.input[0] += '.rounded'
    return changed
