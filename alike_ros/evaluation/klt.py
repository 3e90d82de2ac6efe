"""Corners tracked by optical flow: what a front end without a network gives."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, ImageArray

QUALITY = 0.01  # of a corner, relative to the best one
WINDOW = (21, 21)
LEVELS = 3
MAX_ROUND_TRIP_PX = 0.5  # forth and back again


@dataclass(frozen=True)
class FlowTracks:
    """ids: (N,) uint64, never used again. keypoints: (N, 2) float32 px."""

    ids: NDArray[np.uint64]
    keypoints: FloatArray


class FlowTracker:
    """Good features to track, followed by pyramidal Lucas-Kanade as VINS does it.

    New corners fill up to `count` of them, `distance` px from all others.
    """

    def __init__(self, count: int = 500, distance: int = 15) -> None:
        self._count = count
        self._distance = distance
        self._next_id = 0
        self._before: ImageArray | None = None
        self._tracks = FlowTracks(np.zeros(0, np.uint64), np.zeros((0, 2), np.float32))

    def update(self, image: ImageArray) -> FlowTracks:
        """Return the tracks of the next image, (H, W) or (H, W, 3) RGB uint8."""
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        grey = np.ascontiguousarray(grey, np.uint8)
        kept = self._follow(grey)
        self._tracks = self._fill(grey, kept)
        self._before = grey
        return self._tracks

    def _follow(self, grey: ImageArray) -> FlowTracks:
        if self._before is None or not len(self._tracks.ids):
            return self._tracks
        points = self._tracks.keypoints
        moved, there = _flow(self._before, grey, points)
        returned, back = _flow(grey, self._before, moved)
        near = np.linalg.norm(returned - points, axis=1) < MAX_ROUND_TRIP_PX
        inside = ((moved >= 0) & (moved <= np.array(grey.shape[::-1]) - 1)).all(axis=1)
        rows = there & back & near & inside
        return FlowTracks(self._tracks.ids[rows], moved[rows])

    def _fill(self, grey: ImageArray, kept: FlowTracks) -> FlowTracks:
        free = np.full(grey.shape, 255, np.uint8)
        for x, y in kept.keypoints.round().astype(int).tolist():
            cv2.circle(free, (x, y), self._distance, 0, -1)
        wanted = self._count - len(kept.ids)
        found = None
        if wanted > 0:
            found = cv2.goodFeaturesToTrack(grey, wanted, QUALITY, self._distance, mask=free)
        corners = np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)
        first, self._next_id = self._next_id, self._next_id + len(corners)
        ids = np.arange(first, self._next_id, dtype=np.uint64)
        return FlowTracks(
            np.concatenate([kept.ids, ids]), np.concatenate([kept.keypoints, corners])
        )


def _flow(
    a: ImageArray, b: ImageArray, points: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return where points (N, 2) of image a are in b, and which were found."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        a, b, points, np.zeros_like(points), winSize=WINDOW, maxLevel=LEVELS
    )
    return np.asarray(moved, np.float32), found.ravel() == 1
