"""The protocol of HPatches: matches of image 1 with images 2 to 6 of planes, at 1 to 5 px.

Source: Balntas et al., "HPatches", CVPR 2017; Dusmanu et al., "D2-Net", CVPR 2019, whose protocol
the ALIKE paper follows: eight sequences of very large images are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.config import ExtractorConfig
from alike_ros.errors import DatasetError
from alike_ros.evaluation.calibration import INLIER_PX, calibrate
from alike_ros.evaluation.planar import PlanarPair, read_planar_sequence, transfer
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.evaluation.trackers import DETECTORS, Method
from alike_ros.extractor import Extractor
from alike_ros.image_decode import read_image
from alike_ros.matching import match_mutual
from alike_ros.structures import FloatArray, ImageArray
from alike_ros.weights import find_weights

THRESHOLDS = (1, 2, 3, 4, 5)  # px, of MHA and of tables
CURVE = tuple(range(1, 11))  # px, of MMA
TOO_LARGE = (
    'i_contruction',
    'i_crownnight',
    'i_dc',
    'i_pencils',
    'i_whitebuilding',
    'v_artisans',
    'v_astronautis',
    'v_talent',
)

Array = NDArray[np.float64]
Pairs = Callable[[np.ndarray, np.ndarray], NDArray[np.intp]]  # descriptors to rows (M, 2)


class Described(NamedTuple):
    """Keypoints (N, 2) px and descriptors of an image; sigmas (N,) px or None when not told."""

    keypoints: FloatArray
    descriptors: np.ndarray
    sigmas: FloatArray | None = None


@dataclass(frozen=True)
class Matcher:
    """How a method describes an image, and matches two sets of descriptors."""

    describe: Callable[[ImageArray], Described]
    match: Pairs


@dataclass(frozen=True)
class SequenceMatches:
    """What a method found in a sequence of K images, matched with the first.

    keypoint_ends: (K,) the row after the last keypoint of each image. keypoints: (N, 2) float32
    px. sigmas: (N,) float32 px, NaN where not told. match_ends: (K - 1,) alike. matches: (M, 2),
    rows of the first image's keypoints, and of the other's.
    """

    keypoint_ends: NDArray[np.int64]
    keypoints: FloatArray
    sigmas: FloatArray
    match_ends: NDArray[np.int64]
    matches: NDArray[np.int32]

    def pair(self, number: int) -> MatchedPair:
        """Return the matches of image 1 with image `number` + 2, `number` from 0."""
        begin = self.match_ends[number - 1] if number else 0
        a, b = self.matches[begin : self.match_ends[number]].T
        second = slice(self.keypoint_ends[number], self.keypoint_ends[number + 1])
        points, sigmas = self.keypoints[second], self.sigmas[second]
        keypoints = (int(self.keypoint_ends[0]) + len(points)) / 2
        return MatchedPair(self.keypoints[a], points[b], self.sigmas[a], sigmas[b], keypoints)


class MatchedPair(NamedTuple):
    """Matches of a pair: a, b (M, 2) px; sigmas (M,) px; keypoints: mean count an image."""

    a: FloatArray
    b: FloatArray
    sigmas_a: FloatArray
    sigmas_b: FloatArray
    keypoints: float


@dataclass(frozen=True)
class Accuracy:
    """Of one pair, or the means of many.

    keypoints: mean count an image. matches: count. mma: shares of the matches that are right
    within 1 to 10 px (CURVE). mha: whether the estimated homography puts the corners right, at
    THRESHOLDS px. sigma_mean: squared error over its variance, an axis at a time, mean over
    matches within 3 px; 1 where sigma is right, NaN where a method tells none.
    """

    keypoints: float
    matches: float
    mma: tuple[float, ...]
    mha: tuple[float, ...]
    sigma_mean: float = float('nan')

    def fields(self) -> dict[str, object]:
        """Return them as values that JSON can hold."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def sequence_folders(folder: Path) -> list[Path]:
    """Return the sequences of a folder: HPatches' without the too large ones, or Oxford's.

    Raises:
        DatasetError: there is none.
    """
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.name not in TOO_LARGE
        and ((path / 'H1to2p').is_file() or (path / 'H_1_2').is_file())
    ]
    if not found:
        raise DatasetError(
            f'{folder} holds no sequence of planes: expected folders with 1.ppm … 6.ppm and H_1_2 '
            '… H_1_6 (HPatches), or img1.* and H1to2p … (Oxford affine)'
        )
    return found


def read_sequence(folder: Path) -> list[PlanarPair]:
    """Return the pairs of the first image of a sequence with the others."""
    return list(_pairs(folder))


def _pairs(folder: Path) -> Iterator[PlanarPair]:
    if (folder / 'H1to2p').is_file():
        yield from read_planar_sequence(folder)
    else:
        first = read_image(folder / '1.ppm')
        for number in range(2, 7):
            homography = np.loadtxt(folder / f'H_1_{number}').reshape(3, 3)
            second = read_image(folder / f'{number}.ppm')
            yield PlanarPair(f'{folder.name} 1-{number}', first, second, homography)


def match_sequence(pairs: Sequence[PlanarPair], matcher: Matcher) -> SequenceMatches:
    """Describe every image once, and match the first with each other one."""
    images = [pairs[0].image_a, *(pair.image_b for pair in pairs)]
    first, counts, points, sigmas, matches = None, [], [], [], []
    for image in images:
        described = matcher.describe(image)
        unknown = np.full(len(described.keypoints), np.nan, np.float32)
        counts.append(len(described.keypoints))
        points.append(described.keypoints)
        sigmas.append(unknown if described.sigmas is None else described.sigmas)
        if first is None:
            first = described
        else:
            matches.append(matcher.match(first.descriptors, described.descriptors))
    return SequenceMatches(
        keypoint_ends=np.cumsum(counts, dtype=np.int64),
        keypoints=np.concatenate(points).astype(np.float32),
        sigmas=np.concatenate(sigmas).astype(np.float32),
        match_ends=np.cumsum([len(each) for each in matches], dtype=np.int64),
        matches=np.concatenate(matches).astype(np.int32).reshape(-1, 2),
    )


