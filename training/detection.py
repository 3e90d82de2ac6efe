"""The differentiable keypoint detection of the paper (section III-B), in batches.

The same as `alike_ros.detector`, but positions, scores and dispersities carry gradients.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from alike_ros.detector import RADIUS, TEMPERATURE


@dataclass(frozen=True)
class Keypoints:
    """The K best maxima of each of B score maps.

    points: (B, K, 2) px, x and y. scores: (B, K). dispersities: (B, K) px^2.
    found: (B, K) bool, false where a map has fewer maxima.
    """

    points: Tensor
    scores: Tensor
    dispersities: Tensor
    found: Tensor


def detect(scores: Tensor, count: int) -> Keypoints:
    """Find keypoints of score maps (B, 1, H, W) with values in [0, 1]."""
    width = scores.shape[3]
    best, pixels = suppressed(scores.detach()).flatten(1).topk(count)  # (B, K)
    offsets = _offsets(scores)
    indices = pixels[:, :, None] + offsets[:, 1] * width + offsets[:, 0]  # (B, K, 25)
    indices = indices.clamp(0, scores[0].numel() - 1)
    patches = scores.flatten(1).gather(1, indices.flatten(1)).view(indices.shape)
    weights = torch.softmax(patches / TEMPERATURE, dim=2)
    steps = weights @ offsets.to(weights.dtype)  # (B, K, 2), soft-argmax
    squares = (offsets - steps[:, :, None]).square().sum(3)  # (B, K, 25)
    corners = torch.stack([pixels % width, pixels // width], dim=2)
    points = corners + steps
    return Keypoints(points, sample(scores, points.detach()), (weights * squares).sum(2), best > 0)


def suppressed(scores: Tensor) -> Tensor:
    """Return the score maps with zero at all but maxima of 5 x 5 and in the margin."""
    largest = scores
    for axis in (2, 3):  # shifted copies: several times faster on a CPU than pooling
        length = scores.shape[axis] - 2 * RADIUS
        shifted = [largest.narrow(axis, shift, length) for shift in range(2 * RADIUS + 1)]
        largest = functools.reduce(torch.maximum, shifted)
    inner = scores[:, :, RADIUS + 1 : -RADIUS - 1, RADIUS + 1 : -RADIUS - 1]
    maxima = inner * (inner == largest[:, :, 1:-1, 1:-1])
    return F.pad(maxima, (RADIUS + 1,) * 4)


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Return values (B, K) of maps (B, 1, H, W) between pixels, at points (B, K, 2) px."""
    last = points.new_tensor([maps.shape[3] - 1, maps.shape[2] - 1])
    grid = (points / last * 2 - 1)[:, :, None]
    return F.grid_sample(maps, grid, align_corners=True)[:, 0, :, 0]


def _offsets(like: Tensor) -> Tensor:
    steps = torch.arange(-RADIUS, RADIUS + 1, device=like.device)
    y, x = torch.meshgrid(steps, steps, indexing='ij')
    return torch.stack([x, y], dim=2).view(-1, 2)  # (25, 2)
