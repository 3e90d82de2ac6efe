"""One step: what a network makes of a batch, and how far that is from what it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alike_ros.network import ALNet
from training import losses as terms
from training.config import TrainingConfig
from training.detection import detect
from training.pairs import Batch
from training.sparse import describe, score_map

RANDOM_STREAM = 1 << 20  # beside the streams of the pairs


@dataclass(frozen=True)
class Losses:
    """The terms of the loss, unweighted: scalars."""

    score: Tensor
    reprojection: Tensor
    peak: Tensor
    descriptor: Tensor
    reliability: Tensor

    @classmethod
    def mean(cls, losses: Sequence[Losses]) -> Losses:
        """Return the means, term by term."""
        columns = zip(*(vars(each).values() for each in losses), strict=True)
        return cls(*(torch.stack(column).mean() for column in columns))

    def total(self, config: TrainingConfig) -> Tensor:
        """Return the weighted sum."""
        weights = [getattr(config, f'{entry.name}_weight') for entry in fields(self)]
        values = vars(self).values()
        return torch.stack([w * v for w, v in zip(weights, values, strict=True)]).sum()

    def detached(self) -> Losses:
        return Losses(*(value.detach().cpu() for value in vars(self).values()))


def step_losses(
    network: ALNet, teacher: ALNet | None, batch: Batch, step: int, config: TrainingConfig
) -> Losses:
    """Return the losses of a batch with gradients."""
    device = next(network.parameters()).device
    homographies = torch.from_numpy(batch.homographies).to(device)
    valid = torch.from_numpy(batch.valid).to(device)
    levels = _levels(network, batch.seen, device, config)
    logits = score_map(network, levels)  # (2B, 1, S, S)
    keypoints = detect(torch.sigmoid(logits), config.keypoints)
    found = terms.correspond(keypoints, homographies, valid)
    extra = random_points(len(valid), step, config).to(device)
    places = terms.true_places(found, keypoints)
    points = torch.cat([keypoints.points.detach(), extra, terms.swap(places)], 1)
    ours, others, true = describe(network, levels, points).split(
        [config.keypoints, config.random_points, config.keypoints], 1
    )
    matches = terms.match_logits(
        found, keypoints, ours, terms.swap(true), others, extra, config.temperature
    )
    return Losses(
        _score_loss(teacher, logits, batch, config),
        terms.reprojection_loss(found, keypoints),
        terms.peak_loss(keypoints),
        terms.descriptor_loss(matches, found.visible),
        terms.reliability_loss(matches, keypoints.scores, found.visible),
    )


def random_points(views: int, step: int, config: TrainingConfig) -> Tensor:
    """Return (views, R, 2) px, a function of seed and step."""
    rng = np.random.default_rng((config.seed, step, RANDOM_STREAM))
    points = rng.uniform(2, config.crop - 3, (views, config.random_points, 2))
    return torch.from_numpy(points.astype(np.float32))


def _score_loss(
    teacher: ALNet | None, logits: Tensor, batch: Batch, config: TrainingConfig
) -> Tensor:
    """Compare with what a teacher sees in the views before they were degraded."""
    if teacher is None:
        return logits.new_zeros(())
    with torch.no_grad():
        levels = _levels(teacher, batch.clean, logits.device, config)
        target = torch.sigmoid(score_map(teacher, levels))
    return terms.score_loss(logits, target, config.maxima_weight)


def _levels(
    network: ALNet, views: NDArray[np.uint8], device: torch.device, config: TrainingConfig
) -> list[Tensor]:
    images = torch.from_numpy(views).to(device).permute(0, 3, 1, 2)  # channels last in memory
    reduced = config.precision == 'bf16'
    with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
        return network.pyramid(images.float().div_(255))
