"""What happened to a sequence, as numbers: tracks, times, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

LIBRARIES = (
    'numpy',
    'opencv-python',
    'opencv-python-headless',
    'torch',
    'openvino',
    'onnxruntime',
)


class Summary:
    """Collects what each image gave, and says what it came to."""

    def __init__(self) -> None:
        self._keypoints: list[int] = []
        self._found: list[int] = []
        self._lengths: Counter[int] = Counter()
        self._times_s: dict[str, list[float]] = {}

    def add_tracks(self, ids: ArrayLike, ages: ArrayLike) -> None:
        """Count an image's keypoints and tracks; an age above 1 is a track found again."""
        self._keypoints.append(len(np.asarray(ids)))
        self._found.append(int((np.asarray(ages) > 1).sum()))
        self._lengths.update(np.asarray(ids).tolist())

    def add_times(self, seconds: Mapping[str, float]) -> None:
        """Count how long the stages of an image took."""
        for stage, value in seconds.items():
            self._times_s.setdefault(stage, []).append(value)

    def fields(self) -> dict[str, Any]:
        """Return the summary as values that JSON can hold."""
        lengths = np.array(list(self._lengths.values()) or [0])
        again = lengths[lengths > 1]
        return {
            'frames': len(self._keypoints),
            'keypoints_per_frame': _mean(self._keypoints),
            'tracks_per_frame': _mean(self._found),
            'mean_track_length': _mean(lengths),
            'mean_track_length_found_again': _mean(again),
            'longest_track': int(lengths.max()),
            'stages_ms': {stage: percentiles_ms(times) for stage, times in self._times_s.items()},
        }


def percentiles_ms(seconds: Iterable[float]) -> dict[str, float | None]:
    """Return median and 99th percentile in ms; None without a finite value."""
    values = np.array([value for value in seconds if np.isfinite(value)])
    if not len(values):
        return {'p50': None, 'p99': None}
    p50, p99 = np.percentile(values, [50, 99]) * 1e3
    return {'p50': round(float(p50), 3), 'p99': round(float(p99), 3)}


def hardware(device: str = 'cpu') -> dict[str, Any]:
    """Return the processor, the cores this process may use, and the GPU if `device` is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return {'cpu': _cpu_model(), 'cores': cores, 'gpu': _gpu_model(device)}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of the packages that are installed."""
    found = {}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _gpu_model(device: str) -> str:
    if not device.startswith('cuda'):
        return ''
    import torch

    return torch.cuda.get_device_name(device)


def _cpu_model() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, platform.machine())


def _mean(values: ArrayLike) -> float:
    array = np.asarray(values)
    return round(float(array.mean()), 2) if len(array) else 0.0
