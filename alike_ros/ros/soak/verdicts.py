"""Whether a run was good, by its samples and by what the checkers found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.ros.soak.samples import Sample

MAX_GROWTH = 0.01  # of the resident memory
MAX_DRIFT = 1.25  # of the latency's 99th percentile, besides
DRIFT_MS = 5.0  # what a busy computer may add to it
MIN_CHECKED = 0.95  # of the images processed
LEAST_SAMPLES = 20  # in a fifth, to compare it with another
LEAST_LATENCIES = 500


@dataclass(frozen=True)
class Verdict:
    """passed: None where a run was too short to say."""

    name: str
    passed: bool | None
    sentence: str


@dataclass(frozen=True)
class Fifths:
    """Values of the second fifth of a run, the first being its warm-up, and of the last."""

    second: NDArray[np.float64]
    last: NDArray[np.float64]

    def enough(self, least: int) -> bool:
        return min(len(self.second), len(self.last)) >= least


def fifths(times_s: Sequence[float], values: Sequence[float], duration_s: float) -> Fifths:
    """Return the finite values of the second and of the last fifth of a run."""
    times, all_values = np.asarray(times_s, float), np.asarray(values, float)
    finite = np.isfinite(all_values)
    part = np.floor(times / duration_s * 5)
    return Fifths(all_values[finite & (part == 1)], all_values[finite & (part >= 4)])


def resource_verdicts(samples: Sequence[Sample], duration_s: float) -> list[Verdict]:
    """Judge memory, handles and threads, by samples of the active node without visitors."""
    steady = [s for s in samples if s.steady]
    times = [s.time_s for s in steady]

    def of(name: str) -> Fifths:
        return fifths(times, [getattr(s.usage, name) for s in steady], duration_s)

    return [
        _memory(of('resident')),
        _count('handles', of('handles')),
        _count('threads', of('threads')),
    ]


def latency_verdict(
    times_s: Sequence[float], latencies_s: Sequence[float], duration_s: float
) -> Verdict:
    """Judge the drift of the 99th percentile of the time from stamp to publish."""
    parts = fifths(times_s, [1e3 * each for each in latencies_s], duration_s)
    if not parts.enough(LEAST_LATENCIES):
        return _too_short('latency')
    second, last = (float(np.percentile(each, 99)) for each in (parts.second, parts.last))
    allowed = MAX_DRIFT * second + DRIFT_MS
    return Verdict(
        'latency',
        last <= allowed,
        f'99th percentile {second:.1f} ms in the second fifth, {last:.1f} ms in the last; at most '
        f'{MAX_DRIFT} times and {DRIFT_MS:.0f} ms more, {allowed:.1f} ms, is allowed',
    )


def consistency_verdicts(
    checker: dict[str, Any], visits: Sequence[dict[str, Any]], configured_anew: int
) -> list[Verdict]:
    """Judge what the checker and the late joiners found in the messages."""
    reports = [checker, *visits]
    wrong = sum(sum(report['violations'].values()) for report in reports)
    rows = sum(report['rows'] for report in reports)
    examples = [sentence for report in reports for sentence in report['examples']]
    told = '; '.join(examples[:3])
    processed = checker['tracks'] + checker['missed']
    share = checker['tracks'] / processed if processed else 0.0
    with_keypoints = checker['keypoints'] / checker['tracks'] if checker['tracks'] else 0.0
    return [
        Verdict(
            'messages',
            wrong == 0,
            f'{wrong} violations in {rows} observations' + (f': {told}' if told else ''),
        ),
        Verdict(
            'coverage of the checks',
            min(share, with_keypoints) >= MIN_CHECKED,
            f'{checker["tracks"]} of {processed} images were checked ({share:.1%}), '
            f'{with_keypoints:.1%} of them with their keypoints; the others did not reach the '
            'checker',
        ),
        Verdict(
            'counters',
            checker['restarts'] <= configured_anew,
            f'they began anew {checker["restarts"]} times, and the node was configured anew '
            f'{configured_anew} times',
        ),
    ]


def visits_verdict(visits: Sequence[dict[str, Any]]) -> Verdict:
    """Judge whether late joiners got what they came for."""
    served = sum(report['tracks'] > 0 and report['pictures'] > 0 for report in visits)
    return Verdict(
        'late joiners',
        served == len(visits) if visits else None,
        f'{served} of {len(visits)} got tracks and pictures' if visits else 'none came',
    )


def _memory(parts: Fifths) -> Verdict:
    if not parts.enough(LEAST_SAMPLES):
        return _too_short('memory')
    second, last = float(np.median(parts.second)), float(np.median(parts.last))
    growth = last / second - 1
    return Verdict(
        'memory',
        growth < MAX_GROWTH,
        f'resident {second / 1e6:.1f} MB in the second fifth, {last / 1e6:.1f} MB in the last '
        f'({growth:+.2%}; less than {MAX_GROWTH:.0%} is allowed)',
    )


def _count(name: str, parts: Fifths) -> Verdict:
    if not parts.enough(LEAST_SAMPLES):
        return _too_short(name)
    second, last = float(np.median(parts.second)), float(np.median(parts.last))
    return Verdict(
        name, last <= second, f'{second:.0f} in the second fifth, {last:.0f} in the last'
    )


def _too_short(name: str) -> Verdict:
    return Verdict(name, None, 'the run is too short to compare its fifths')
