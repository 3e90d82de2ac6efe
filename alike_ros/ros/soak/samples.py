"""What is known of a run every second, and its table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alike_ros.ros.soak.usage import Usage

MEGABYTE = 1e6
TABLE = 'samples.csv'


@dataclass(frozen=True)
class Sample:
    """One second.

    time_s: since the first image was answered. state: of the front end, active, inactive or
    disabled. place: of the last action in the course. visitor: whether a late joiner is there.
    cpu: cores in use. rates: images a second. latency_ms: (p50, p99) from stamp to publish; NaN
    without images. keypoints, tracked: of the last image. dropped: images by cause, since the
    start.
    """

    time_s: float
    state: str
    place: int
    visitor: bool
    usage: Usage
    cpu: float
    received_rate: float
    processed_rate: float
    latency_ms: tuple[float, float]
    keypoints: int
    tracked: int
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def steady(self) -> bool:
        """Whether it is like others: nothing is being changed, and nobody comes or goes."""
        return self.state == 'active' and not self.visitor

    def row(self) -> dict[str, Any]:
        """Return the fields of the table, with their units in their names."""
        use = self.usage
        return {
            'time_s': round(self.time_s, 2),
            'state': self.state,
            'place': self.place,
            'visitor': int(self.visitor),
            'resident_mb': round(use.resident / MEGABYTE, 3),
            'proportional_mb': round(use.proportional / MEGABYTE, 3),
            'anonymous_mb': round(use.anonymous / MEGABYTE, 3),
            'shared_mb': round(use.shared / MEGABYTE, 3),
            'handles': use.handles,
            'threads': use.threads,
            'cpu_cores': round(self.cpu, 3),
            'received_per_s': round(self.received_rate, 2),
            'processed_per_s': round(self.processed_rate, 2),
            'latency_p50_ms': round(self.latency_ms[0], 2),
            'latency_p99_ms': round(self.latency_ms[1], 2),
            'keypoints': self.keypoints,
            'tracked': self.tracked,
            **{f'dropped: {cause}': count for cause, count in self.dropped.items()},
        }


def write_table(path: Path, samples: Sequence[Sample]) -> None:
    """Write the samples as CSV."""
    rows = [sample.row() for sample in samples]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, names, restval=0)
        writer.writeheader()
        writer.writerows(rows)
