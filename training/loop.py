"""The training loop: batches in, losses down, the best averaged weights kept."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam
from tqdm import tqdm

from alike_ros.backends.memory import keep_freed_memory
from alike_ros.backends.torch_backend import fold_batch_norm, open_device
from alike_ros.errors import ConfigError
from alike_ros.evaluation.planar import PlanarPair
from alike_ros.network import ALNet, load_network
from alike_ros.variants import STRIDE, VARIANTS
from alike_ros.weights import find_weights
from training.config import TrainingConfig
from training.pairs import Batch, batches
from training.photos import read_photos
from training.run_folder import Progress, RunFolder, save_weights
from training.step import Losses, step_losses
from training.validation import quality, validate, validation_pairs

CLIP_NORM = 5.0


@dataclass(frozen=True)
class Trainee:
    """A network in training, the average of its weights, and its optimiser."""

    network: ALNet
    average: dict[str, Tensor]
    optimiser: Adam


def train(config: TrainingConfig) -> Progress:
    """Train until the configured step; go on from the checkpoint of the output folder.

    Raises:
        ConfigError: photos or output are not named, or the crop does not fit the network.
        DatasetError, WeightsError: photos or weights cannot be used.
    """
    _check(config)
    keep_freed_memory()
    torch.set_flush_denormal(True)
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = open_device(config.device)
    folder = RunFolder(Path(config.output))
    trainee = new_trainee(config, device)
    progress = folder.resume(*vars(trainee).values()) or Progress()
    folder.cut_log(progress.step)
    teacher = _teacher(config, device)
    photos = read_photos(Path(config.photos), config.held_out)
    pairs = validation_pairs(photos.held_out, config)
    sums, since = Losses.zero(), time.monotonic()
    bar = _bar(config, progress)
    for step, batch in batches(progress.step, photos.training, config):
        losses = _update(trainee, teacher, batch, step, config)
        sums = sums + losses
        bar.update()
        if (step + 1) % config.validate_every and step + 1 < config.steps:
            continue
        progress.step = step + 1
        progress.seconds += time.monotonic() - since
        means = sums.divided(config.validate_every)
        _keep(trainee, folder, progress, means, pairs, config)
        bar.set_postfix(loss=f'{means.total(config):.3f}', best=f'{progress.best:.3f}')
        sums, since = Losses.zero(), time.monotonic()
    bar.close()
    return progress


def new_trainee(config: TrainingConfig, device: torch.device) -> Trainee:
    """Return a network with the first weights."""
    if config.init:
        network = load_network(config.model, Path(config.init).expanduser())
    else:
        network = ALNet(VARIANTS[config.model])
    network = _placed(network, device).train()
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return Trainee(network, average, Adam(network.parameters(), lr=config.learning_rate))


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Return the rate of a step: up, level, and down to a hundredth where a decay is asked for."""
    rate = config.learning_rate * min(1.0, (step + 1) / max(config.warmup_steps, 1))
    left = config.steps - step
    if left < config.decay_steps:
        rate *= 0.01 ** (1 - left / config.decay_steps)
    return rate


def _update(
    trainee: Trainee, teacher: ALNet | None, batch: Batch, step: int, config: TrainingConfig
) -> Losses:
    for group in trainee.optimiser.param_groups:
        group['lr'] = learning_rate(step, config)
    losses = step_losses(trainee.network, teacher, batch, step, config)
    trainee.optimiser.zero_grad(set_to_none=True)
    losses.total(config).backward()
    torch.nn.utils.clip_grad_norm_(trainee.network.parameters(), CLIP_NORM)
    trainee.optimiser.step()
    _follow(trainee, step, config)
    return losses.detached()


@torch.no_grad()
def _follow(trainee: Trainee, step: int, config: TrainingConfig) -> None:
    """Move the average towards the weights, and the batch norms' statistics with them."""
    share = 1 / min(step / 10 + 1, config.averaging_steps + 1)
    for name, value in trainee.network.state_dict().items():
        if value.is_floating_point():
            trainee.average[name].lerp_(value, share)
        else:
            trainee.average[name].copy_(value)


def _keep(
    trainee: Trainee,
    folder: RunFolder,
    progress: Progress,
    losses: Losses,
    pairs: list[PlanarPair],
    config: TrainingConfig,
) -> None:
    """Write checkpoint, log and, where they are the best so far, the weights."""
    averaged = folder.path / 'weights.new.pth'
    folder.path.mkdir(parents=True, exist_ok=True)
    save_weights(trainee.average, averaged)
    score = validate(pairs, averaged, config)
    if quality(score) > progress.best:
        progress.best = quality(score)
        averaged.replace(folder.weights)
    folder.save(trainee.network, trainee.average, trainee.optimiser, progress, config)
    averaged.unlink(missing_ok=True)
    row = {'step': str(progress.step), 'seconds': f'{progress.seconds:.0f}'}
    row |= {name: f'{float(value):.5f}' for name, value in vars(losses).items()}
    folder.append(row | {name: f'{value:.4f}' for name, value in vars(score).items()})


def _teacher(config: TrainingConfig, device: torch.device) -> ALNet | None:
    if not config.teacher:
        return None
    network = load_network(config.teacher, find_weights(config.teacher).path)
    return _placed(fold_batch_norm(network), device)


def _placed(network: ALNet, device: torch.device) -> ALNet:
    """Return the network on a device, in the order of memory that convolutions like best."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _bar(config: TrainingConfig, progress: Progress) -> tqdm:
    """Return a progress bar that fills a log with no more than two lines a minute."""
    interval_s = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(
        total=config.steps,
        initial=progress.step,
        unit='step',
        mininterval=interval_s,
        maxinterval=60,
    )


def _check(config: TrainingConfig) -> None:
    for name in ('photos', 'output'):
        if not getattr(config, name):
            raise ConfigError(f'{name} is empty, expected a folder: give --{name} DIR')
    if config.crop % STRIDE:
        raise ConfigError(f'crop must be a multiple of {STRIDE}, got {config.crop}')
