"""The weights of a network as numpy arrays, batch norms merged into the convolutions before them.

What the backends without PyTorch are built from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alike_ros.errors import WeightsError
from alike_ros.state_dict import read_state_dict
from alike_ros.structures import FloatArray
from alike_ros.variants import VARIANTS, Variant

EPSILON = 1e-5  # of every batch norm


@dataclass(frozen=True)
class Convolution:
    """weight: (outputs, inputs, k, k) float32; bias: (outputs,) float32."""

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Block:
    """Two 3x3 convolutions and, but for the first block, a 1x1 convolution as shortcut."""

    first: Convolution
    second: Convolution
    shortcut: Convolution | None


@dataclass(frozen=True)
class Layers:
    """A network that takes colours in 0..255.

    blocks: the encoder, coarser from block to block.
    reductions: (dim/4, channels) of the 1x1 convolution behind each block.
    hidden: (dim, dim) of the head's first layer where it has two, else None.
    head: (dim + 1, dim) of the head's last layer; the last row gives the score.
    """

    variant: Variant
    blocks: list[Block]
    reductions: list[FloatArray]
    hidden: FloatArray | None
    head: FloatArray


def read_layers(model: str, path: Path) -> Layers:
    """Return the layers of a model from a file of its weights.

    Raises:
        WeightsError: the file is not a state dict of this model.
    """
    variant = VARIANTS[model]
    try:
        state = read_state_dict(path)
        _check_shapes(state, variant)
    except ValueError as error:
        raise WeightsError(
            f'{path} does not hold weights of {model}: {error}. '
            f'Give a state dict of {model}, or fetch the published one: alike models fetch {model}'
        ) from error
    matrices = {name: a[:, :, 0, 0] for name, a in state.items() if a.shape[2:] == (1, 1)}
    return Layers(
        variant,
        [_block(state, f'block{i}') for i in (1, 2, 3, 4)],
        [matrices[f'conv{i}.weight'] for i in (1, 2, 3, 4)],
        matrices.get('convhead1.weight'),
        matrices['convhead2.weight'],
    )


def _block(state: dict[str, FloatArray], name: str) -> Block:
    first, second = (_folded(state, name, number) for number in (1, 2))
    if name == 'block1':
        return Block(Convolution(first.weight / np.float32(255), first.bias), second, None)
    shortcut = Convolution(state[f'{name}.downsample.weight'], state[f'{name}.downsample.bias'])
    return Block(first, second, shortcut)


def _folded(state: dict[str, FloatArray], block: str, number: int) -> Convolution:
    norm = f'{block}.bn{number}.'
    deviation = np.sqrt(state[norm + 'running_var'] + np.float32(EPSILON))
    scale = (state[norm + 'weight'] / deviation).astype(np.float32)
    weight = state[f'{block}.conv{number}.weight'] * scale[:, None, None, None]
    return Convolution(weight, state[norm + 'bias'] - state[norm + 'running_mean'] * scale)


def _check_shapes(state: dict[str, np.ndarray], variant: Variant) -> None:
    expected = dict(_shapes(variant))
    for name, shape in expected.items():
        if name not in state:
            raise ValueError(f'{name} is missing')
        if state[name].shape != shape:
            raise ValueError(f'{name} has shape {state[name].shape}, expected {shape}')
        if state[name].dtype != np.float32:
            raise ValueError(f'{name} is {state[name].dtype}, expected float32')
    counters = {name for name in state if name.endswith('.num_batches_tracked')}
    unknown = state.keys() - expected.keys() - counters
    if unknown:
        raise ValueError(f'{min(unknown)} is not a part of it')


def _shapes(variant: Variant) -> list[tuple[str, tuple[int, ...]]]:
    quarter, dim = variant.dim // 4, variant.dim
    shapes: list[tuple[str, tuple[int, ...]]] = [('convhead2.weight', (dim + 1, dim, 1, 1))]
    if not variant.single_head:
        shapes.append(('convhead1.weight', (dim, dim, 1, 1)))
    inputs = 3
    for i, outputs in enumerate(variant.channels, start=1):
        block = f'block{i}'
        shapes.append((f'conv{i}.weight', (quarter, outputs, 1, 1)))
        for number, width in ((1, inputs), (2, outputs)):
            shapes.append((f'{block}.conv{number}.weight', (outputs, width, 3, 3)))
            for part in ('weight', 'bias', 'running_mean', 'running_var'):
                shapes.append((f'{block}.bn{number}.{part}', (outputs,)))
        if i > 1:
            shapes.append((f'{block}.downsample.weight', (outputs, inputs, 1, 1)))
            shapes.append((f'{block}.downsample.bias', (outputs,)))
        inputs = outputs
    return shapes
