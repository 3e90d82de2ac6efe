"""What a checker knows of the tracks that live."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Known:
    """Tracks that were seen and not declared lost, by rising id; row i of every array is one.

    ages: as last told. seen: frame_seq of the last sighting; places: (N, 2) px there.
    missed: messages since then that did not come, in which it may have been seen. latest:
    frame_seq of the last of them, `seen` without any.
    """

    ids: NDArray[np.uint64]
    ages: NDArray[np.int64]
    seen: NDArray[np.int64]
    latest: NDArray[np.int64]
    missed: NDArray[np.int64]
    places: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.bool_]) -> Known:
        return Known(*(getattr(self, each.name)[rows] for each in fields(self)))

    def rows_of(self, ids: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return the row of each id, -1 for one that is not known."""
        if not len(self):
            return np.full(len(ids), -1, np.intp)
        rows = np.minimum(np.searchsorted(self.ids, ids), len(self) - 1)
        return np.where(self.ids[rows] == ids, rows, -1)

    def after_gap(self, missed: int, last: int) -> Known:
        """Return them after so many messages, up to the number `last`, that did not come."""
        if not missed:
            return self
        return replace(self, missed=self.missed + missed, latest=np.full_like(self.latest, last))

    def with_message(self, tracks: Any) -> Known:
        """Return them with what a Tracks message shows."""
        ids, first = np.unique(np.asarray(tracks.id, np.uint64), return_index=True)
        now = np.full(len(ids), tracks.frame_seq, np.int64)
        places = np.column_stack([tracks.u, tracks.v]).reshape(-1, 2).astype(np.float32)
        ages = np.asarray(tracks.age, np.int64)
        fresh = Known(ids, ages[first], now, now, np.zeros(len(ids), np.int64), places[first])
        old = self.take(~np.isin(self.ids, ids))
        pairs = ((getattr(old, f.name), getattr(fresh, f.name)) for f in fields(self))
        both = Known(*(np.concatenate(pair) for pair in pairs))
        return both.take(np.argsort(both.ids, kind='stable'))  # type: ignore[arg-type]


def nobody() -> Known:
    none = np.zeros(0, np.int64)
    return Known(none.astype(np.uint64), none, none, none, none, np.zeros((0, 2), np.float32))
