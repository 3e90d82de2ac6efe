"""What holds from one Tracks message to the next: ids, ages, losses, epochs, stamps.

The meaning stands in msg/Tracks.msg and docs/coordinates.md. Where messages did not come, which
`frame_seq` tells, only what follows from those that came is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.ros.soak.known import nobody
from alike_ros.ros.soak.violations import Violation, some

DT_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Limits:
    """For how many images a track that is not seen may be kept, and has to be.

    low: it is not lost before it was missed for more. high: it is lost when it was.
    """

    low: int
    high: int


@dataclass(frozen=True)
class _Gap:
    """Ids from `low` on may have begun in messages that did not come.

    end: frame_seq of the last of these; for as long as a track may be missed after it, one may
    still show for the first time.
    """

    low: int = 0
    end: int = -(10**9)

    def holds(self, ids: NDArray[np.uint64], number: int, limits: Limits) -> NDArray[np.bool_]:
        return (ids >= self.low) & (number <= self.end + 1 + limits.high)


class TrackLife:
    """Follows all tracks of a run, whatever is reset or configured anew in it.

    missed: messages that did not come since the first. epochs, losses: how many it saw.
    """

    def __init__(self) -> None:
        self.missed = 0
        self.epochs = 0
        self.losses = 0
        self._known = nobody()
        self._next_id = 0
        self._gap = _Gap()
        self._last = (-1, -1, 0)  # frame_seq, epoch, stamp in ns

    def check(self, tracks: Any, limits: Limits) -> Iterator[Violation]:
        """Yield what is wrong with the next message, given all before it."""
        number, epoch, stamp_ns = tracks.frame_seq, tracks.epoch, stamp_of(tracks)
        before, last_epoch, last_ns = self._last
        if number <= before:
            yield Violation('frame_seq', f'{number} after {before}')
            return
        missed = number - before - 1
        self.missed += missed if before >= 0 else 0
        self._last = number, epoch, stamp_ns
        if epoch < last_epoch:
            yield Violation('epoch', f'image {number}: {epoch} after {last_epoch}')
        if missed:
            still_open = before <= self._gap.end + 1 + limits.high
            self._gap = _Gap(self._gap.low if still_open else self._next_id, number - 1)
        begins = epoch != last_epoch
        self._known = nobody() if begins else self._known.after_gap(missed, number - 1)
        if begins:
            self.epochs += 1
            yield from _first_of_epoch(tracks, missed)
        else:
            yield from _time(tracks, missed, stamp_ns - last_ns)
        yield from self._sightings(tracks, limits)
        self._learn(tracks)
        yield from self._losses(tracks, limits)
        yield from self._overdue(number, limits)

    def _sightings(self, tracks: Any, limits: Limits) -> Iterator[Violation]:
        where = f'image {tracks.frame_seq}'
        ids, ages = np.asarray(tracks.id, np.uint64), np.asarray(tracks.age, np.int64)
        rows = self._known.rows_of(ids)
        known = rows >= 0
        growth = ages[known] - self._known.ages[rows[known]]
        wrong = (growth < 1) | (growth > 1 + self._known.missed[rows[known]])
        if wrong.any():
            sentence = f'{where}: ids {some(ids[known][wrong])} grew by {some(growth[wrong])}'
            yield Violation('age', sentence)
        once = np.flatnonzero(known)[growth == 1]  # so it was seen nowhere between
        told = np.column_stack([tracks.prev_u, tracks.prev_v]).reshape(-1, 2)[once]
        moved = (told != self._known.places[rows[once]]).any(axis=1)
        if moved.any():
            sentence = f'{where}: ids {some(ids[once][moved])} were elsewhere'
            yield Violation('what was before', sentence)
        strange = ~known & ~self._gap.holds(ids, tracks.frame_seq, limits)
        given = strange & (ids < self._next_id)
        if given.any():
            yield Violation('id again', f'{where}: ids {some(ids[given])} were lost, or overdue')
        old = strange & (ids >= self._next_id) & (ages > 1)
        if old.any():
            sentence = f'{where}: ids {some(ids[old])} are new and of age {some(ages[old])}'
            yield Violation('age', sentence)

    def _learn(self, tracks: Any) -> None:
        self._known = self._known.with_message(tracks)
        given = [*map(_highest, (tracks.id, tracks.lost_ids)), self._next_id - 1]
        self._next_id = max(given) + 1

    def _losses(self, tracks: Any, limits: Limits) -> Iterator[Violation]:
        where = f'image {tracks.frame_seq}'
        lost = np.asarray(tracks.lost_ids, np.uint64)
        self.losses += len(lost)
        if len(np.unique(lost)) != len(lost):
            yield Violation('lost_ids', f'{where}: an id stands there twice')
        rows = self._known.rows_of(lost)
        strange = (rows < 0) & ~self._gap.holds(lost, tracks.frame_seq, limits)
        if strange.any():
            sentence = f'{where}: {some(lost[strange])} were lost before, or never seen'
            yield Violation('lost_ids', sentence)
        rows = rows[rows >= 0]
        absent = tracks.frame_seq - self._known.seen[rows]
        early = absent <= limits.low
        if early.any():
            ids = self._known.ids[rows[early]]
            sentence = f'{where}: {some(ids)} lost after {some(absent[early])} images'
            yield Violation('lost_ids', sentence)
        self._known = self._known.take(~np.isin(self._known.ids, lost))

    def _overdue(self, number: int, limits: Limits) -> Iterator[Violation]:
        """Yield tracks that ought to have been declared lost; they are forgotten then."""
        known = self._known
        overdue = number - known.latest > limits.high
        late = overdue & (known.missed == 0)
        if late.any():
            absent = (number - known.seen)[late]
            sentence = f'image {number}: {some(known.ids[late])} not seen in {some(absent)} images'
            yield Violation('not declared lost', sentence)
        self._known = known.take(~overdue)


def stamp_of(message: Any) -> int:
    """Return the stamp of a message's header in ns."""
    stamp = message.header.stamp
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def _first_of_epoch(tracks: Any, missed: int) -> Iterator[Violation]:
    where = f'image {tracks.frame_seq}'
    if len(tracks.lost_ids) and not missed:
        yield Violation('lost_ids', f'{where}: losses with the first image of an epoch')
    if not math.isnan(tracks.dt) and not missed:
        yield Violation('dt', f'{where}: {tracks.dt} with the first image of an epoch')


def _time(tracks: Any, missed: int, passed_ns: int) -> Iterator[Violation]:
    where, passed_s = f'image {tracks.frame_seq}', passed_ns * 1e-9
    if passed_ns < 0:
        yield Violation('stamp', f'{where}: {-passed_s} s back in the same epoch')
    elif not missed and not abs(tracks.dt - passed_s) < DT_TOLERANCE_S:
        yield Violation('dt', f'{where}: {tracks.dt} s, the stamps say {passed_s} s')
    elif missed and not 0 <= tracks.dt < passed_s + DT_TOLERANCE_S:
        yield Violation('dt', f'{where}: {tracks.dt} s, and {passed_s} s since an image before')


def _highest(ids: Any) -> int:
    return int(max(ids)) if len(ids) else -1
