"""Samples to medians with their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alike_ros.benchmark.rounds import Result, Sample


@dataclass(frozen=True)
class Spread:
    """Median, 10th and 90th percentile, of `count` values."""

    median: float
    low: float
    high: float
    count: int


def times(result: Result) -> Spread:
    """Return the seconds a frame, over the samples that waited for no core.

    When all of them did, all count: better a disturbed figure, said to be one, than none.
    """
    return _spread([sample.seconds for sample in _usable(result)])


def ratios(result: Result, baseline: Result) -> Spread:
    """Return how many times sooner than the baseline, over the rounds that both had a core in."""
    both = [
        (sample, base)
        for sample, base in zip(result.samples, baseline.samples, strict=True)
        if not (sample.disturbed or base.disturbed)
    ] or list(zip(result.samples, baseline.samples, strict=True))
    return _spread([base.seconds / sample.seconds for sample, base in both])


def stages(result: Result) -> dict[str, float]:
    """Return the median seconds of each stage that was marked, and of the rest: the network."""
    usable = _usable(result)
    names = dict.fromkeys(name for sample in usable for name in sample.stages)
    if not names:
        return {}
    medians = {name: _median([s.stages.get(name, 0.0) for s in usable]) for name in names}
    rest = _median([s.seconds - sum(s.stages.values()) for s in usable])
    return {**medians, 'network': rest}


def disturbed(result: Result) -> int:
    return sum(sample.disturbed for sample in result.samples)


def _usable(result: Result) -> list[Sample]:
    return [sample for sample in result.samples if not sample.disturbed] or result.samples


def _spread(values: list[float]) -> Spread:
    low, median, high = np.percentile(values, [10, 50, 90])
    return Spread(float(median), float(low), float(high), len(values))


def _median(values: list[float]) -> float:
    return float(np.median(values))
