"""Which tracks an estimator gets, and under which ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.geometry import inliers

FOCAL_PX = 460.0  # VINS states its pixel thresholds at this focal length

_OBSERVATION = np.dtype(
    [('id', np.uint64), ('camera', np.int64), ('age', np.int64)]
    + [(name, np.float32) for name in ('u', 'v', 'x', 'y', 'vx', 'vy', 'score')]
)


@dataclass(frozen=True)
class Sent:
    """The left points of the last message: (N,) track ids and numbers, (N, 2) on z = 1."""

    ids: NDArray[np.uint64]
    numbers: NDArray[np.int64]
    points: NDArray[np.float32]


NOTHING = Sent(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros((0, 2), np.float32))


class Numbers:
    """Ids below a limit, counting up; one ends with the first message that it is not in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._next = 0
        self.sent = NOTHING

    def forget(self) -> None:
        """End every id, but go on counting."""
        self.sent = NOTHING

    def number(self, left: NDArray[np.void]) -> list[int]:
        """Return the ids of the tracks of the next message, which must be fewer than the limit."""
        _, now, before = np.intersect1d(left['id'], self.sent.ids, return_indices=True)
        numbers = np.full(len(left), -1, np.int64)
        numbers[now] = self.sent.numbers[before]
        fresh = numbers < 0
        numbers[fresh] = self._unused(int(fresh.sum()))
        self.sent = Sent(left['id'], numbers, np.column_stack([left['x'], left['y']]))
        return numbers.tolist()

    def _unused(self, count: int) -> NDArray[np.int64]:
        """Count on, from 0 again after the limit, past those that are still in use."""
        ahead = np.arange(self._next, self._next + count + len(self.sent.numbers)) % self._limit
        free = ahead[~np.isin(ahead, self.sent.numbers)][:count]
        if count:
            self._next = int(free[-1]) + 1
        return free


def observations(tracks: Any) -> NDArray[np.void]:
    """Return the rows of a Tracks message as a structured array."""
    table = np.zeros(len(tracks.id), _OBSERVATION)
    table['id'], table['camera'], table['age'] = tracks.id, tracks.camera_id, tracks.age
    for name in ('u', 'v', 'x', 'y', 'vx', 'vy', 'score'):
        table[name] = getattr(tracks, name)
    return table


def consistent(left: NDArray[np.void], sent: Sent, max_error_px: float) -> NDArray[np.bool_]:
    """Return which rows do not contradict the epipolar geometry since the last message.

    Those that were not in it cannot. max_error_px: at FOCAL_PX; 0 lets all pass.
    """
    kept = np.ones(len(left), bool)
    _, now, before = np.intersect1d(left['id'], sent.ids, return_indices=True)
    if max_error_px > 0:
        here = np.column_stack([left['x'], left['y']])[now]
        found = inliers(sent.points[before] * FOCAL_PX, here * FOCAL_PX, max_error_px)
        if found is not None:
            kept[now] = found
    return kept


def choose(
    left: NDArray[np.void], sent: Sent, max_points: int, spacing: float
) -> NDArray[np.intp]:
    """Return the rows to send: those sent last time, then the oldest, then the best scored.

    A row that was not sent last time has to be the first in its cell of the image, whose sides
    are `spacing` px; 0 asks nothing.
    """
    going_on = np.isin(left['id'], sent.ids)
    order = np.lexsort([-left['score'], -left['age'], ~going_on])
    kept = going_on[order]
    if spacing > 0:
        cells = np.floor(np.column_stack([left['u'], left['v']])[order] / spacing)  # (N, 2)
        _, first = np.unique(cells, axis=0, return_index=True)
        kept[first] = True
    else:
        kept[:] = True
    return order[kept][:max_points]
