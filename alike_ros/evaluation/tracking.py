"""How long, how many and how true the tracks of a method are, on any sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.evaluation.calibration import calibrate
from alike_ros.evaluation.epipolar import EpipolarLines
from alike_ros.evaluation.predictions import UNKNOWN, Predictions
from alike_ros.evaluation.survival import length_counts, lives, survival
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.evaluation.truth import (
    AgeSummary,
    Observations,
    errors_against,
    summarise,
    track_errors,
)
from alike_ros.geometry import inlier_ratio
from alike_ros.sources import GroundTruth

EPIPOLAR_PX = 1.0
GRID = (8, 6)  # cells of the coverage, columns and rows
AGES = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90)  # images; first ones of the bins

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ImageNumbers:
    """What each of K images came to, (K,) each; NaN for what the first one cannot have.

    points: tracks. tracked: those that were in the image before. inliers: share of these that
    one fundamental matrix explains within 1 px (USAC MAGSAC). coverage: share of 8 x 6 cells
    with a tracked point. seconds: that the method took.
    """

    points: Array
    tracked: Array
    inliers: Array
    coverage: Array
    seconds: Array


@dataclass(frozen=True)
class TrackingSummary:
    """The tracks of a sequence in few numbers; NaN where something is not known.

    mean_length: images, of tracks seen twice or more. singles: share of tracks seen once only.
    tracked, inlier_ratio, coverage: means of what `ImageNumbers` has.
    median_px, p95_px: against the scene point that a track began on (error_to is 'point'), or,
    where the truth knows poses only, against its epipolar line ('line'). judged: share of
    observations that the truth can judge.
    sigma_mean, sigma_median, sigma_count: calibration of sigma, as `Calibration` has it.
    lengths: tracks seen in 1, 2, 3 … images. survival: share alive 0, 1, 2 … images after its
    first (`survival.survival`). by_age: errors by images since the first sighting: drift.
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
    error_to: str
    sigma_mean: float
    sigma_median: float
    sigma_count: int
    lengths: tuple[int, ...]
    survival: tuple[float, ...]
    by_age: tuple[AgeSummary, ...]
    by_image: ImageNumbers

    def fields(self) -> dict[str, Any]:
        """Return them as values that JSON can hold; None for what is not known."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values['by_age'] = [asdict(each) for each in self.by_age]
        values['by_image'] = {
            name: [None if v != v else v for v in column.tolist()]
            for name, column in vars(self.by_image).items()
        }
        return {name: None if value != value else value for name, value in values.items()}


def summarise_tracks(
    found: Predictions, truth: GroundTruth | None = None, camera: Camera | None = None
) -> TrackingSummary:
    """Return what the tracks of a method are worth.

    camera: for errors against epipolar lines, where the truth knows no points.
    """
    images = found.images()
    lived = lives(images)
    by_image = image_numbers(found)
    return TrackingSummary(
        images=len(found),
        mean_length=_mean(lived.seen[lived.seen > 1]),
        singles=_mean(lived.seen == 1),
        points=_mean(by_image.points),
        tracked=_mean(by_image.tracked),
        inlier_ratio=_mean(by_image.inliers),
        coverage=_mean(by_image.coverage),
        tracking_ms=_median_ms(found.seconds[:, 0]),
        image_ms=_median_ms(found.seconds[:, 1]),
        **_against(truth, camera, images),
        lengths=length_counts(lived),
        survival=survival(lived),
        by_image=by_image,
    )


def _against(
    truth: GroundTruth | None, camera: Camera | None, images: Sequence[Observations]
) -> dict[str, Any]:
    """Return the fields that need ground truth; images that it does not have are left out."""
    numbered = [each for each in images if each.index != UNKNOWN]
    kind, errors = '', errors_against([], _nothing)
    if truth is not None:
        kind, errors = 'point', track_errors(numbered, truth)
        if camera is not None and not np.isfinite(errors.offsets).any():
            lines = EpipolarLines(truth, camera)
            kind, errors = 'line', errors_against(numbered, lines.nearest)
    summary = summarise(errors, AGES)
    of_points = errors.offsets if kind == 'point' else errors.offsets[:0]
    sigma = calibrate(of_points, errors.variances[: len(of_points)])
    return {
        'median_px': summary.median_px,
        'p95_px': summary.p95_px,
        'judged': summary.valid,
        'error_to': kind if np.isfinite(summary.median_px) else '',
        'by_age': summary.by_age,
        'sigma_mean': sigma.mean,
        'sigma_median': sigma.median,
        'sigma_count': sigma.count,
    }


def _nothing(starts: Array, seen: Array, index_a: int, index_b: int) -> Array:
    return np.full(seen.shape, np.nan)


def image_numbers(found: Predictions) -> ImageNumbers:
    """Return counts, shares and times, an image at a time."""
    images = found.images()
    rows = [
        _compared(before, now, size)
        for before, now, size in zip(images, images[1:], found.sizes[1:], strict=False)
    ]
    first = [(np.nan,) * 3] if images else []
    tracked, inliers, coverage = np.array(first + rows, np.float64).reshape(-1, 3).T
    points = np.array([len(each.ids) for each in images], np.float64)
    return ImageNumbers(points, tracked, inliers, coverage, found.seconds[:, 1])


def _compared(
    before: Observations, now: Observations, size: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return how many points were there before, their share of inliers, and the coverage."""
    _, a, b = np.intersect1d(before.ids, now.ids, return_indices=True)
    starts, ends = before.keypoints[a], now.keypoints[b]
    cells = np.floor((ends + 0.5) / size * GRID)
    coverage = len(np.unique(cells, axis=0)) / (GRID[0] * GRID[1])
    return len(a), inlier_ratio(starts, ends, EPIPOLAR_PX), coverage


def tracking_table(found: Mapping[str, TrackingSummary]) -> Table:
    """Return a line for each method."""
    heads = (
        'tracks, points, tracked, mean length, seen once, inliers, coverage, median px, p95 px, '
        'sigma mean, sigma median, tracking ms, image ms'
    )
    rows = [
        (
            name,
            f'{each.points:.0f}',
            known_or_dash(each.tracked, '.0f'),
            known_or_dash(each.mean_length, '.2f'),
            known_or_dash(100 * each.singles, '.0f', ' %'),
            known_or_dash(each.inlier_ratio, '.3f'),
            known_or_dash(100 * each.coverage, '.0f', ' %'),
            *(known_or_dash(v, '.2f') for v in (each.median_px, each.p95_px)),
            *(known_or_dash(v, '.2f') for v in (each.sigma_mean, each.sigma_median)),
            known_or_dash(each.tracking_ms, '.1f'),
            known_or_dash(each.image_ms, '.0f'),
        )
        for name, each in found.items()
    ]
    return Table(heads.split(', '), rows)


def _mean(values: Any) -> float:
    """Return the mean of what is known, NaN of nothing."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float('nan')


def _median_ms(seconds: Array) -> float:
    return float(np.median(seconds)) * 1e3 if len(seconds) else float('nan')
