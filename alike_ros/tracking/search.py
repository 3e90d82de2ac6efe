"""Where remembered tracks are in the next image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alike_ros.matching import match_mutual
from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.tracking.flow import NEIGHBOURS, follow, inside, local_motion
from alike_ros.tracking.memory import Memory
from alike_ros.tracking.recovery import find_again

MOSTLY = 0.7  # of the tracks; fewer followed is a jump, and descriptors say where it went
MIN_SIMILARITY = 0.8
RADIUS = 15.0  # px around where a lost track ought to be; for each image it is missed for
SECOND_LEVELS = 1


@dataclass(frozen=True)
class Places:
    """found: (N, 2) px, NaN where lost. expected: (N, 2) px, where lost ones ought to be."""

    found: FloatArray
    expected: FloatArray

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Which have a place, (N,)."""
        return np.isfinite(self.found[:, 0])


def search(before: ImageArray, after: ImageArray, memory: Memory, features: Features) -> Places:
    """Look for tracks in an image.

    By optical flow from where they were, there and back; for those it loses again from where
    their neighbours went; for those still lost the most similar keypoint near that place.

    before, after: grey, of one size and brightness.
    """
    places = np.full((len(memory), 2), np.nan, np.float32)
    live = memory.missed == 0
    places[live] = follow(before, after, memory.points[live], memory.points[live])
    origins, motions = _motions(memory, places, live, features)
    expected = memory.points.copy()
    lost = np.isnan(places[:, 0])
    if len(origins) < NEIGHBOURS or not lost.any():
        return Places(places, expected)
    expected[lost] += local_motion(memory.points[lost], origins, motions)
    reachable = lost & inside(expected, after)
    again = np.flatnonzero(reachable & live)
    places[again] = _second_try(before, after, memory.points[again], expected[again])
    rest = np.flatnonzero(reachable & np.isnan(places[:, 0]))
    places[rest] = find_again(
        memory.descriptors[rest],
        expected[rest],
        RADIUS * (1 + memory.missed[rest]),
        features,
        places[np.isfinite(places[:, 0])],
        MIN_SIMILARITY,
    )
    return Places(places, expected)


def match(memory: Memory, features: Features) -> Places:
    """Find tracks by descriptors alone, wherever they are."""
    places = np.full((len(memory), 2), np.nan, np.float32)
    matches = match_mutual(memory.descriptors, features.descriptors, MIN_SIMILARITY)
    places[matches.index_a] = features.keypoints[matches.index_b]
    return Places(places, memory.points)


def _motions(
    memory: Memory, places: FloatArray, live: NDArray[np.bool_], features: Features
) -> tuple[FloatArray, FloatArray]:
    """Return points (M, 2) px of the image before, and how they moved, (M, 2) px."""
    found = np.isfinite(places[:, 0])
    origins = memory.points[found]
    motions = places[found] - origins
    if found.sum() >= MOSTLY * live.sum():
        return origins, motions
    matched = match(memory, features)
    rows = matched.is_found
    moved = matched.found[rows] - memory.points[rows]
    return np.concatenate([origins, memory.points[rows]]), np.concatenate([motions, moved])


def _second_try(
    before: ImageArray, after: ImageArray, points: FloatArray, expected: FloatArray
) -> FloatArray:
    places = follow(before, after, points, expected, SECOND_LEVELS)
    far = np.linalg.norm(places - expected, axis=1) > 2 * RADIUS
    places[far] = np.nan
    return places
