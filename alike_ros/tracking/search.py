"""Where remembered tracks are in the next image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alike_ros.geometry import common_turn, inliers
from alike_ros.matching import match_mutual
from alike_ros.structures import FloatArray, ImageArray, View
from alike_ros.tracking.flow import NEIGHBOURS, follow, inside, local_motion
from alike_ros.tracking.memory import Memory
from alike_ros.tracking.patches import Laid, Patches, lay
from alike_ros.tracking.recovery import find_again

MOSTLY = 0.7  # of the tracks; fewer followed is a jump, and descriptors say where it went
LEAST_SHARE = 0.4  # of as many as were last seen in one image; a black one leaves fewer
MIN_SIMILARITY = 0.8
JUMP_PX = 3.0  # from the epipolar lines of matches by descriptors alone
LEAST_AGREEMENT = 0.3  # of them; less is another scene, or none: real jumps have 0.6 and more
RADIUS = 8.0  # px around where a lost track ought to be; for each image it is missed for
DOUBTFUL = 0.9  # correlation; a patch that fits worse has to go where its neighbours go,
STRAY = 3.0  # px more or less
LEAST_GUESSED = 0.7  # correlation of a patch that is laid where the neighbours went


@dataclass(frozen=True)
class Pair:
    """Two grey images of one size; `after` is as bright as `before`, `seen` is as it came."""

    before: ImageArray
    after: ImageArray
    seen: ImageArray


@dataclass(frozen=True)
class Places:
    """Row i of every array is one track.

    found: (N, 2) px, NaN where lost. expected: (N, 2) px, where lost ones ought to be.
    laid: where the first patches lie; `found` is there where they fit, else it is the flow's.
    """

    found: FloatArray
    expected: FloatArray
    laid: Laid

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Which have a place, (N,)."""
        return np.isfinite(self.found[:, 0])


def search(pair: Pair, memory: Memory, view: View) -> Places:
    """Look for tracks in an image.

    By optical flow from where their last motion leads. Those that it loses, or leads elsewhere
    than their neighbours, are looked for where these went, then at the most similar keypoint near
    that place. Each is moved to where the patch that the track began with fits.
    """
    flown = _followed(pair, memory)
    patches = _turned(memory, flown)
    laid = lay(pair.seen, patches, flown)
    expected = _expected(memory, laid, view)
    strays = np.linalg.norm(flown - expected, axis=1) > STRAY
    flown[strays] = np.nan
    laid = replace(laid, fits=laid.fits & ~strays)
    near = inside(expected, pair.seen) & ~laid.fits
    guessed = lay(pair.seen, patches, np.where(near[:, None], expected, np.float32(np.nan)))
    laid = laid.or_else(replace(guessed, fits=guessed.fits & (guessed.likeness > LEAST_GUESSED)))
    near &= ~laid.fits & np.isnan(flown[:, 0])
    keypoints = _found_again(memory, near, expected, laid, view)
    laid = laid.or_else(lay(pair.seen, patches, keypoints))
    found = np.where(laid.fits[:, None], laid.points, flown)
    return Places(found, np.where(np.isnan(expected), memory.points, expected), laid)


def match(image: ImageArray, memory: Memory, view: View) -> Places:
    """Find tracks in a grey image by descriptors alone, wherever they are."""
    places = _matched(memory, view)
    laid = lay(image, _turned(memory, places), places)
    return Places(np.where(laid.fits[:, None], laid.points, places), memory.points, laid)


def _turned(memory: Memory, places: FloatArray) -> Patches:
    """Return the patches turned and scaled as the image is, by places (N, 2) px; NaN where lost.

    An affine map goes further in few steps when it begins where a rolling camera leads it.
    """
    found = np.isfinite(places[:, 0])
    return memory.patches.turned(common_turn(memory.points[found], places[found]))


def _followed(pair: Pair, memory: Memory) -> FloatArray:
    """Return where the flow leads from where the last motion does, (N, 2) px; NaN where lost."""
    places, live = _nowhere(memory), memory.live
    points = memory.points[live]
    places[live] = follow(pair.before, pair.after, points, points + memory.motions[live])
    return places


def _found_again(
    memory: Memory,
    which: NDArray[np.bool_],
    expected: FloatArray,
    laid: Laid,
    view: View,
) -> FloatArray:
    """Return the most similar free keypoints near expected places (N, 2) px; NaN for none."""
    places = _nowhere(memory)
    places[which] = find_again(
        memory.descriptors[which],
        expected[which],
        RADIUS * (1 + memory.unseen[which]),
        view,
        laid.points[laid.fits],
        MIN_SIMILARITY,
    )
    return places


def _expected(memory: Memory, laid: Laid, view: View) -> FloatArray:
    """Return where the neighbours of doubtful tracks say that they are, (N, 2) px; else NaN."""
    origins, motions = _motions(memory, laid, view)
    expected = _nowhere(memory)
    doubtful = laid.likeness < DOUBTFUL
    if len(origins) >= NEIGHBOURS and doubtful.any():
        points = memory.points[doubtful]
        expected[doubtful] = points + local_motion(points, origins, motions)
    return expected


def _motions(memory: Memory, laid: Laid, view: View) -> tuple[FloatArray, FloatArray]:
    """Return points (M, 2) px of the image before, and how they moved, (M, 2) px."""
    sure = laid.likeness >= DOUBTFUL
    origins = memory.points[sure]
    motions = laid.points[sure] - origins
    last_together = np.bincount(memory.unseen).max(initial=0)
    if laid.fits.sum() >= max(MOSTLY * memory.live.sum(), LEAST_SHARE * last_together):
        return origins, motions
    matched = _matched(memory, view)
    rows = np.flatnonzero(np.isfinite(matched[:, 0]))
    agree = inliers(memory.points[rows], matched[rows], JUMP_PX)
    if agree is None or agree.mean() < LEAST_AGREEMENT:
        return origins, motions
    rows = rows[agree]
    moved = matched[rows] - memory.points[rows]
    return np.concatenate([origins, memory.points[rows]]), np.concatenate([motions, moved])


def _matched(memory: Memory, view: View) -> FloatArray:
    """Return where tracks are by descriptors alone, (N, 2) px; NaN for none."""
    places = _nowhere(memory)
    features = view.describe(view.features.keypoints)
    matches = match_mutual(memory.descriptors, features.descriptors, MIN_SIMILARITY)
    places[matches.index_a] = features.keypoints[matches.index_b]
    return places


def _nowhere(memory: Memory) -> FloatArray:
    return np.full((len(memory), 2), np.nan, np.float32)
