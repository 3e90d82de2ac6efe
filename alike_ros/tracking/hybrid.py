"""Tracks that last: followed by optical flow, confirmed and found again by descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alike_ros.config import TrackerConfig, Value, change_live
from alike_ros.geometry import quick_inliers
from alike_ros.structures import Features, FloatArray, ImageArray, Tracks, View
from alike_ros.tracking.flow import as_bright_as, grey
from alike_ros.tracking.memory import Memory, new_memory
from alike_ros.tracking.patches import known_well, sigmas
from alike_ros.tracking.search import Pair, Places, match, search
from alike_ros.tracking.starts import Starts, choose_starts, no_starts

MIN_CONFIRMATION = 0.7  # cosine between a track's descriptor and what is where it went
LEARNING = 0.4  # share of what is seen in a track's descriptor
EPIPOLAR_PX = 1.1
CELL = 2.0  # px; of two tracks in one, the surer goes on
PORTION = 0.09  # of max_tracks; fewer new ones do not begin: more at once can be chosen better
SCARCE = 0.55  # of max_tracks; where more are missing, those begin too that leave the image soon
LEAST_FOR_GEOMETRY = 12


@dataclass(frozen=True)
class _Sighting:
    """What became of remembered tracks in an image; row i of every array is one track.

    found: it is there, and looks like itself. sure: its first patch fits, says where it is, and
    it moves as the others do. features: what is seen at the places found, a row for each.
    similarity: of that to the track's descriptor, cosine.
    """

    places: Places
    found: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    features: Features
    similarity: FloatArray


class HybridTracker:
    """Follows points from image to image, and looks at descriptors before it believes.

    1. `search`: optical flow, moved to where the patch fits that the track began with, and
       keypoints for tracks that are lost.
    2. What the network sees at the place found has to resemble the track; of two tracks that
       end on one point the surer goes on.
    3. A track whose patch does not fit, whose place is known much worse than others, or that
       strays from the epipolar geometry of all, is followed but not published; it ends when that
       goes on for `max_lost_frames`.
    4. New tracks begin on keypoints that are corners, where no track is, a portion at a time,
       until there are `max_tracks`.
    """

    needs_descriptors: ClassVar[bool] = False

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
        memory = self._memory or _nothing(view)
        sighting = self._look(memory, self._search(image, memory, view), view)
        starts = self._choose(image, memory, sighting, view.features)
        self._image = image
        begun = view.describe(view.features.keypoints[starts.rows])
        begun = replace(begun, sigmas=starts.sigmas)
        return self._conclude(memory, sighting, starts, begun, stamp_ns)

    def _search(self, image: ImageArray, memory: Memory, view: View) -> Places:
        before = self._image
        if before is None or before.shape != image.shape:
            return match(image, memory, view)
        return search(Pair(before, as_bright_as(image, before), image), memory, view)

    def _look(self, memory: Memory, places: Places, view: View) -> _Sighting:
        """Confirm what was found by descriptors, then by geometry."""
        found = places.is_found & view.allows(places.found)
        rows = np.flatnonzero(found)
        features = view.describe(places.found[rows])
        similarity = np.zeros(len(memory), np.float32)
        similarity[rows] = np.einsum('nd,nd->n', features.descriptors, memory.descriptors[rows])
        found &= similarity >= MIN_CONFIRMATION
        known_to = sigmas(memory.patches, places.laid)
        found[found] = surest_in_cells(places.found[found], known_to[found])
        oldest = np.argsort(np.where(found, -memory.ages.astype(np.int64), 0), kind='stable')
        found[oldest[self.config.max_tracks :]] = False
        sure = found & places.laid.fits
        sure[sure] = known_well(known_to[sure])
        sure[sure] = fit_one_motion(memory.points[sure], places.found[sure])
        features = replace(features, sigmas=known_to[rows])
        return _Sighting(places, found, sure, _rows(features, found[rows]), similarity)

    def _choose(
        self, image: ImageArray, memory: Memory, sighting: _Sighting, features: Features
    ) -> Starts:
        places = sighting.places.found
        motions = (places - memory.points)[sighting.sure]
        count = self.config.max_tracks - int(sighting.found.sum())
        if count < max(PORTION * self.config.max_tracks, 1):
            return no_starts()
        return choose_starts(
            image,
            features,
            places[sighting.found],
            places[sighting.sure],
            motions,
            count,
            self.config.track_distance,
            count > SCARCE * self.config.max_tracks,
        )

    def _conclude(
        self, memory: Memory, sighting: _Sighting, starts: Starts, begun: Features, stamp_ns: int
    ) -> tuple[Features, Tracks]:
        """Return what is published, and remember it with what is not."""
        sure = sighting.sure
        features = _joined(sighting.features, begun)
        published = np.flatnonzero(np.append(sure[sighting.found], np.ones(len(begun), bool)))
        order = np.argsort(-features.scores[published], kind='stable').astype(np.intp)
        rows = np.empty(len(order), np.int32)
        rows[order] = np.arange(len(order))
        kept = _continued(memory, sighting, rows[: sure.sum()], stamp_ns)
        ends = kept.unseen > self.config.max_lost_frames
        first = self.next_id
        self.next_id += len(begun)
        ids = np.arange(first, self.next_id, dtype=np.uint64)
        fresh = new_memory(ids, starts, begun, rows[sure.sum() :], stamp_ns)
        self._memory = kept.renewed(np.flatnonzero(~ends), fresh)
        return _rows(features, published[order]), _tracks(
            memory, sighting, ids, stamp_ns, memory.ids[ends], order
        )


def surest_in_cells(points: FloatArray, sigmas: FloatArray) -> NDArray[np.bool_]:
    """Whether no other of points (N, 2) px in the same cell has a smaller sigma (N,) px.

    Tracks begin apart: two of them end on one point by mistake.
    """
    order = np.argsort(sigmas, kind='stable')
    cells = np.floor(points[order] / CELL).astype(np.int64)
    _, first = np.unique(cells @ [1 << 32, 1], return_index=True)
    surest = np.zeros(len(points), bool)
    surest[order[first]] = True
    return surest


def fit_one_motion(before: FloatArray, after: FloatArray) -> NDArray[np.bool_]:
    """Whether points (N, 2) px fit one fundamental matrix with most others; too few do."""
    fits = None
    if len(before) >= LEAST_FOR_GEOMETRY:
        fits = quick_inliers(before, after, EPIPOLAR_PX)
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
    memory: Memory, sighting: _Sighting, rows: NDArray[np.int32], stamp_ns: int
) -> Memory:
    """Return the remembered tracks after an image; rows: of its features, where published."""
    found, sure, places = sighting.found, sighting.sure, sighting.places
    points = np.where(found[:, None], places.found, places.expected)
    published = np.full(len(memory), -1, np.int32)
    published[sure] = rows
    return Memory(
        ids=memory.ids,
        points=points,
        motions=np.where(found[:, None], points - memory.points, np.float32(0)),
        descriptors=_learnt(memory.descriptors, found, sighting.features.descriptors),
        patches=replace(memory.patches, shapes=places.laid.shapes),
        ages=memory.ages + sure.astype(np.uint32),
        unseen=np.where(sure, np.uint32(0), memory.unseen + np.uint32(1)),
        live=found,
        rows=published,
        seen=np.where(sure[:, None], points, memory.seen),
        stamps_ns=np.where(sure, stamp_ns, memory.stamps_ns),
    )


def _learnt(known: FloatArray, found: NDArray[np.bool_], seen: FloatArray) -> FloatArray:
    """Return descriptors (N, D) that have come a bit nearer to what was seen where found."""
    nearer = known[found]
    nearer += LEARNING * (seen - nearer)
    nearer /= np.maximum(np.linalg.norm(nearer, axis=1, keepdims=True), 1e-12)
    learnt = known.copy()
    learnt[found] = nearer
    return learnt


def _nothing(view: View) -> Memory:
    starts = no_starts()
    none = starts.rows
    features = view.describe(view.features.keypoints[none])
    return new_memory(none.astype(np.uint64), starts, features, none.astype(np.int32), 0)


def _rows(features: Features, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Features:
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
