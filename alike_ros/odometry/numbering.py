"""Ids of tracks over restarts of the front end, which numbers from 0 again then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alike_ros.odometry.sightings import Sightings


class Numbering:
    """Moves the ids of a front end that was started again behind those of the one before."""

    def __init__(self) -> None:
        self._last_seq = -1
        self._first = 0
        self._behind = 0

    def unique(self, sightings: Sightings, frame_seq: int) -> Sightings:
        """Return the sightings with ids that no other track had.

        frame_seq: of their Tracks message; it goes back when another process numbers.
        """
        if frame_seq < self._last_seq:
            self._first = self._behind
        self._last_seq = frame_seq
        if not len(sightings):
            return sightings
        ids = sightings.ids + np.uint64(self._first)
        self._behind = max(self._behind, int(ids.max()) + 1)
        return replace(sightings, ids=ids)
