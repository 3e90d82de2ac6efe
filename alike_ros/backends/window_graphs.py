"""The network in three graphs, for images whose full-size maps would take too much memory.

`fine` and `head` see a window of rows, `coarse` the whole image; `windows.py` joins them. Maps are
(B, h, w, C) between them. Together they compute what `build_graph` does.
"""

from __future__ import annotations

import onnx

from alike_ros.backends.graph import encode, head_part, logit_of_two_layers, widened
from alike_ros.backends.graph_writer import GraphWriter
from alike_ros.layers import Layers
from alike_ros.variants import LEVEL_STRIDES, POOLINGS


def build_fine(layers: Layers) -> onnx.ModelProto:
    """Return the graph of `image` to `level2` and `pooled`, the third block's input.

    One more output where the head has one layer: `logit1` (B, H, W), the first level's part of
    the logit. With two layers nothing less than the level would do, and it is not kept.
    """
    writer = GraphWriter()
    variant = layers.variant
    x, level = encode(writer, layers, writer.image(), 1)
    if variant.single_head:
        logit = writer.squeeze(head_part(writer, layers, level, 1), 1)
        writer.output(logit, 'logit1', ['batch', 'height', 'width'])
    x, level = encode(writer, layers, writer.pool(x, POOLINGS[1]), 2)
    writer.output(writer.channels_last(level), 'level2', ['batch', 'h2', 'w2', variant.dim // 4])
    pooled = writer.channels_last(writer.pool(x, POOLINGS[2]))
    writer.output(pooled, 'pooled', ['batch', 'h3', 'w3', variant.channels[1]])
    return writer.model({})


def build_coarse(layers: Layers) -> onnx.ModelProto:
    """Return the graph of `pooled` to `level3` and `level4`."""
    writer = GraphWriter()
    variant = layers.variant
    pooled = writer.input('pooled', ['batch', 'h3', 'w3', variant.channels[1]])
    x, level = encode(writer, layers, writer.channels_first(pooled), 3)
    writer.output(writer.channels_last(level), 'level3', ['batch', 'h3', 'w3', variant.dim // 4])
    x, level = encode(writer, layers, writer.pool(x, POOLINGS[3]), 4)
    writer.output(writer.channels_last(level), 'level4', ['batch', 'h4', 'w4', variant.dim // 4])
    return writer.model({})


def build_head(layers: Layers) -> onnx.ModelProto:
    """Return the graph of what the levels hold of a window to its `score` (B, n, W).

    Inputs: `logit1` (B, n, W), or where the head has two layers `image` (B, n, W, 3);
    for the other levels rows of them, `level2` to `level4`, and the matrices (n, h) that make the
    n rows of the window of those, `rows2` to `rows4`.
    """
    writer = GraphWriter()
    single = layers.variant.single_head
    first = writer.input('logit1', ['batch', 'n', 'width']) if single else writer.image()
    coarser = []
    for i, stride in enumerate(LEVEL_STRIDES[1:], start=2):
        x = writer.input(f'level{i}', ['batch', f'h{i}', f'w{i}', layers.variant.dim // 4])
        matrix = writer.input(f'rows{i}', ['n', f'h{i}'])
        if single:
            x = writer.squeeze(head_part(writer, layers, writer.channels_first(x), i), 1)
            coarser.append(widened(writer, writer.node('MatMul', matrix, x), stride))
        else:
            rows = _rows(writer, x, matrix, layers.variant.dim // 4)
            coarser.append(writer.enlarge(rows, 1, stride))
    if single:
        logit = writer.node('Sum', first, *coarser)
    else:
        logit = logit_of_two_layers(
            writer, layers, [encode(writer, layers, first, 1)[1], *coarser]
        )
    writer.output(writer.node('Sigmoid', logit), 'score', ['batch', 'n', 'width'])
    return writer.model({})


def _rows(writer: GraphWriter, level: str, matrix: str, channels: int) -> str:
    """Return rows (B, C, n, w) made by a matrix (n, h) of those of a level (B, h, w, C)."""
    lines = writer.node('Reshape', level, writer.integers(0, 0, -1))  # (B, h, w C)
    rows = writer.node('MatMul', matrix, lines)
    return writer.channels_first(writer.node('Reshape', rows, writer.integers(0, 0, -1, channels)))
