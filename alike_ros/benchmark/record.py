"""Results as values that JSON can hold: what tables and pictures are made from."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from typing import Any

from alike_ros.benchmark import statistics
from alike_ros.benchmark.contestant import Case
from alike_ros.benchmark.floor import Work, dense_work, sparse_work
from alike_ros.benchmark.process import MEGABYTE
from alike_ros.benchmark.rounds import Result
from alike_ros.evaluation.summary import LIBRARIES, hardware, versions
from alike_ros.weights import find_weights

PACKAGES = (*LIBRARIES, 'kornia')
# Variables that bind numerical libraries to fewer instructions, threads or memory.
VARIABLE_STARTS = ('OPENBLAS_', 'OMP_', 'MKL_', 'MALLOC_', 'KMP_', 'ONEDNN_', 'OPENCV_')


def header(
    models: Sequence[str], threads: int, device: str, weights: str = 'auto'
) -> dict[str, Any]:
    """Return what the figures were taken on and with."""
    return {
        'hardware': hardware(device),
        'threads': threads,
        'python': platform.python_version(),
        'packages': versions(PACKAGES),
        'environment': {
            name: value for name, value in os.environ.items() if name.startswith(VARIABLE_STARTS)
        },
        'weights_sha256': {model: find_weights(model, weights).sha256 for model in models},
    }


def case_record(case: Case, results: list[Result], ceiling: tuple[float, float]) -> dict[str, Any]:
    """Return a case's figures; ceiling: FLOP/s and byte/s of this machine."""
    by_label = {result.contestant.label: result for result in results}
    bases = [by_label[label] for label in case.baselines if not by_label[label].failure]
    record = {
        'title': case.title,
        'model': case.model,
        'size': list(case.size),
        'batch': len(case.images),
        'threads': case.threads,
        'reference': case.reference,
        'baselines': [base.contestant.label for base in bases],
        'contestants': [_contestant(result, bases, len(case.images)) for result in results],
    }
    if case.model:
        reference = by_label[case.reference]
        found = sum(len(output.keypoints) for output in reference.outputs)
        record['floor'] = _floor(case, found, ceiling)
    return record


def _contestant(result: Result, bases: list[Result], batch: int) -> dict[str, Any]:
    label = result.contestant.label
    if result.failure:
        return {'label': label, 'failure': result.failure}
    spread = statistics.times(result)
    return {
        'label': label,
        'kind': result.contestant.kind,
        'ms': _spread(spread, 1e3),
        'frames_per_s': batch / spread.median,
        'times_faster': {
            base.contestant.label: _spread(statistics.ratios(result, base)) for base in bases
        },
        'stages_ms': {name: 1e3 * s for name, s in statistics.stages(result).items()},
        'samples': len(result.samples),
        'discarded': statistics.disturbed(result),
        'growth_mb': result.growth_bytes / MEGABYTE,
        'idle_mb': result.idle_bytes / MEGABYTE,
        'first_s': result.first_s,
        **_comparison(result),
    }


def _comparison(result: Result) -> dict[str, Any]:
    found = result.comparison
    if found is None:
        return {}
    difference = found.descriptor_difference
    return {
        'keypoints': found.keypoints,
        'reference_keypoints': found.reference_keypoints,
        'equal': None if math.isnan(found.equal) else found.equal,
        'descriptor_difference': None if math.isnan(difference) else difference,
    }


def _floor(case: Case, keypoints: int, ceiling: tuple[float, float]) -> dict[str, Any]:
    batch = len(case.images)
    return {
        'flops_per_s': ceiling[0],
        'bytes_per_s': ceiling[1],
        'sparse': _work(sparse_work(case.model, case.size, keypoints // batch), batch, ceiling),
        'dense': _work(dense_work(case.model, case.size), batch, ceiling),
    }


def _work(work: Work, batch: int, ceiling: tuple[float, float]) -> dict[str, float]:
    arithmetic_s, traffic_s = work.seconds(*ceiling)
    return {
        'gflop': batch * work.flops / 1e9,
        'gbyte': batch * work.bytes / 1e9,
        'arithmetic_ms': 1e3 * batch * arithmetic_s,
        'traffic_ms': 1e3 * batch * traffic_s,
    }


def _spread(spread: statistics.Spread, scale: float = 1.0) -> dict[str, float]:
    return {
        'median': scale * spread.median,
        'p10': scale * spread.low,
        'p90': scale * spread.high,
        'count': spread.count,
    }
