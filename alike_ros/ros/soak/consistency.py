"""All checks of what a front end publishes, message by message, in the order of publishing."""

from __future__ import annotations

from typing import Any

from alike_ros.ros.soak.counters import Counters
from alike_ros.ros.soak.life import Limits, TrackLife
from alike_ros.ros.soak.rows import check_keypoints, check_rows, check_status
from alike_ros.ros.soak.violations import Tally


class Consistency:
    """Takes the messages of one front end with one camera, and counts what is wrong."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._life = TrackLife()
        self._counters = Counters()
        self._seen = {'tracks': 0, 'rows': 0, 'keypoints': 0, 'statuses': 0}

    def image(self, tracks: Any, keypoints: Any | None, limits: Limits) -> None:
        """Check the tracks of an image, with its keypoints if they came."""
        self._seen['tracks'] += 1
        self._seen['rows'] += len(tracks.id)
        wrong = list(check_rows(tracks))
        self.tally.add(wrong)
        if any(violation.kind == 'array sizes' for violation in wrong):
            return
        self.tally.add(self._life.check(tracks, limits))
        if keypoints is not None:
            self._seen['keypoints'] += 1
            self.tally.add(check_keypoints(tracks, keypoints))

    def status(self, status: Any, tracks: Any | None) -> None:
        """Check a status, with the tracks of its image if there are any."""
        self._seen['statuses'] += 1
        self.tally.add(self._counters.check(status, tracks))
        if tracks is not None:
            self.tally.add(check_status(tracks, status))

    def report(self) -> dict[str, Any]:
        """Return what was checked and what was found, for JSON."""
        return {
            **self._seen,
            'missed': self._life.missed,
            'epochs': self._life.epochs,
            'losses': self._life.losses,
            'restarts': self._counters.restarts,
            'violations': dict(self.tally.counts),
            'examples': self.tally.examples,
        }
