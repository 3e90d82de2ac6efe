"""The protocol of HPatches: matches of image 1 with images 2 to 6 of planes, at 1 to 5 px.

Source: Balntas et al., "HPatches", CVPR 2017; Dusmanu et al., "D2-Net", CVPR 2019, whose protocol
the ALIKE paper follows: eight sequences of very large images are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import DatasetError
from alike_ros.evaluation.planar import PlanarPair, read_planar_sequence, transfer
from alike_ros.image_decode import read_image
from alike_ros.matching import match_mutual
from alike_ros.structures import FloatArray, ImageArray

THRESHOLDS = (1, 2, 3, 4, 5)  # px
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
Described = tuple[FloatArray, np.ndarray]  # keypoints (N, 2) px, descriptors
Describe = Callable[[ImageArray], Described]
Pairs = Callable[[np.ndarray, np.ndarray], NDArray[np.intp]]  # descriptors to rows (M, 2)


@dataclass(frozen=True)
class Method:
    """How a method describes an image, and matches two sets of descriptors."""

    describe: Describe
    match: Pairs


@dataclass(frozen=True)
class Accuracy:
    """Of one pair, or the means of many.

    keypoints: mean count an image. matches: count. mma, mha: shares at THRESHOLDS px, of the
    matches that are right, and whether the estimated homography puts the corners right.
    """

    keypoints: float
    matches: float
    mma: tuple[float, ...]
    mha: tuple[float, ...]


def read_hpatches(folder: Path) -> Iterator[tuple[str, list[PlanarPair]]]:
    """Yield name and pairs of each sequence of a folder: HPatches', or Oxford affine ones.

    Raises:
        DatasetError: there is none.
    """
    found = False
    for sequence in sorted(path for path in folder.iterdir() if path.is_dir()):
        if sequence.name in TOO_LARGE:
            continue
        pairs = list(_pairs(sequence))
        if pairs:
            found = True
            yield sequence.name, pairs
    if not found:
        raise DatasetError(
            f'{folder} holds no sequence of planes: expected folders with 1.ppm … 6.ppm and H_1_2 '
            '… H_1_6 (HPatches), or img1.* and H1to2p … (Oxford affine)'
        )


def _pairs(folder: Path) -> Iterator[PlanarPair]:
    if (folder / 'H1to2p').is_file():
        yield from read_planar_sequence(folder)
    elif (folder / 'H_1_2').is_file():
        first = read_image(folder / '1.ppm')
        for number in range(2, 7):
            homography = np.loadtxt(folder / f'H_1_{number}').reshape(3, 3)
            second = read_image(folder / f'{number}.ppm')
            yield PlanarPair(f'{folder.name} 1-{number}', first, second, homography)


def judge_sequence(pairs: Sequence[PlanarPair], method: Method) -> list[Accuracy]:
    """Return the accuracy of each pair of a sequence."""
    first = method.describe(pairs[0].image_a)
    return [judge_pair(pair, first, method) for pair in pairs]


def judge_pair(pair: PlanarPair, first: Described, method: Method) -> Accuracy:
    """Return the accuracy of one pair, whose first image is described already."""
    (points_a, rows_a), (points_b, rows_b) = first, method.describe(pair.image_b)
    matches = method.match(rows_a, rows_b)
    a, b = points_a[matches[:, 0]], points_b[matches[:, 1]]
    errors = np.linalg.norm(transfer(pair.homography, a) - b, axis=1)
    corners = corner_error(a, b, pair)
    return Accuracy(
        (len(points_a) + len(points_b)) / 2,
        len(matches),
        tuple(float((errors <= t).mean()) if len(errors) else 0.0 for t in THRESHOLDS),
        tuple(float(corners <= t) for t in THRESHOLDS),
    )


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
    """Return the mean of every measure; at least one pair."""
    return Accuracy(
        float(np.mean([each.keypoints for each in found])),
        float(np.mean([each.matches for each in found])),
        tuple(np.mean([each.mma for each in found], axis=0).tolist()),
        tuple(np.mean([each.mha for each in found], axis=0).tolist()),
    )


def learned(extract: Callable[[ImageArray], object]) -> Method:
    """Return the method of an extractor's `extract`."""

    def describe(image: ImageArray) -> Described:
        features = extract(image)
        return features.keypoints, features.descriptors  # type: ignore[attr-defined]

    def match(a: np.ndarray, b: np.ndarray) -> NDArray[np.intp]:
        matches = match_mutual(a, b)
        return np.stack([matches.index_a, matches.index_b], axis=1)

    return Method(describe, match)


def of_opencv(detector: cv2.Feature2D, norm: int) -> Method:
    """Return the method of a detector of OpenCV, matched mutually."""
    matcher = cv2.BFMatcher(norm, crossCheck=True)

    def describe(image: ImageArray) -> Described:
        found, rows = detector.detectAndCompute(image, None)
        points = np.array([each.pt for each in found], np.float32).reshape(-1, 2)
        return points, np.zeros((0, 1), np.uint8) if rows is None else rows

    def match(a: np.ndarray, b: np.ndarray) -> NDArray[np.intp]:
        if not len(a) or not len(b):
            return np.zeros((0, 2), np.intp)
        pairs = [(each.queryIdx, each.trainIdx) for each in matcher.match(a, b)]
        return np.array(pairs, np.intp).reshape(-1, 2)

    return Method(describe, match)
