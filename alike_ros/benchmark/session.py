"""A run of many cases on one machine, whose ceilings are measured once."""

from __future__ import annotations

import sys
from typing import Any

from alike_ros.benchmark.cases import NO_IMAGES
from alike_ros.benchmark.contestant import Case, Contestant
from alike_ros.benchmark.record import case_record
from alike_ros.benchmark.rounds import run_case
from alike_ros.errors import BackendError

LINE_WIDTH = 78


class Session:
    """Measures cases; progress goes to a terminal's stderr and is wiped afterwards."""

    def __init__(self, threads: int, rounds: int) -> None:
        """Measure the ceilings.

        Raises:
            BackendError: not even that works here.
        """
        self._rounds = rounds
        self._ceiling = _ceiling(threads)

    def measure(self, case: Case) -> dict[str, Any]:
        """Return the record of a case.

        Raises:
            BackendError: a contestant ended in the middle of it, or the reference cannot start.
        """
        results = run_case(case, self._rounds, _show)
        _show('')
        for result in results:
            if result.failure and result.contestant.label == case.reference:
                raise BackendError(f'{case.reference}: {result.failure}')
        return case_record(case, results, self._ceiling)


def _ceiling(threads: int) -> tuple[float, float]:
    """Return FLOP/s of a matrix product and byte/s of a copy."""
    _show('ceilings of this machine')
    contestant = Contestant('ceilings', 'ceiling', {'threads': threads})
    [result] = run_case(Case('ceilings', NO_IMAGES, (contestant,), '', (), threads), 1)
    if result.failure:
        raise BackendError(f'the ceilings cannot be measured: {result.failure}')
    flops_per_s, bytes_per_s = result.outputs[0].keypoints[0]
    return float(flops_per_s), float(bytes_per_s)


def _show(text: str) -> None:
    if sys.stderr.isatty():
        print(f'\r{text[:LINE_WIDTH]:<{LINE_WIDTH}}\r', end='', file=sys.stderr, flush=True)
