"""The folder of a run: shipped weights, and a checkpoint to go on from, every file a state dict.

    weights.pth               the best averaged weights so far, what `alike_ros` loads
    log.csv                   one line a validation
    checkpoint/network.pth    the weights that are trained
    checkpoint/average.pth    their running average
    checkpoint/moment1.pth    Adam's moments, by the names of the weights
    checkpoint/moment2.pth
    checkpoint/progress.json  step, best value so far, configuration

Batches are functions of seed and step, so no generator needs saving.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from alike_ros.errors import WeightsError, first_line
from alike_ros.network import ALNet, tensors_of
from training.config import TrainingConfig

State = dict[str, Tensor]


@dataclass
class Progress:
    """What is done: steps, the best value of a validation, seconds of training."""

    step: int = 0
    best: float = -1.0
    seconds: float = 0.0


@dataclass(frozen=True)
class RunFolder:
    """Where everything about a run lies."""

    path: Path

    @property
    def weights(self) -> Path:
        return self.path / 'weights.pth'

    @property
    def latest(self) -> Path:
        """The averaged weights of the last checkpoint."""
        return self._whole / 'average.pth'

    @property
    def log(self) -> Path:
        return self.path / 'log.csv'

    @property
    def _checkpoint(self) -> Path:
        return self.path / 'checkpoint'

    @property
    def _old(self) -> Path:
        return self.path / 'checkpoint.old'

    @property
    def _whole(self) -> Path:
        """The checkpoint, or the one before where the run was killed between two renamings."""
        return self._checkpoint if self._checkpoint.exists() else self._old

    def save(
        self,
        network: ALNet,
        average: State,
        optimiser: Adam,
        progress: Progress,
        config: TrainingConfig,
    ) -> None:
        """Write a checkpoint; the one before stays whole until this one is."""
        new = self.path / 'checkpoint.new'
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        save_weights(network.state_dict(), new / 'network.pth')
        save_weights(average, new / 'average.pth')
        for name, key in (('moment1', 'exp_avg'), ('moment2', 'exp_avg_sq')):
            save_weights(_moments(network, optimiser, key), new / f'{name}.pth')
        text = json.dumps({'progress': asdict(progress), 'config': asdict(config)}, indent=1)
        (new / 'progress.json').write_text(text + '\n', encoding='utf-8')
        if self._checkpoint.exists():
            shutil.rmtree(self._old, ignore_errors=True)
            self._checkpoint.rename(self._old)
        new.rename(self._checkpoint)
        shutil.rmtree(self._old, ignore_errors=True)

    def resume(self, network: ALNet, average: State, optimiser: Adam) -> Progress | None:
        """Load the checkpoint into what is given; None where there is none.

        Raises:
            WeightsError: the checkpoint is damaged or of another network.
        """
        folder = self._whole
        if not folder.exists():
            return None
        try:
            stored = json.loads((folder / 'progress.json').read_text(encoding='utf-8'))
            progress = Progress(**stored['progress'])
            network.load_state_dict(tensors_of(folder / 'network.pth'))
            for name, value in tensors_of(folder / 'average.pth').items():
                average[name].copy_(value)
            first, second = (tensors_of(folder / f'moment{n}.pth') for n in (1, 2))
        except Exception as error:  # a damaged file fails in json, zipfile or torch
            raise WeightsError(
                f'{folder} is no checkpoint of {network.variant}: {first_line(error)}. '
                'Name another output, or remove it to begin anew'
            ) from error
        _restore(network, optimiser, first, second, progress.step)
        return progress

    def stored(self) -> dict[str, Any]:
        """Return what progress.json of the checkpoint says."""
        text = (self._whole / 'progress.json').read_text(encoding='utf-8')
        stored: dict[str, Any] = json.loads(text)
        return stored

    def copy_checkpoint(self, folder: Path, without: Collection[str]) -> None:
        """Copy checkpoint and log, and of the configuration all but what is left out."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._whole, folder / 'checkpoint')
        shutil.copy2(self.log, folder)
        stored = self.stored()
        stored['config'] = {k: v for k, v in stored['config'].items() if k not in without}
        text = json.dumps(stored, indent=1) + '\n'
        (folder / 'checkpoint' / 'progress.json').write_text(text, encoding='utf-8')

    def append(self, row: dict[str, str]) -> None:
        """Add a line to the log, and its heading to a new one."""
        lines = self._log_lines() or [_line(row.keys())]
        self._write_log([*lines, _line(row.values())])

    def cut_log(self, step: int) -> None:
        """Drop lines after a step: a run that goes on from it writes them again."""
        lines = self._log_lines()
        kept = [line for line in lines[1:] if int(line.partition(',')[0]) <= step]
        if lines:
            self._write_log(lines[:1] + kept)

    def _log_lines(self) -> list[str]:
        if not self.log.exists():
            return []
        return self.log.read_text(encoding='utf-8').splitlines(keepends=True)

    def _write_log(self, lines: list[str]) -> None:
        """Write the log whole: a run that is killed meanwhile leaves the one before."""
        new = self.path / 'log.new.csv'
        new.write_text(''.join(lines), encoding='utf-8')
        new.replace(self.log)


def _line(cells: Iterable[str]) -> str:
    return ','.join(cells) + '\n'


def save_weights(state: State, path: Path) -> None:
    """Write a state dict as the published ones are, float32 on the CPU."""
    tensors = {
        name: value.detach().cpu().float() if value.is_floating_point() else value.cpu()
        for name, value in state.items()
    }
    torch.save({name: value.clone().contiguous() for name, value in tensors.items()}, path)


def _moments(network: ALNet, optimiser: Adam, key: str) -> State:
    state = optimiser.state
    return {name: state[weight][key] for name, weight in network.named_parameters()}


def _restore(network: ALNet, optimiser: Adam, first: State, second: State, step: int) -> None:
    for name, weight in network.named_parameters():
        optimiser.state[weight] = {
            'step': torch.tensor(float(step)),
            'exp_avg': first[name].to(weight).clone(memory_format=torch.preserve_format),
            'exp_avg_sq': second[name].to(weight).clone(memory_format=torch.preserve_format),
        }
