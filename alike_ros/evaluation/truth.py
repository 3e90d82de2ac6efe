"""How far tracks stray from the scene point that they began on.

Each observation is compared with the track's first one, carried over by the ground truth: the
error holds the detector's noise at both ends and whatever the tracker let slip between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alike_ros.sources import GroundTruth

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """The tracks of one image.

    index: the frame's number for the ground truth.
    ids: (N,) integers, each once.
    keypoints: (N, 2) px.
    sigmas: (N,) px, standard deviation along each axis; NaN, or None, where a method tells none.
    """

    index: int
    ids: NDArray[Any]
    keypoints: NDArray[np.floating]
    sigmas: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class TrackErrors:
    """One row for each observation of a track after its first.

    indices: (M,) frame numbers. ids: (M,) tracks.
    ages: (M,) frames since the track's first observation, 1 or more.
    offsets: (M, 2) px, observed minus true; NaN where the truth does not know or says hidden.
    variances: (M,) px^2, what each axis of the offset should have: sigma^2 of this observation
        and of the first one, whose noise is in it too. NaN where no sigma was told.
    """

    indices: NDArray[np.int64]
    ids: NDArray[Any]
    ages: NDArray[np.int64]
    offsets: Array
    variances: Array

    @property
    def errors(self) -> Array:
        """(M,) px, length of the offsets."""
        return np.linalg.norm(self.offsets, axis=1)


@dataclass(frozen=True)
class AgeSummary:
    """Errors of the observations of ages from `first_age` to `last_age` frames.

    bias_px: (x, y), mean of the offsets' inner 90 %; away from 0 it is drift.
    """

    first_age: int
    last_age: int
    count: int
    median_px: float
    p95_px: float
    bias_px: tuple[float, float]


@dataclass(frozen=True)
class ErrorSummary:
    """Track errors in few numbers; NaN where no observation could be judged.

    observations: those after a track's first.
    valid: share of them, in [0, 1], where the true place is known and visible. Where the truth
        knows all, the rest are tracks that slid onto something else or lie on an edge.
    """

    observations: int
    valid: float
    median_px: float
    p95_px: float
    by_age: tuple[AgeSummary, ...]


def track_errors(sequence: Sequence[Observations], truth: GroundTruth) -> TrackErrors:
    """Compare every observation of a track with its first one, transferred to the same frame.

    Ids must not be reused for another track; a track may be away for some frames.
    """
    return errors_against(sequence, lambda starts, _, a, b: truth.transfer(starts, a, b))


# Where points (N, 2) px of image a, seen at (N, 2) px in image b, should be there, by a, b.
Expect = Callable[[Array, Array, int, int], Array]


def errors_against(sequence: Sequence[Observations], expect: Expect) -> TrackErrors:
    """Compare as `track_errors` does with what is expected."""
    firsts: dict[Any, _First] = {}
    parts = [_frame_errors(observations, firsts, expect) for observations in sequence]
    return TrackErrors(
        np.concatenate([part.indices for part in parts] or [np.zeros(0, np.int64)]),
        np.concatenate([part.ids for part in parts] or [np.zeros(0, np.uint64)]),
        np.concatenate([part.ages for part in parts] or [np.zeros(0, np.int64)]),
        np.concatenate([part.offsets for part in parts] or [np.zeros((0, 2))]),
        np.concatenate([part.variances for part in parts] or [np.zeros(0)]),
    )


class _First(NamedTuple):
    number: int
    point: Array  # (2,) px
    sigma: float  # px


def _frame_errors(
    observations: Observations, firsts: dict[Any, _First], expect: Expect
) -> TrackErrors:
    """Errors of one frame; tracks that are new in it are added to `firsts`."""
    index = observations.index
    points = np.asarray(observations.keypoints, np.float64).reshape(-1, 2)
    sigmas = np.full(len(points), np.nan)
    if observations.sigmas is not None:
        sigmas[:] = observations.sigmas
    keys = observations.ids.tolist()
    known = np.array([key in firsts for key in keys], bool)
    rows = zip(keys, points, sigmas.tolist(), strict=True)
    begun = [firsts.setdefault(key, _First(index, point, sigma)) for key, point, sigma in rows]
    origins = np.array([first.number for first in begun], np.int64).reshape(-1)
    starts = np.array([first.point for first in begun], np.float64).reshape(-1, 2)
    first_sigmas = np.array([first.sigma for first in begun], np.float64).reshape(-1)
    expected = np.full(points.shape, np.nan)
    for origin in np.unique(origins[known]):
        of_it = known & (origins == origin)
        expected[of_it] = expect(starts[of_it], points[of_it], int(origin), index)
    return TrackErrors(
        np.full(int(known.sum()), index, np.int64),
        observations.ids[known],
        index - origins[known],
        (points - expected)[known],
        (sigmas**2 + first_sigmas**2)[known],
    )


def summarise(errors: TrackErrors, age_edges: Sequence[int] = (1, 2, 5, 10, 30)) -> ErrorSummary:
    """Median and 95th percentile over all ages and by age.

    age_edges: first age of each bin; the last bin has no end.
    """
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(errors.offsets).all(axis=1))
    count = len(valid)
    bins = []
    for first, following in zip(age_edges, [*age_edges[1:], None], strict=True):
        last = int(errors.ages.max(initial=0)) if following is None else following - 1
        rows = valid & (errors.ages >= first) & (errors.ages <= last)
        if rows.any():
            bins.append(_age_summary(first, last, errors.offsets[rows]))
    median, p95 = _quantiles(errors.errors[valid])
    share = float(valid.mean()) if count else float('nan')
    return ErrorSummary(count, share, median, p95, tuple(bins))


def _age_summary(first: int, last: int, offsets: Array) -> AgeSummary:
    lengths = np.linalg.norm(offsets, axis=1)
    median, p95 = _quantiles(lengths)
    bias = offsets[lengths <= np.quantile(lengths, 0.9)].mean(axis=0)
    return AgeSummary(first, last, len(offsets), median, p95, (float(bias[0]), float(bias[1])))


def _quantiles(values: Array) -> tuple[float, float]:
    if not len(values):
        return float('nan'), float('nan')
    return float(np.median(values)), float(np.quantile(values, 0.95))
