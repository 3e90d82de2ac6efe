"""What came of a soak: its verdicts, and the files that show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alike_ros.evaluation.summary import hardware, percentiles_ms
from alike_ros.page import Page, chart
from alike_ros.ros.soak.samples import TABLE, Sample, write_table
from alike_ros.ros.soak.verdicts import (
    Verdict,
    consistency_verdicts,
    latency_verdict,
    resource_verdicts,
    visits_verdict,
)

WORDS = {True: 'passed', False: 'FAILED', None: 'not judged'}


@dataclass(frozen=True)
class Outcome:
    """Everything that a run left.

    times_s, latencies_s: of every processed image. checker, visits: their reports. done: what
    was asked of the front end. sent: images. codes: exit codes by process. traceback: whether
    the front end's log holds one. failure: why it ended early, if it did.
    """

    duration_s: float
    samples: Sequence[Sample]
    times_s: Sequence[float]
    latencies_s: Sequence[float]
    checker: dict[str, Any]
    visits: Sequence[dict[str, Any]]
    done: dict[str, int]
    sent: int
    codes: dict[str, int]
    traceback: bool
    failure: str
    identity: dict[str, str]

    def verdicts(self) -> list[Verdict]:
        configured_anew = self.done.get('cleaned up and configured', 0)
        return [
            self._course(),
            *resource_verdicts(self.samples, self.duration_s),
            latency_verdict(self.times_s, self.latencies_s, self.duration_s),
            *consistency_verdicts(self.checker, self.visits, configured_anew),
            visits_verdict(self.visits),
        ]

    def summary(self) -> dict[str, Any]:
        """Return what summary.json holds."""
        steady = [s for s in self.samples if s.steady]
        return {
            'minutes': self.duration_s / 60,
            'verdicts': [vars(verdict) for verdict in self.verdicts()],
            'images': {'sent': self.sent, 'processed': len(self.times_s)},
            'latency_ms': percentiles_ms(self.latencies_s),
            'steady': {
                name: _median([sample.row()[name] for sample in steady])
                for name in (
                    'resident_mb', 'proportional_mb', 'anonymous_mb', 'shared_mb', 'handles',
                    'threads', 'cpu_cores', 'processed_per_s', 'tracked',
                )
            },
            'dropped': self._dropped(),
            'done': self.done,
            'checker': self.checker,
            'visits': list(self.visits),
            **self.identity,
            'hardware': hardware(self.identity['device']),
        }  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write samples.csv, summary.json, report.html and soak.svg."""
        write_table(folder / TABLE, self.samples)
        (folder / 'summary.json').write_text(json.dumps(self.summary(), indent=2) + '\n')
        self._page().write(folder / 'report.html')
        memory = self._curves('resident_mb', 'proportional_mb')
        (folder / 'soak.svg').write_text(chart(memory, 'minutes', 'MB'))

    def _course(self) -> Verdict:
        badly = [f'{name} ended with {code}' for name, code in self.codes.items() if code]
        if self.traceback:
            badly.append('the log of the front end holds a traceback')
        if self.failure:
            badly.append(self.failure)
        done = ', '.join(f'{name} {count} times' for name, count in self.done.items())
        return Verdict('course', not badly, '; '.join(badly) or done or 'nothing was asked for')

    def _page(self) -> Page:
        page = Page(f'Soak of the front end: {self.duration_s / 60:.1f} minutes')
        machine = hardware(self.identity['device'])
        page.text(
            f'{self.identity["model"]} by {self.identity["backend"]} on '
            f'{self.identity["device"]}; {machine["cpu"]}, {machine["cores"]} cores. '
            f'{self.sent} images sent, {len(self.times_s)} processed.'
        )
        rows = [(v.name, WORDS[v.passed], v.sentence) for v in self.verdicts()]
        page.table(('verdict', '', ''), rows)
        page.heading('Resources of the front-end process')
        memory = self._curves('resident_mb', 'proportional_mb', 'anonymous_mb', 'shared_mb')
        page.lines(memory, 'minutes', 'MB', 'Memory')
        page.lines(self._curves('handles', 'threads'), 'minutes', 'count', 'Handles and threads')
        page.lines(self._curves('cpu_cores'), 'minutes', 'cores', 'Cores in use')
        page.heading('Work')
        delays = self._curves('latency_p50_ms', 'latency_p99_ms')
        page.lines(delays, 'minutes', 'ms', 'From stamp to publish, each second')
        rates = self._curves('received_per_s', 'processed_per_s')
        page.lines(rates, 'minutes', 'images/s', 'Images')
        page.lines(self._curves('keypoints', 'tracked'), 'minutes', 'count', 'Keypoints, tracks')
        causes = [f'dropped: {cause}' for cause in self._dropped()]
        page.lines(self._curves(*causes), 'minutes', 'images', 'Dropped since the start')
        page.heading('What the checker saw')
        counted = {name: n for name, n in self.checker.items() if isinstance(n, int)}
        page.table(('messages and events', ''), list(counted.items()))
        page.table(('asked of the front end', 'times'), list(self.done.items()))
        return page

    def _dropped(self) -> dict[str, int]:
        return self.samples[-1].dropped if self.samples else {}

    def _curves(self, *names: str) -> dict[str, tuple[list[float], list[float]]]:
        rows = [sample.row() for sample in self.samples]
        minutes = [sample.time_s / 60 for sample in self.samples]
        return {name: (minutes, [float(row.get(name, 0)) for row in rows]) for name in names}


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the verdicts as text."""
    return [f'{WORDS[v.passed]:<11}{v.name}: {v.sentence}' for v in verdicts]


def _median(values: Sequence[Any]) -> float | None:
    return float(np.median(values)) if len(values) else None
