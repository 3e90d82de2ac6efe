"""The network's score map, and its descriptors at given points only; both differentiable.

What the dense form of `ALNet` gives, without its map of descriptors: the first layer of the head
is linear, so it is applied to each level of the pyramid before they are enlarged and added.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alike_ros.network import ALNet, upsample
from alike_ros.variants import LEVEL_STRIDES


def score_map(network: ALNet, levels: list[Tensor]) -> Tensor:
    """Return logits (B, 1, H, W) of the scores."""
    if network.variant.single_head:
        return _split(network.convhead2.weight[-1:], levels)
    hidden = F.relu(_split(network.convhead1.weight, levels))
    return F.conv2d(hidden, network.convhead2.weight[-1:])


def describe(network: ALNet, levels: list[Tensor], points: Tensor) -> Tensor:
    """Return unit descriptors (B, K, dim) at points (B, K, 2) px; clamped to the image."""
    height, width = levels[0].shape[2:]
    last = points.new_tensor([width - 1, height - 1])
    shares = (points / last).clamp(0, 1)
    rows = torch.cat([_sample(level, shares) for level in levels], 2)  # (B, K, dim)
    if not network.variant.single_head:
        rows = F.relu(rows @ network.convhead1.weight[:, :, 0, 0].T)
    return F.normalize(rows @ network.convhead2.weight[:-1, :, 0, 0].T, dim=2)


def _sample(level: Tensor, shares: Tensor) -> Tensor:
    """Return what a level (B, C, h, w) holds at shares (B, K, 2) of its width and height.

    By rows of a table, not by grid_sample: its gradient would come in another order of memory
    than the level's, which costs as much as a block of the encoder.
    """
    views, channels, height, width = level.shape
    table = level.permute(0, 2, 3, 1).reshape(-1, channels)  # no copy when channels come last
    position = shares * shares.new_tensor([width - 1, height - 1])
    low = position.floor().clamp(max=position.new_tensor([width - 2, height - 2]))
    (x, y), (fx, fy) = low.long().unbind(2), (position - low).unbind(2)
    first = torch.arange(views, device=level.device)[:, None] * (height * width) + y * width + x
    total = torch.zeros((), device=level.device)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        corner = F.embedding(first + (dy * width + dx), table)  # (B, K, C)
        total = total + corner.float() * weight[..., None]
    return total


def _split(weight: Tensor, levels: list[Tensor]) -> Tensor:
    """Apply a 1x1 convolution to the enlarged, concatenated levels, level by level."""
    parts = weight.split(weight.shape[1] // len(levels), dim=1)
    total = None
    for level, part, stride in zip(levels, parts, LEVEL_STRIDES, strict=True):
        term = upsample(F.conv2d(level, part.to(level.dtype)).float(), stride)
        total = term if total is None else total + term
    assert total is not None
    return total
