"""A network in training: its first weights, one update, the running average of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam

from alike_ros.backends.torch_backend import fold_batch_norm
from alike_ros.network import ALNet, load_network
from alike_ros.variants import VARIANTS
from alike_ros.weights import OFFICIAL, find_weights
from training.config import TrainingConfig
from training.pairs import Batch
from training.step import Losses, step_losses

CLIP_NORM = 5.0


@dataclass(frozen=True)
class Trainee:
    """A network, the average of its state, its optimiser, and a teacher that stays as it is."""

    network: ALNet
    average: dict[str, Tensor]
    optimiser: Adam
    teacher: ALNet | None


def new_trainee(config: TrainingConfig, device: torch.device) -> Trainee:
    """Return a network with the first weights.

    Raises:
        WeightsError: those to begin with, or the teacher's, are not there or of another network.
    """
    torch.manual_seed(config.seed)
    if config.init:
        network = load_network(config.model, Path(config.init).expanduser())
    else:
        network = ALNet(VARIANTS[config.model])
    network = _placed(network, device).train()
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimiser = Adam(network.parameters(), lr=config.learning_rate)
    return Trainee(network, average, optimiser, _teacher(config, device))


def update(trainee: Trainee, batch: Batch, step: int, config: TrainingConfig) -> Losses:
    """Do one step, in place, and return its losses without gradients."""
    for group in trainee.optimiser.param_groups:
        group['lr'] = learning_rate(step, config)
    losses = step_losses(trainee.network, trainee.teacher, batch, step, config)
    trainee.optimiser.zero_grad(set_to_none=True)
    losses.total(config).backward()
    torch.nn.utils.clip_grad_norm_(trainee.network.parameters(), CLIP_NORM)
    trainee.optimiser.step()
    _follow(trainee, step, config)
    return losses.detached()


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Return the rate of a step: up, level, and down to a hundredth where a decay is asked for."""
    rate = config.learning_rate * min(1.0, (step + 1) / max(config.warmup_steps, 1))
    left = config.steps - step
    if left < config.decay_steps:
        rate *= 0.01 ** (1 - left / config.decay_steps)
    return rate


@torch.no_grad()
def _follow(trainee: Trainee, step: int, config: TrainingConfig) -> None:
    """Move the average towards the weights, and the batch norms' statistics with them.

    At first over a tenth of the steps so far, so that the random beginning is soon forgotten.
    """
    share = 1 / min(step / 10 + 1, config.averaging_steps + 1)
    for name, value in trainee.network.state_dict().items():
        if value.is_floating_point():
            trainee.average[name].lerp_(value, share)
        else:
            trainee.average[name].copy_(value)


def _teacher(config: TrainingConfig, device: torch.device) -> ALNet | None:
    if not config.teacher:
        return None
    network = load_network(config.teacher, find_weights(config.teacher, OFFICIAL).path)
    return _placed(fold_batch_norm(network), device)


def _placed(network: ALNet, device: torch.device) -> ALNet:
    """Return the network on a device, in the order of memory that convolutions like best."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
