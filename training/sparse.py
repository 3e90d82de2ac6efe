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
    """Return unit descriptors (B, K, dim) at points (B, K, 2) px."""
    height, width = levels[0].shape[2:]
    last = points.new_tensor([width - 1, height - 1])
    grid = (points / last * 2 - 1)[:, :, None]  # (B, K, 1, 2), corner pixels at -1 and 1
    sampled = [F.grid_sample(level.float(), grid, align_corners=True) for level in levels]
    rows = torch.cat(sampled, 1)  # (B, dim, K, 1)
    if not network.variant.single_head:
        rows = F.relu(F.conv2d(rows, network.convhead1.weight))
    rows = F.conv2d(rows, network.convhead2.weight[:-1])
    return F.normalize(rows[..., 0].transpose(1, 2), dim=2)


def _split(weight: Tensor, levels: list[Tensor]) -> Tensor:
    """Apply a 1x1 convolution to the enlarged, concatenated levels, level by level."""
    parts = weight.split(weight.shape[1] // len(levels), dim=1)
    total = None
    for level, part, stride in zip(levels, parts, LEVEL_STRIDES, strict=True):
        term = upsample(F.conv2d(level, part.to(level.dtype)).float(), stride)
        total = term if total is None else total + term
    assert total is not None
    return total
