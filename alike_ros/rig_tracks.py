"""Tracks of several cameras under one id: what one camera follows, another one sees too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import Matches, Tracks

Ids = NDArray[np.uint64]
_NONE = np.uint64(2**64 - 1)
_NOWHERE = 255


@dataclass(frozen=True)
class RigTracks:
    """The tracks of one set of images.

    cameras: for each camera its tracks, under ids of the rig: the same id in two cameras is the
        same point of the scene, and no id is twice in one camera. Ages, `previous` and last
        positions are those of the camera's own track. `lost_ids` is empty.
    lost_ids: (L,) uint64, given up by all cameras with this set; they do not come back.
    """

    cameras: tuple[Tracks, ...]
    lost_ids: Ids

    def rows(self) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """Return camera and row of every observation, camera 0 first: the order of messages."""
        counts = [len(tracks) for tracks in self.cameras]
        cameras = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
        return cameras, np.concatenate([np.arange(count) for count in counts])


class TrackLinker:
    """Gives the tracks of each camera ids of the rig, by matches between cameras.

    Two matched observations get one id: that which comes from the lower camera, or the only one.
    A track keeps its id for as long as its camera follows it, matched or not; another track of
    its camera takes it away only by a match.

    Depends on the ids and lost ids of `Tracks` alone, whatever tracker made them; each camera
    counts its own.
    """

    def __init__(self, count: int, next_id: int = 0) -> None:
        self.next_id = next_id
        self._known = [_Known() for _ in range(count)]

    def reset(self) -> None:
        """Forget all tracks, as the cameras' trackers do; ids are not given again."""
        self._known = [_Known() for _ in self._known]

    def update(
        self, tracks: Sequence[Tracks], matches: Mapping[tuple[int, int], Matches]
    ) -> RigTracks:
        """Return the tracks of the next set of images.

        matches: rows of camera a's (index_a) and of camera b's tracks (index_b), by (a, b) with
            a < b. All pairs of cameras, in order, are linked; a chain of them too.
        """
        assert len(tracks) == len(self._known)
        before = _union(known.rig for known in self._known)
        seen = [
            _Seen(camera, known.find(each.ids))
            for camera, (known, each) in enumerate(zip(self._known, tracks, strict=True))
        ]
        for (a, b), pairs in sorted(matches.items()):
            assert a < b, 'the lower camera comes first'
            self._link(seen[a], seen[b], pairs)
        for of_camera in seen:
            self._name(of_camera, np.arange(len(of_camera.ids)))
        for known, each, of_camera in zip(self._known, tracks, seen, strict=True):
            known.keep(each, of_camera.ids)
        lost = np.setdiff1d(before, _union(known.rig for known in self._known))
        none = np.zeros(0, np.uint64)
        cameras = tuple(
            replace(each, ids=of_camera.ids, lost_ids=none)
            for each, of_camera in zip(tracks, seen, strict=True)
        )
        return RigTracks(cameras, lost)

    def _link(self, a: _Seen, b: _Seen, pairs: Matches) -> None:
        """Give matched rows the id whose origin is the lower camera."""
        rows_a, rows_b = pairs.index_a, pairs.index_b
        from_b = b.origins[rows_b] < a.origins[rows_a]
        a.take(rows_a[from_b], b, rows_b[from_b])
        self._name(a, rows_a)
        from_a = a.origins[rows_a] <= b.origins[rows_b]
        b.take(rows_b[from_a], a, rows_a[from_a])

    def _name(self, seen: _Seen, rows: NDArray[np.intp]) -> None:
        """Give new ids to those of the rows that have none."""
        nameless = rows[seen.ids[rows] == _NONE]
        first = self.next_id
        self.next_id += len(nameless)
        seen.ids[nameless] = np.arange(first, self.next_id, dtype=np.uint64)
        seen.origins[nameless] = seen.camera


class _Seen:
    """The observations of one camera while they are linked.

    ids: (N,) of the rig, no id twice; origins: (N,), the camera that each id comes from.
    """

    def __init__(self, camera: int, ids: Ids) -> None:
        self.camera = camera
        self.ids = ids
        self.origins = np.where(ids == _NONE, _NOWHERE, camera)

    def take(self, rows: NDArray[np.intp], other: _Seen, others: NDArray[np.intp]) -> None:
        """Take ids of another camera; of rows with the same one, the lower origin keeps it."""
        self.ids[rows], self.origins[rows] = other.ids[others], other.origins[others]
        order = np.lexsort((self.origins, self.ids))
        ids = self.ids[order]
        twice = order[1:][(ids[1:] == ids[:-1])]
        self.ids[twice], self.origins[twice] = _NONE, _NOWHERE


class _Known:
    """Tracks that one camera follows or may find again: its own ids, in order, and the rig's."""

    def __init__(self) -> None:
        self.own: Ids = np.zeros(0, np.uint64)
        self.rig: Ids = np.zeros(0, np.uint64)

    def find(self, own: Ids) -> Ids:
        """Return the rig's ids of the camera's; `_NONE` for new tracks."""
        if not len(self.own):
            return np.full(len(own), _NONE)
        places = np.minimum(np.searchsorted(self.own, own), len(self.own) - 1)
        return np.where(self.own[places] == own, self.rig[places], _NONE)

    def keep(self, tracks: Tracks, rig: Ids) -> None:
        """Take the ids of the tracks seen; of the others, those neither lost nor given away."""
        missed = ~np.isin(self.own, np.concatenate([tracks.ids, tracks.lost_ids]))
        missed &= ~np.isin(self.rig, rig)
        own = np.concatenate([tracks.ids, self.own[missed]])
        order = np.argsort(own)
        self.own, self.rig = own[order], np.concatenate([rig, self.rig[missed]])[order]


def _union(ids: Iterable[Ids]) -> Ids:
    return np.unique(np.concatenate(list(ids)))
