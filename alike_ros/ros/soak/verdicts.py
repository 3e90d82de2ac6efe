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


def fifth(time_s: float, duration_s: float) -> int:
    """Return which fifth of a run a time is in, from 0; the first is its warm-up."""
    return min(int(time_s / duration_s * 5), 4)


def resource_verdicts(samples: Sequence[Sample], duration_s: float) -> list[Verdict]:
    """Judge memory, handles and threads, by samples of the active node without visitors.

    What they are at a place of the course in the last fifth is compared with what they were at
    the same place in the second, so that it does not matter where in the course a fifth begins.
    """
    steady = [s for s in samples if s.steady]
    second, last = ([s for s in steady if fifth(s.time_s, duration_s) == part] for part in (1, 4))
    both = sorted({s.place for s in second} & {s.place for s in last})
    if min(len(second), len(last)) < LEAST_SAMPLES or not both:
        return [_too_short(name) for name in ('memory', 'handles', 'threads')]

    def pairs(name: str) -> NDArray[np.float64]:
        """Return medians (N, 2) of the two fifths, a row for each place."""
        return np.array(
            [[_median(each, place, name) for each in (second, last)] for place in both]
        )

    return [
        _memory(pairs('resident')),
        _count('handles', pairs('handles')),
        _count('threads', pairs('threads')),
    ]


def latency_verdict(
    times_s: Sequence[float], latencies_s: Sequence[float], duration_s: float
) -> Verdict:
    """Judge the drift of the 99th percentile of the time from stamp to publish."""
    second, last = (
        [
            1e3 * latency
            for time_s, latency in zip(times_s, latencies_s, strict=True)
            if np.isfinite(latency) and fifth(time_s, duration_s) == part
        ]
        for part in (1, 4)
    )
    if min(len(second), len(last)) < LEAST_LATENCIES:
        return _too_short('latency')
    before, after = float(np.percentile(second, 99)), float(np.percentile(last, 99))
    allowed = MAX_DRIFT * before + DRIFT_MS
    return Verdict(
        'latency',
        after <= allowed,
        f'99th percentile {before:.1f} ms in the second fifth, {after:.1f} ms in the last; '
        f'at most {MAX_DRIFT} times and {DRIFT_MS:.0f} ms more, {allowed:.1f} ms, is allowed',
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


def _memory(pairs: NDArray[np.float64]) -> Verdict:
    second, last = np.median(pairs, axis=0) / 1e6
    growth = float(np.median(pairs[:, 1] / pairs[:, 0])) - 1
    return Verdict(
        'memory',
        growth < MAX_GROWTH,
        f'resident {second:.1f} MB in the second fifth, {last:.1f} MB in the last; place by place '
        f'in the course {growth:+.2%}, and less than {MAX_GROWTH:.0%} is allowed',
    )


def _count(name: str, pairs: NDArray[np.float64]) -> Verdict:
    second, last = np.median(pairs, axis=0)
    growth = float(np.median(pairs[:, 1] - pairs[:, 0]))
    return Verdict(name, growth <= 0, f'{second:.0f} in the second fifth, {last:.0f} in the last')


def _median(samples: Sequence[Sample], place: int, name: str) -> float:
    return float(np.median([getattr(s.usage, name) for s in samples if s.place == place]))


def _too_short(name: str) -> Verdict:
    return Verdict(name, None, 'the run is too short to compare its fifths')
