"""Items of several streams that belong together by their stamps; no ROS needed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar('Item')


@dataclass(frozen=True)
class Stamped(Generic[Item]):
    """An item of a stream, and its time in nanoseconds."""

    stamp_ns: int
    item: Item


class Synchroniser(Generic[Item]):
    """Groups one item of each stream into sets whose stamps lie within a tolerance.

    Sets come out in the order of time, and no item is in two. Each stream has to be in order;
    how streams are interleaved does not matter while the tolerance is below half the time
    between the items of a stream. Where it is not, the item nearer to the set is taken among
    those that have arrived.

    tolerance_ns: between the first and the last stamp of a set; 0 wants equal stamps.
    capacity: items of a stream that may wait; the oldest gives way.
    unmatched: for each stream, items that will be in no set.
    resets: how often a stamp went back; what waited then is unmatched.
    """

    def __init__(self, count: int, tolerance_ns: int = 0, capacity: int = 10) -> None:
        assert count > 0
        assert tolerance_ns >= 0
        assert capacity > 0
        self.tolerance_ns = tolerance_ns
        self.capacity = capacity
        self.unmatched = [0] * count
        self.resets = 0
        self._waiting: list[deque[Stamped[Item]]] = [deque() for _ in range(count)]
        self._last_ns: list[int | None] = [None] * count

    def add(self, stream: int, stamp_ns: int, item: Item) -> list[tuple[Stamped[Item], ...]]:
        """Take the next item of a stream and return the sets that it completes, in order."""
        last_ns = self._last_ns[stream]
        if last_ns is not None and stamp_ns < last_ns:
            self.reset()
            self.resets += 1
        self._last_ns[stream] = stamp_ns
        self._waiting[stream].append(Stamped(stamp_ns, item))
        if len(self._waiting[stream]) > self.capacity:
            self._drop(stream)
        sets = []
        while all(self._waiting):
            if self._drop_hopeless():
                continue
            self._take_nearer()
            sets.append(tuple(waiting.popleft() for waiting in self._waiting))
        return sets

    def waiting(self, stream: int) -> int:
        """Return how many items of a stream wait for their set."""
        return len(self._waiting[stream])

    def reset(self) -> None:
        """Forget what waits; it is counted as unmatched."""
        for stream, waiting in enumerate(self._waiting):
            self.unmatched[stream] += len(waiting)
            waiting.clear()
            self._last_ns[stream] = None

    def _drop_hopeless(self) -> bool:
        """Drop the first items that are too old for the newest of them; say whether any was."""
        newest_ns = max(waiting[0].stamp_ns for waiting in self._waiting)
        hopeless = [
            stream
            for stream, waiting in enumerate(self._waiting)
            if waiting[0].stamp_ns < newest_ns - self.tolerance_ns
        ]
        for stream in hopeless:
            self._drop(stream)
        return bool(hopeless)

    def _take_nearer(self) -> None:
        """Drop first items whose successor is nearer to the newest of the first ones."""
        newest_ns = max(waiting[0].stamp_ns for waiting in self._waiting)
        for stream, waiting in enumerate(self._waiting):
            while (
                len(waiting) > 1
                and waiting[1].stamp_ns <= newest_ns
                and waiting[1].stamp_ns > waiting[0].stamp_ns
            ):
                self._drop(stream)

    def _drop(self, stream: int) -> None:
        self._waiting[stream].popleft()
        self.unmatched[stream] += 1
