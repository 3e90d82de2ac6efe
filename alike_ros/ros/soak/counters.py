"""What holds from one FrontendStatus to the next: counts that only grow, and add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alike_ros.ros.soak.violations import Violation

UNDECIDED = 2  # one image waits, one is at work; each is neither processed nor dropped
COUNTS = ('frames_received', 'frames_processed', 'frames_dropped')


class Counters:
    """Follows the counts of a run; they begin anew when the node is configured again.

    restarts: how often they did.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._last = (0, 0, 0)
        self._number_ahead: int | None = None
        self._epoch = -1

    def check(self, status: Any, tracks: Any | None) -> Iterator[Violation]:
        """Yield what is wrong; `tracks`: of the same image, None for none or one not come."""
        counts = received, processed, dropped = tuple(getattr(status, name) for name in COUNTS)
        undecided = received - processed - dropped
        if not 0 <= undecided <= UNDECIDED:
            sentence = f'{received} received, {processed} processed, {dropped} dropped'
            yield Violation('counts', sentence)
        if any(new < old for new, old in zip(counts, self._last, strict=True)):
            yield from self._restart(status, tracks)
        self._last = counts
        if tracks is not None:
            yield from self._ahead(tracks.frame_seq - processed, processed)
            self._epoch = tracks.epoch

    def _restart(self, status: Any, tracks: Any | None) -> Iterator[Violation]:
        """Yield unless all counts went back, with a new epoch."""
        if tracks is None or tracks.epoch <= self._epoch or status.frames_received > self._last[0]:
            sentence = f'from {self._last} back to {[getattr(status, name) for name in COUNTS]}'
            yield Violation('counts', sentence)
        self.restarts += 1
        self._number_ahead = None

    def _ahead(self, ahead: int, processed: int) -> Iterator[Violation]:
        """One processed image is one number in `frame_seq`."""
        if self._number_ahead is not None and ahead != self._number_ahead:
            sentence = f'{processed} processed, off by {ahead - self._number_ahead} from frame_seq'
            yield Violation('counts', sentence)
        self._number_ahead = ahead
