"""`python -m training.card RUN --data DATA`: weights, model card and resumable state of a run.

Writes models/builtin-<model>.pth, .md, .png, and training/checkpoints/<model>/.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch

from alike_ros.errors import AlikeError
from alike_ros.weights import BUILTIN, CHECKSUMS, sha256_of
from training import compare, curves
from training.config import TrainingConfig
from training.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ('photos', 'output', 'init', 'noise_images')  # paths of one machine

CARD = """# {name}

Weights of {model}, trained for this project from random initialisation. Use them by
`weights: models/{name}.pth`; continue the run by copying `training/checkpoints/{model}` to RUN.

| | |
|---|---|
| file | {name}.pth, {size} bytes, sha256 `{sha256}` |
| network and method | ALIKE: Zhao et al., IEEE Transactions on Multimedia, 2022; thank you |
| shipped | {shipped} |
| trained | {steps} steps of {batch} pairs of {crop} x {crop} px, {hours:.1f} h, seed {seed} |
| hardware | {hardware} |
| teacher | {teacher} |
| validation | {validation} |
| licence | BSD-3-Clause, as the project |

## Command

    python -m training.train --config training/configs/{model}.yaml \\
        --photos PHOTOS --noise_images NOISE --output RUN

{changes}{note}
## Data

160 photos of freely licensed wallpapers, longest side 1280 px, {held_out:.0%} of them held out by
name; docs/training.md says how to assemble the folder. No photo is in this repository. The names
and licences of their authors stand in the copyright files of these packages; thanks to them all.

| source | photos | licences of the photos |
|---|---|---|
| elementary/wallpapers | 91 | Unsplash, Pexels, CC0, CC BY, CC BY-SA 4.0, Free Art |
| fedoradesign/backgrounds | 32 | CC0, CC BY, CC BY-SA 4.0, Free Art |
| Debian lomiri-wallpapers-16.04, -20.04 | 14 | CC BY 4.0, CC BY-SA 3.0 and 4.0 |
| Debian mate-backgrounds | 12 | GPL-2+, CC BY-SA 4.0 |
| Debian plasma-workspace-wallpapers | 11 | GPL-2+ |

Photos under CC BY-SA, the Free Art licence and the GPL are among the data. The weights hold no
photo and nothing from which one could be made again; whoever reads share-alike licences as
reaching weights should not use these. KITTI, TUM, graf, bark and boat were neither trained on nor
used to pick among checkpoints; the table was looked at while the recipe grew, and the larger
changes of scale followed what it showed of boat and bark.

## Beside the published weights

`python -m training.compare DATA {model} models/{name}.pth`. Planar pairs: scores_th 0.2,
n_limit 5000, sub-pixel; videos: the best 1000 keypoints, mutual matches of consecutive images.
In brackets: per cent of the published weights' value.

{table}
## Curves

Losses are means over the steps between validations; the rest is of the averaged weights on
pairs from photos that are held out. The losses rise while the pairs widen.

![curves]({name}.png)
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser('python -m training.card', description=__doc__)
    parser.add_argument('run', type=Path, help="a run's output folder")
    parser.add_argument('--data', type=Path, required=True, help='as for training.compare')
    parser.add_argument('--root', type=Path, default=ROOT, help='checkout to write to')
    parser.add_argument('--resume', type=Path, help='another run whose checkpoint is kept')
    parser.add_argument('--note', default='', help='a paragraph for the card: how it came to be')
    args = parser.parse_args(arguments)
    try:
        runs = RunFolder(args.run), RunFolder(args.resume or args.run)
        print(publish(*runs, args.data, args.root, args.note))
    except (AlikeError, OSError) as error:
        print(f'card: {error}', file=sys.stderr)
        return 2
    return 0


def publish(run: RunFolder, resumed: RunFolder, data: Path, root: Path, note: str = '') -> Path:
    """Copy what a run gave into a checkout and return the path of its card.

    resumed: the run to go on with, where `run` ended by letting its rate fall; else the same.
    """
    stored = run.stored()
    model = stored['config']['model']
    name, models = f'builtin-{model}', root / 'models'
    models.mkdir(exist_ok=True)
    shutil.copy2(run.weights, models / f'{name}.pth')
    write_checksums(models)
    log = curves.read_log(run.log)
    cv2.imwrite(str(models / f'{name}.png'), curves.draw(log)[:, :, ::-1])
    resumed.copy_checkpoint(root / 'training' / 'checkpoints' / model, without=LOCAL)
    table = compare.table(data, model, [models / f'{name}.pth'])
    path = models / f'{name}.md'
    text = CARD.format(
        **_facts(stored, models / f'{name}.pth'), table=table, note=f'{note}\n' if note else ''
    )
    path.write_text(text, encoding='utf-8')
    return path


def write_checksums(models: Path) -> None:
    """Write the checksums of the built-in files, as `sha256sum --check` reads them."""
    files = sorted(models.glob(f'{BUILTIN}-*.pth'))
    lines = [f'{sha256_of(file)}  {file.name}\n' for file in files]
    (models / CHECKSUMS).write_text(''.join(lines), encoding='utf-8')


def _facts(stored: dict[str, Any], weights: Path) -> dict[str, Any]:
    config, progress = stored['config'], stored['progress']
    teacher = config['teacher']
    threads = config['threads'] or torch.get_num_threads()
    return config | {
        'name': weights.stem,
        'size': weights.stat().st_size,
        'sha256': sha256_of(weights),
        'shipped': 'running average of the weights (exponential), batch norms included',
        'steps': progress['step'],
        'hours': progress['seconds'] / 3600,
        'hardware': f'{_processor()}, {threads} threads, {config["precision"]}',
        'teacher': f'score map of the published {teacher}; descriptors have none'
        if teacher
        else 'none',
        'validation': f'every {config["validate_every"]} steps on photos held out by name',
        'changes': _changes(config),
    }


def _changes(config: dict[str, Any]) -> str:
    """Return the parameters that differ from the defaults, as a paragraph."""
    defaults = asdict(TrainingConfig())
    different = {k: v for k, v in config.items() if v != defaults.get(k) and k not in LOCAL}
    listed = ', '.join(f'{name} {value}' for name, value in different.items())
    return f'Parameters other than the defaults: {listed}.\n' if listed else ''


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    lines = info.read_text(encoding='utf-8').splitlines() if info.is_file() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == '__main__':
    sys.exit(main())
