"""How long, how many and how true the tracks of a method are, on any sequence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.evaluation.truth import Observations, summarise, track_errors
from alike_ros.geometry import inlier_ratio
from alike_ros.sources import GroundTruth
from alike_ros.structures import FloatArray, ImageArray

EPIPOLAR_PX = 1.0
GRID = (8, 6)  # cells of the coverage, columns and rows


@dataclass(frozen=True)
class Points:
    """The tracks of one image: ids (N,), each once; keypoints (N, 2) px.

    seconds: what tracking took, without detection and description where they are apart; NaN
        where it is not known.
    """

    ids: NDArray[Any]
    keypoints: FloatArray
    seconds: float = float('nan')


Follow = Callable[[ImageArray, int], Points]  # an image and its stamp in ns


@dataclass(frozen=True)
class TrackingSummary:
    """The tracks of a sequence in few numbers.

    mean_length: images, of tracks seen twice or more. singles: share of tracks seen once only.
    tracked: points an image that were in the image before. inlier_ratio: of those, the share
    that one fundamental matrix explains within 1 px (USAC MAGSAC), mean over images.
    coverage: share of 8 x 6 cells with a tracked point.
    survival: share of the first image's tracks that are there after 0, 1, 2 … images.
    median_px, p95_px: against the scene point that a track began on; NaN without ground truth.
    judged: share of observations that the truth can judge.
    """

    images: int
    mean_length: float
    singles: float
    points: float
    tracked: float
    inlier_ratio: float
    coverage: float
    tracking_ms: float
    image_ms: float
    median_px: float
    p95_px: float
    judged: float
    survival: tuple[float, ...]

    def fields(self) -> dict[str, Any]:
        """Return them as values that JSON can hold."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def evaluate(
    frames: Iterable[tuple[int, ImageArray, int]],
    methods: Mapping[str, Follow],
    truth: GroundTruth | None = None,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, TrackingSummary]:
    """Give the same images to all methods and return what their tracks are worth.

    frames: number for the truth, image, stamp in ns. The methods take turns image by image, so
    that a machine which others use is slow for all of them alike.
    """
    records: dict[str, _Record] = {name: _Record() for name in methods}
    for number, image, stamp_ns in frames:
        for name, follow in methods.items():
            begun = time.perf_counter()
            points = follow(image, stamp_ns)
            records[name].add(number, points, image.shape, time.perf_counter() - begun)
        progress()
    return {name: record.summary(truth) for name, record in records.items()}


class _Record:
    """Collects the tracks of one method."""

    def __init__(self) -> None:
        self._sequence: list[Observations] = []
        self._lengths: Counter[int] = Counter()
        self._shares: dict[str, list[float]] = {'tracked': [], 'inliers': [], 'coverage': []}
        self._seconds: list[tuple[float, float]] = []

    def add(
        self, number: int, points: Points, shape: tuple[int, ...], image_seconds: float
    ) -> None:
        self._seconds.append((points.seconds, image_seconds))
        self._lengths.update(points.ids.tolist())
        if self._sequence:
            self._compare(self._sequence[-1], points, shape)
        self._sequence.append(Observations(number, points.ids, points.keypoints))

    def _compare(self, before: Observations, points: Points, shape: tuple[int, ...]) -> None:
        _, a, b = np.intersect1d(before.ids, points.ids, return_indices=True)
        starts, ends = before.keypoints[a], points.keypoints[b]
        self._shares['tracked'].append(len(a))
        self._shares['inliers'].append(inlier_ratio(starts, ends, EPIPOLAR_PX))
        cells = np.floor((ends + 0.5) / [shape[1], shape[0]] * GRID)
        self._shares['coverage'].append(len(np.unique(cells, axis=0)) / (GRID[0] * GRID[1]))

    def summary(self, truth: GroundTruth | None) -> TrackingSummary:
        lengths = np.array(list(self._lengths.values()))
        errors = None if truth is None else summarise(track_errors(self._sequence, truth))
        tracking, images = np.array(self._seconds).reshape(-1, 2).T * 1e3
        unknown = float('nan')
        return TrackingSummary(
            images=len(self._sequence),
            mean_length=_mean(lengths[lengths > 1]),
            singles=_mean(lengths == 1),
            points=_mean([len(each.ids) for each in self._sequence]),
            tracked=_mean(self._shares['tracked']),
            inlier_ratio=_mean(self._shares['inliers']),
            coverage=_mean(self._shares['coverage']),
            tracking_ms=float(np.median(tracking)) if len(tracking) else unknown,
            image_ms=float(np.median(images)) if len(images) else unknown,
            median_px=unknown if errors is None else errors.median_px,
            p95_px=unknown if errors is None else errors.p95_px,
            judged=unknown if errors is None else errors.valid,
            survival=self._survival(),
        )

    def _survival(self) -> tuple[float, ...]:
        if not self._sequence or not len(self._sequence[0].ids):
            return ()
        first = self._sequence[0].ids
        return tuple(float(np.isin(first, each.ids).mean()) for each in self._sequence)


def _mean(values: Any) -> float:
    """Return the mean of what is known, NaN of nothing."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float('nan')
