"""Every parameter of a training run, written once: name, default, range, unit, meaning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alike_ros.config import MODELS, Checked, param, parameters
from alike_ros.errors import ConfigError, first_line


@dataclass(frozen=True)
class TrainingConfig(Checked):
    """What is trained, on what, for how long."""

    model: str = param('alike-t', 'Network that is trained.', choices=MODELS)
    photos: str = param('', 'Folder of photos, searched with its subfolders.')
    output: str = param('', 'Folder for weights, log, checkpoint; with a checkpoint it resumes.')
    init: str = param('', 'File of weights to begin with. Empty: random ones.')
    teacher: str = param(
        '', 'Published network whose score map steadies the detector. Empty: none.'
    )
    seed: int = param(1, 'Of the first weights and of every pair.', 0, 2**31 - 1)
    device: str = param('auto', 'auto: CUDA when there is one, else the CPU; cpu; cuda; cuda:1.')
    precision: str = param(
        'bf16', 'Arithmetic of the encoder; losses are in fp32.', choices=('fp32', 'bf16')
    )
    threads: int = param(0, 'CPU threads; 0 leaves it to PyTorch.', 0, 256)

    steps: int = param(200000, 'Steps in all.', 1, 10**8)
    batch: int = param(4, 'Pairs a step.', 1, 1024)
    crop: int = param(320, 'px. Side of a view, a multiple of 32.', 64, 2048)
    learning_rate: float = param(2e-3, 'Of Adam, after the warm-up.', 0.0, 1.0)
    warmup_steps: int = param(500, 'Steps in which the rate rises to it.', 0, 10**6)
    decay_steps: int = param(
        0, 'Last steps, in which the rate falls to a hundredth; 0: it never does.', 0, 10**8
    )
    averaging_steps: int = param(
        1000, 'Steps over which the shipped weights are averaged, exponentially.', 0, 10**6
    )

    keypoints: int = param(400, 'Best maxima of the score map that enter the losses.', 16, 10000)
    random_points: int = param(200, 'Random points besides, for the descriptors.', 0, 10000)
    temperature: float = param(0.05, 'Of the similarities in the descriptor loss.', 0.001, 1.0)
    score_weight: float = param(1.0, "Weight of the teacher's score map.", 0.0, 1000.0)
    maxima_weight: float = param(
        3.0, 'What a pixel of score 1 weighs more in it; more of it raises scores.', 0.0, 1000.0
    )
    reprojection_weight: float = param(0.5, 'Weight of the reprojection loss.', 0.0, 1000.0)
    peak_weight: float = param(0.1, 'Weight of the dispersity peak loss.', 0.0, 1000.0)
    descriptor_weight: float = param(1.0, 'Weight of the descriptor loss.', 0.0, 1000.0)
    reliability_weight: float = param(0.1, 'Weight of the reliability loss.', 0.0, 1000.0)

    calm_share: float = param(0.4, 'Share of pairs as in a video: little motion.', 0.0, 1.0)
    widen_steps: int = param(2500, 'Steps in which the other pairs grow wide.', 0, 10**8)
    rotation_max: float = param(180.0, 'degrees. Largest rotation in the plane.', 0.0, 180.0)
    scale_max: float = param(4.0, 'Largest change of scale.', 1.0, 8.0)
    tilt_max: float = param(55.0, 'degrees. Largest tilt of the plane.', 0.0, 75.0)

    validate_every: int = param(1000, 'Steps between validations.', 1, 10**8)
    validation_pairs: int = param(64, 'Pairs from photos that are held out.', 1, 10000)
    held_out: float = param(0.1, 'Share of the photos, by name, held out.', 0.0, 0.9)
    noise_images: str = param('', 'Folder of images of one view for validation. Empty: none.')


def read_config(path: Path) -> dict[str, Any]:
    """Return the values of a YAML file of parameters.

    Raises:
        ConfigError: no mapping of plain values, or a name that is no parameter.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8')) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f'{path} is no YAML of plain values: {first_line(error)}') from error
    if not isinstance(values, dict):
        raise ConfigError(f'{path}: expected lines `name: value`, got {type(values).__name__}')
    known = {parameter.name for parameter in parameters(TrainingConfig)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ConfigError(f'{path}: unknown parameter {unknown[0]}; known: {", ".join(known)}')
    return values
