"""Tracks by descriptors alone: whatever moves however far, as long as it looks the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alike_ros.config import TrackerConfig, Value, change_live
from alike_ros.matching import match_mutual
from alike_ros.structures import Features, FloatArray, Matches, Tracks, View


@dataclass(frozen=True)
class _Memory:
    """Tracks that may be found again; row i of every array is one track.

    missed: images since the track was last seen, 0 when it is in the last one.
    rows: its row in the last image's features, -1 when it is not there.
    """

    ids: NDArray[np.uint64]
    ages: NDArray[np.uint32]
    missed: NDArray[np.uint32]
    rows: NDArray[np.int32]
    keypoints: FloatArray
    descriptors: FloatArray
    stamps_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


class DescriptorTracker:
    """Carries ids from image to image by mutual nearest descriptors.

    A track that is not found is remembered for `max_lost_frames` images; after that its id is
    reported as lost and never comes back.
    """

    needs_descriptors: ClassVar[bool] = True

    def __init__(self, config: TrackerConfig | None = None, next_id: int = 0) -> None:
        self.config = config or TrackerConfig()
        self.next_id = next_id
        self._memory: _Memory | None = None

    def configure(self, **parameters: Value) -> None:
        """Change live parameters; see `Extractor.configure`."""
        self.config = change_live(self.config, parameters)

    def reset(self) -> None:
        """Forget all tracks; their ids are not given again."""
        self._memory = None

    def update(self, view: View, stamp_ns: int) -> tuple[Features, Tracks]:
        """Return the features of the next image of the stream and their tracks."""
        features = view.features
        memory = self._memory or _empty_memory(features.descriptors.shape[1])
        matches = self._match(memory, features)
        tracks, lost = self._assign(memory, matches, features, stamp_ns)
        self._memory = _remember(memory, tracks, features, stamp_ns, lost)
        return features, tracks

    def _match(self, memory: _Memory, features: Features) -> Matches:
        distant = None
        if self.config.motion_window > 0:
            squared_px = np.zeros((len(memory), len(features)), np.float32)
            for axis in (0, 1):
                steps = np.subtract.outer(memory.keypoints[:, axis], features.keypoints[:, axis])
                squared_px += np.square(steps, out=steps)
            distant = squared_px > self.config.motion_window**2
        return match_mutual(
            memory.descriptors, features.descriptors, self.config.min_similarity, distant
        )

    def _assign(
        self, memory: _Memory, matches: Matches, features: Features, stamp_ns: int
    ) -> tuple[Tracks, NDArray[np.bool_]]:
        """Return the tracks, and the mask of remembered tracks that are not to be kept."""
        count, a, b = len(features), matches.index_a, matches.index_b
        fresh = np.ones(count, bool)
        fresh[b] = False
        found = np.zeros(len(memory), bool)
        found[a] = True
        given_up = ~found & (memory.missed >= self.config.max_lost_frames)

        tracks = Tracks(
            ids=np.zeros(count, np.uint64),
            ages=np.ones(count, np.uint32),
            previous=np.full(count, -1, np.int32),
            last_keypoints=np.full((count, 2), np.nan, np.float32),
            last_stamps_ns=np.full(count, stamp_ns, np.int64),
            similarity=np.full(count, np.nan, np.float32),
            lost_ids=memory.ids[given_up],
        )
        tracks.ids[b] = memory.ids[a]
        tracks.ids[fresh] = self._new_ids(int(fresh.sum()))
        tracks.ages[b] = memory.ages[a] + 1
        tracks.previous[b] = memory.rows[a]
        tracks.last_keypoints[b] = memory.keypoints[a]
        tracks.last_stamps_ns[b] = memory.stamps_ns[a]
        tracks.similarity[b] = matches.similarity
        return tracks, given_up | found

    def _new_ids(self, count: int) -> NDArray[np.uint64]:
        first = self.next_id
        self.next_id += count
        return np.arange(first, self.next_id, dtype=np.uint64)


def _empty_memory(dim: int) -> _Memory:
    return _Memory(
        ids=np.zeros(0, np.uint64),
        ages=np.zeros(0, np.uint32),
        missed=np.zeros(0, np.uint32),
        rows=np.zeros(0, np.int32),
        keypoints=np.zeros((0, 2), np.float32),
        descriptors=np.zeros((0, dim), np.float32),
        stamps_ns=np.zeros(0, np.int64),
    )


def _remember(
    memory: _Memory,
    tracks: Tracks,
    features: Features,
    stamp_ns: int,
    forget: NDArray[np.bool_],
) -> _Memory:
    """Return the tracks of this image, followed by those that are still missed."""
    kept, count = ~forget, len(tracks)
    return _Memory(
        ids=np.concatenate([tracks.ids, memory.ids[kept]]),
        ages=np.concatenate([tracks.ages, memory.ages[kept]]),
        missed=np.concatenate([np.zeros(count, np.uint32), memory.missed[kept] + 1]),
        rows=np.concatenate([np.arange(count, dtype=np.int32), np.full(kept.sum(), -1, np.int32)]),
        keypoints=np.concatenate([features.keypoints, memory.keypoints[kept]]),
        descriptors=np.concatenate([features.descriptors, memory.descriptors[kept]]),
        stamps_ns=np.concatenate([np.full(count, stamp_ns, np.int64), memory.stamps_ns[kept]]),
    )
