"""Tracks that last: followed by optical flow, confirmed and found again by descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alike_ros.config import TrackerConfig, Value, change_live
from alike_ros.geometry import inliers
from alike_ros.structures import Features, FloatArray, ImageArray, Tracks, View
from alike_ros.tracking.flow import as_bright_as, grey
from alike_ros.tracking.memory import Memory, new_memory
from alike_ros.tracking.search import Places, match, search
from alike_ros.tracking.starts import choose_starts

MIN_CONFIRMATION = 0.7  # cosine between a track's descriptor and what is where it went
LEARNING = 0.05  # share of what is seen in a track's descriptor
MAX_DOUBTS = 1  # images in a row in which a track may stray from the epipolar geometry
MAX_HELD_BACK = 2  # images that a track may stay unpublished for besides max_lost_frames
EPIPOLAR_PX = 1.0
LEAST_FOR_GEOMETRY = 12


@dataclass(frozen=True)
class _Sighting:
    """What became of remembered tracks in an image; row i of every array is one track.

    found: it is there, and looks like itself. sure: it moves as the others do, too.
    features: what is seen at its place. similarity: of that to its descriptor, cosine.
    """

    places: Places
    found: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    features: Features
    similarity: FloatArray


class HybridTracker:
    """Follows points from image to image, and looks at descriptors before it believes.

    1. `search`: optical flow, and keypoints for tracks that it loses.
    2. What the network sees at the place found has to resemble the track.
    3. A track that strays from the epipolar geometry of all is held back, and given up if it
       goes on.
    4. New tracks begin on keypoints that are corners, where no track is, until there are
       `max_tracks`.
    """

    def __init__(self, config: TrackerConfig | None = None, next_id: int = 0) -> None:
        self.config = config or TrackerConfig()
        self.next_id = next_id
        self._memory: Memory | None = None
        self._image: ImageArray | None = None

    def configure(self, **parameters: Value) -> None:
        """Change live parameters; see `Extractor.configure`."""
        self.config = change_live(self.config, parameters)

    def reset(self) -> None:
        """Forget all tracks; their ids are not given again."""
        self._memory = None
        self._image = None

    def update(self, view: View, stamp_ns: int) -> tuple[Features, Tracks]:
        """Return the features of the next image at its tracks, best first, and the tracks."""
        image = grey(view.image)
        memory = self._memory or _nothing(view.features)
        sighting = self._look(memory, self._search(image, memory, view.features), view)
        starts = self._choose(image, memory, sighting, view.features)
        self._image = image
        return self._conclude(memory, sighting, _rows(view.features, starts), stamp_ns)

    def _search(self, image: ImageArray, memory: Memory, features: Features) -> Places:
        before = self._image
        if before is None or before.shape != image.shape:
            return match(memory, features)
        return search(before, as_bright_as(image, before), memory, features)

    def _look(self, memory: Memory, places: Places, view: View) -> _Sighting:
        """Confirm what was found by descriptors, then by geometry."""
        found = places.is_found & view.allows(places.found)
        features = view.describe(np.where(found[:, None], places.found, memory.points))
        similarity = np.einsum('nd,nd->n', features.descriptors, memory.descriptors)
        found &= similarity >= MIN_CONFIRMATION
        sure = found.copy()
        sure[found] = fit_one_motion(memory.points[found], places.found[found])
        found &= sure | (memory.doubted < MAX_DOUBTS)
        oldest = np.argsort(np.where(found, -memory.ages.astype(np.int64), 0), kind='stable')
        found[oldest[self.config.max_tracks :]] = False
        return _Sighting(places, found, sure & found, features, similarity)

    def _choose(
        self, image: ImageArray, memory: Memory, sighting: _Sighting, features: Features
    ) -> NDArray[np.intp]:
        points = sighting.places.found[sighting.found]
        motions = points - memory.points[sighting.found]
        count = self.config.max_tracks - len(points)
        distance = self.config.track_distance
        return choose_starts(image, features, points, motions, count, distance)

    def _conclude(
        self, memory: Memory, sighting: _Sighting, begun: Features, stamp_ns: int
    ) -> tuple[Features, Tracks]:
        """Return what is published, and remember it with what is not."""
        sure, limit = sighting.sure, self.config.max_lost_frames
        missed = np.where(sighting.found, np.uint32(0), memory.missed + np.uint32(1))
        absent = np.where(sure, np.uint32(0), memory.absent + np.uint32(1))
        given_up = (missed > limit) | (absent > limit + MAX_HELD_BACK)
        features = _joined(_rows(sighting.features, np.flatnonzero(sure)), begun)
        order = np.argsort(-features.scores, kind='stable').astype(np.intp)
        first = self.next_id
        self.next_id += len(begun)
        begun_ids = np.arange(first, self.next_id, dtype=np.uint64)
        tracks = _tracks(memory, sighting, begun_ids, stamp_ns, memory.ids[given_up], order)
        rows = np.empty(len(order), np.int32)
        rows[order] = np.arange(len(order))
        kept = _continued(memory, sighting, missed, absent, rows[: sure.sum()], stamp_ns).take(
            ~given_up
        )
        fresh = new_memory(begun_ids, begun.keypoints, begun.descriptors, stamp_ns)
        self._memory = kept.joined(replace(fresh, rows=rows[sure.sum() :]))
        return _rows(features, order), tracks


def fit_one_motion(before: FloatArray, after: FloatArray) -> NDArray[np.bool_]:
    """Whether points (N, 2) px fit one fundamental matrix with most others; too few do."""
    fits = inliers(before, after, EPIPOLAR_PX) if len(before) >= LEAST_FOR_GEOMETRY else None
    return np.ones(len(before), bool) if fits is None else fits


def _tracks(
    memory: Memory,
    sighting: _Sighting,
    begun_ids: NDArray[np.uint64],
    stamp_ns: int,
    lost_ids: NDArray[np.uint64],
    order: NDArray[np.intp],
) -> Tracks:
    sure, fresh = sighting.sure, len(begun_ids)
    nowhere = np.full((fresh, 2), np.nan, np.float32)
    stamps = np.full(fresh, stamp_ns, np.int64)
    return Tracks(
        ids=np.concatenate([memory.ids[sure], begun_ids])[order],
        ages=np.concatenate([memory.ages[sure] + np.uint32(1), np.ones(fresh, np.uint32)])[order],
        previous=np.concatenate([memory.rows[sure], np.full(fresh, -1, np.int32)])[order],
        last_keypoints=np.concatenate([memory.seen[sure], nowhere])[order],
        last_stamps_ns=np.concatenate([memory.stamps_ns[sure], stamps])[order],
        similarity=np.concatenate([sighting.similarity[sure], nowhere[:, 0]])[order],
        lost_ids=lost_ids,
    )


def _continued(
    memory: Memory,
    sighting: _Sighting,
    missed: NDArray[np.uint32],
    absent: NDArray[np.uint32],
    rows: NDArray[np.int32],
    stamp_ns: int,
) -> Memory:
    """Return the remembered tracks after an image; rows: of its features, where published."""
    found, sure = sighting.found, sighting.sure
    points = np.where(found[:, None], sighting.places.found, sighting.places.expected)
    learnt = memory.descriptors + LEARNING * (sighting.features.descriptors - memory.descriptors)
    learnt /= np.maximum(np.linalg.norm(learnt, axis=1, keepdims=True), 1e-12)
    published = np.full(len(memory), -1, np.int32)
    published[sure] = rows
    return Memory(
        ids=memory.ids,
        points=points,
        descriptors=np.where(found[:, None], learnt, memory.descriptors),
        ages=memory.ages + sure.astype(np.uint32),
        missed=missed,
        absent=absent,
        doubted=np.where(found & ~sure, memory.doubted + np.uint32(1), np.uint32(0)),
        rows=published,
        seen=np.where(sure[:, None], points, memory.seen),
        stamps_ns=np.where(sure, stamp_ns, memory.stamps_ns),
    )


def _nothing(features: Features) -> Memory:
    none = np.zeros(0, np.uint64)
    return new_memory(none, features.keypoints[:0], features.descriptors[:0], 0)


def _rows(features: Features, rows: NDArray[np.intp]) -> Features:
    return Features(
        features.keypoints[rows],
        features.scores[rows],
        features.descriptors[rows],
        features.sigmas[rows],
        features.image_size,
    )


def _joined(a: Features, b: Features) -> Features:
    return Features(
        np.concatenate([a.keypoints, b.keypoints]),
        np.concatenate([a.scores, b.scores]),
        np.concatenate([a.descriptors, b.descriptors]),
        np.concatenate([a.sigmas, b.sigmas]),
        b.image_size,
    )
