"""The training loop: batches in, losses down, the best averaged weights kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from alike_ros.backends.memory import keep_freed_memory
from alike_ros.backends.torch_backend import open_device
from alike_ros.errors import ConfigError
from alike_ros.evaluation.planar import PlanarPair
from alike_ros.variants import STRIDE
from training.config import TrainingConfig
from training.pairs import batches
from training.photos import Photo, read_photos
from training.run_folder import Progress, RunFolder, save_weights
from training.step import Losses
from training.trainee import Trainee, new_trainee, update
from training.validation import quality, validate, validation_pairs


@dataclass(frozen=True)
class Run:
    """Everything that a run works with; `progress` and `trainee` change as it goes."""

    config: TrainingConfig
    folder: RunFolder
    trainee: Trainee
    progress: Progress
    photos: Sequence[Photo]
    pairs: Sequence[PlanarPair]


def train(config: TrainingConfig) -> Progress:
    """Train until the configured step; go on from the checkpoint of the output folder.

    Raises:
        ConfigError: photos or output are not named, or the crop does not fit the network.
        DatasetError, WeightsError: photos or weights cannot be used.
    """
    run = _open(config)
    losses: list[Losses] = []
    since = time.monotonic()
    with _bar(run) as bar:
        for step, batch in batches(run.progress.step, run.photos, config):
            losses.append(update(run.trainee, batch, step, config))
            bar.update()
            run.progress.step = step + 1
            if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
                run.progress.seconds += time.monotonic() - since
                means = Losses.mean(losses)
                _keep(run, means)
                bar.set_postfix_str(f'loss {means.total(config):.3f}, {run.progress.best:.3f}')
                losses, since = [], time.monotonic()
    return run.progress


def _open(config: TrainingConfig) -> Run:
    _check(config)
    keep_freed_memory()
    torch.set_flush_denormal(True)
    if config.threads:
        torch.set_num_threads(config.threads)
    folder = RunFolder(Path(config.output))
    trainee = new_trainee(config, open_device(config.device))
    progress = folder.resume(trainee.network, trainee.average, trainee.optimiser) or Progress()
    folder.cut_log(progress.step)
    photos = read_photos(Path(config.photos), config.held_out)
    pairs = validation_pairs(photos.held_out, config)
    return Run(config, folder, trainee, progress, photos.training, pairs)


def _keep(run: Run, losses: Losses) -> None:
    """Write log, checkpoint and, where they are the best so far, the weights.

    The checkpoint comes last: a run that is killed before it takes these steps again, and what it
    had written meanwhile is dropped or written again.
    """
    folder, trainee, progress = run.folder, run.trainee, run.progress
    averaged = folder.path / 'weights.new.pth'
    folder.path.mkdir(parents=True, exist_ok=True)
    save_weights(trainee.average, averaged)
    score = validate(run.pairs, averaged, run.config)
    if quality(score) > progress.best:
        progress.best = quality(score)
        averaged.replace(folder.weights)
    averaged.unlink(missing_ok=True)
    row = {'step': str(progress.step), 'seconds': f'{progress.seconds:.0f}'}
    row |= {name: f'{float(value):.5f}' for name, value in vars(losses).items()}
    folder.append(row | {name: f'{value:.4f}' for name, value in vars(score).items()})
    folder.save(trainee.network, trainee.average, trainee.optimiser, progress, run.config)


def _bar(run: Run) -> tqdm:
    """Return a progress bar that fills a log with no more than two lines a minute."""
    interval_s = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(
        total=run.config.steps, initial=run.progress.step, unit='step', mininterval=interval_s
    )


def _check(config: TrainingConfig) -> None:
    for name in ('photos', 'output'):
        if not getattr(config, name):
            raise ConfigError(f'{name} is empty, expected a folder: give --{name} DIR')
    if config.crop % STRIDE:
        raise ConfigError(f'crop must be a multiple of {STRIDE}, got {config.crop}')