def judge_pair(pair: PlanarPair, found: MatchedPair) -> Accuracy:
    """Return the accuracy of the matches of one pair."""
    offsets = transfer(pair.homography, found.a) - found.b
    errors = np.linalg.norm(offsets, axis=1)
    corners = corner_error(found.a, found.b, pair)
    stretch = squared_scale(pair.homography, found.a)
    variances = stretch * found.sigmas_a**2 + found.sigmas_b**2
    return Accuracy(
        found.keypoints,
        len(found.a),
        tuple(float((errors <= t).mean()) if len(errors) else 0.0 for t in CURVE),
        tuple(float(corners <= t) for t in THRESHOLDS),
        calibrate(offsets, variances).mean,
    )


def squared_scale(homography: Array, points: FloatArray) -> Array:
    """Return by what a homography multiplies variances at points (N, 2) px, mean over axes."""
    w = np.column_stack([points, np.ones(len(points))]) @ homography[2]
    places = transfer(homography, points)
    rows = homography[:2, :2] - places[:, :, None] * homography[2, :2]  # (N, 2, 2), times w
    return np.asarray((rows**2).sum(axis=(1, 2)) / w**2 / 2, np.float64)


def corner_error(a: FloatArray, b: FloatArray, pair: PlanarPair) -> float:
    """Return how far, px, the homography of matches (M, 2) px puts the corners on average."""
    if len(a) < 4:
        return float('inf')
    estimated, _ = cv2.findHomography(a, b, cv2.RANSAC)
    if estimated is None:
        return float('inf')
    height, width = pair.image_a.shape[:2]
    corners = np.array([[0, 0], [0, height - 1], [width - 1, 0], [width - 1, height - 1]], float)
    difference = transfer(np.asarray(estimated, float), corners)
    difference -= transfer(pair.homography, corners)
    return float(np.linalg.norm(difference, axis=1).mean())


def mean_accuracy(found: Sequence[Accuracy]) -> Accuracy:
    """Return the mean of every measure, sigma's over all matches; at least one pair."""
    sigmas = np.array([each.sigma_mean for each in found])
    near = np.array([each.matches * each.mma[CURVE.index(int(INLIER_PX))] for each in found])
    known = ~np.isnan(sigmas)
    return Accuracy(
        float(np.mean([each.keypoints for each in found])),
        float(np.mean([each.matches for each in found])),
        tuple(np.mean([each.mma for each in found], axis=0).tolist()),
        tuple(np.mean([each.mha for each in found], axis=0).tolist()),
        float(np.average(sigmas[known], weights=near[known])) if known.any() else float('nan'),
    )


def learned(config: ExtractorConfig) -> Method[Matcher]:
    """Return the method of an extractor, matched mutually."""

    def begin(stack: ExitStack) -> Matcher:
        extractor = stack.enter_context(Extractor(config))

        def describe(image: ImageArray) -> Described:
            features = extractor.extract(image)
            return Described(features.keypoints, features.descriptors, features.sigmas)

        return Matcher(describe, _mutual)

    weights = find_weights(config.model, config.weights)
    return Method({'extractor': asdict(config), 'weights_sha256': weights.sha256}, begin)


def _mutual(a: np.ndarray, b: np.ndarray) -> NDArray[np.intp]:
    matches = match_mutual(a, b)
    return np.stack([matches.index_a, matches.index_b], axis=1)


def of_opencv(name: str, count: int) -> Method[Matcher]:
    """Return the method of a detector of OpenCV, matched mutually; count: most keypoints."""
    make, norm = DETECTORS[name]
    identity = {'name': name, 'points': count}
    return Method(identity, lambda stack: _of_opencv(make(count), norm))


def _of_opencv(detector: cv2.Feature2D, norm: int) -> Matcher:
    matcher = cv2.BFMatcher(norm, crossCheck=True)

    def describe(image: ImageArray) -> Described:
        found, rows = detector.detectAndCompute(image, None)
        points = np.array([each.pt for each in found], np.float32).reshape(-1, 2)
        return Described(points, np.zeros((0, 1), np.uint8) if rows is None else rows)

    def match(a: np.ndarray, b: np.ndarray) -> NDArray[np.intp]:
        if not len(a) or not len(b):
            return np.zeros((0, 2), np.intp)
        pairs = [(each.queryIdx, each.trainIdx) for each in matcher.match(a, b)]
        return np.array(pairs, np.intp).reshape(-1, 2)

    return Matcher(describe, match)


def accuracy_table(found: Mapping[str, Accuracy]) -> Table:
    """Return a line each; shares in per cent."""
    names = [f'{kind}@{t}' for kind in ('MMA', 'MHA') for t in THRESHOLDS]
    told = any(each.sigma_mean == each.sigma_mean for each in found.values())
    heads = ['', 'keypoints', 'matches', *names, *(['sigma mean'] * told)]
    rows = []
    for name, each in found.items():
        shares = (f'{100 * share:.1f}' for share in (*each.mma[: len(THRESHOLDS)], *each.mha))
        sigma = [known_or_dash(each.sigma_mean, '.2f')] * told
        rows.append([name, f'{each.keypoints:.0f}', f'{each.matches:.0f}', *shares, *sigma])
    return Table(heads, rows)
