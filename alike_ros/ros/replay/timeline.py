"""When each frame of a replayed sequence is due, and which stamp it is sent with."""

from __future__ import annotations

from collections import deque

DEFAULT_SPACING_NS = 33_333_333


class Timeline:
    """Places frames of one or more passes through a sequence on one time that never stops.

    rate: factor on the recorded time; 0 makes every frame due at once.
    keep_stamps: send the recorded stamps, which jump back with a new pass; else they are shifted
        so that the first is the time of `start`, and go on growing.
    """

    def __init__(self, rate: float, keep_stamps: bool) -> None:
        self._rate = rate
        self._keep_stamps = keep_stamps
        self._first_ns: int | None = None
        self._last_ns = 0
        self._shift_ns = 0
        self._pass_ns = 0
        self._frames = 0

    def start(self, first_stamp_ns: int, now_ns: int) -> None:
        """Take the recorded stamp of the first frame, which is due now."""
        self._first_ns = first_stamp_ns
        self._shift_ns = 0 if self._keep_stamps else now_ns - first_stamp_ns

    @property
    def started(self) -> bool:
        return self._first_ns is not None

    @property
    def offset_ns(self) -> int:
        """What the first pass adds to the recorded stamps."""
        return self._shift_ns

    def add(self, stamp_ns: int) -> tuple[int, float]:
        """Return the stamp to send a frame with, and its due time in s since the start."""
        assert self._first_ns is not None
        self._last_ns = stamp_ns
        self._frames += 1
        elapsed_ns = self._pass_ns + stamp_ns - self._first_ns
        sent_ns = stamp_ns + (0 if self._keep_stamps else self._shift_ns + self._pass_ns)
        return sent_ns, elapsed_ns * 1e-9 / self._rate if self._rate else 0.0

    def next_pass(self) -> None:
        """Begin again at the first frame, one mean spacing after the last one."""
        assert self._first_ns is not None
        span_ns = self._last_ns - self._first_ns
        spacing_ns = span_ns // (self._frames - 1) if self._frames > 1 else DEFAULT_SPACING_NS
        self._pass_ns += span_ns + spacing_ns
        self._frames = 0


class Unanswered:
    """Stamps of frames that were sent and not yet answered, oldest first."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque()
        self.given_up = 0

    def sent(self, stamp_ns: int) -> None:
        self._stamps.append(stamp_ns)

    def answered(self, stamp_ns: int) -> None:
        """Take this frame and those before it off: answers come in order, if they come."""
        if stamp_ns in self._stamps:
            while self._stamps.popleft() != stamp_ns:
                self.given_up += 1

    def give_up(self) -> None:
        """Take the oldest off: its answer did not come in time."""
        self._stamps.popleft()
        self.given_up += 1

    def __len__(self) -> int:
        return len(self._stamps)
