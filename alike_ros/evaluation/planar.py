"""Pairs of images of a plane, by known homographies: repeatability and accuracy of matches.

The measures of HPatches as the ALIKE paper reports them: mean matching accuracy (MMA), mean
homography accuracy (MHA), repeatability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import DatasetError
from alike_ros.extractor import Extractor
from alike_ros.image_decode import read_image
from alike_ros.matching import match_mutual
from alike_ros.structures import Features, FloatArray, ImageArray, Matches

Array = NDArray[np.float64]
MAX_ERROR_PX = 3.0


@dataclass(frozen=True)
class PlanarPair:
    """Two images, and the homography (3, 3) px from the first to the second."""

    name: str
    image_a: ImageArray
    image_b: ImageArray
    homography: Array


@dataclass(frozen=True)
class PlanarScore:
    """Of one pair, or the means of many; all within MAX_ERROR_PX.

    keypoints: mean count an image. matches: count of mutual matches.
    accuracy: share of the matches that are right (MMA).
    homography: whether the corners land right under the estimated homography (MHA).
    repeatability: share of the keypoints seen by both images that are found in both.
    """

    keypoints: float
    matches: float
    accuracy: float
    homography: float
    repeatability: float


def read_planar_sequence(folder: Path) -> Iterator[PlanarPair]:
    """Yield the pairs of a folder with img1.*, img2.*, ... and H1to2p, ... (Oxford affine).

    Raises:
        DatasetError: it is not such a folder.
    """
    first = _image(folder, 1)
    for number in range(2, 100):
        file = folder / f'H1to{number}p'
        if not file.is_file():
            break
        try:
            homography = np.loadtxt(file).reshape(3, 3)
        except ValueError as error:
            raise DatasetError(f'{file}: expected a 3 x 3 matrix, got {error}') from error
        yield PlanarPair(f'{folder.name} 1-{number}', first, _image(folder, number), homography)


def planar_scores(pairs: Iterable[PlanarPair], extractor: Extractor) -> list[PlanarScore]:
    """Extract, match and judge every pair."""
    scores, before, features_a = [], None, None
    for pair in pairs:
        if features_a is None or pair.image_a is not before:
            before, features_a = pair.image_a, extractor.extract(pair.image_a)
        scores.append(planar_score(features_a, extractor.extract(pair.image_b), pair.homography))
    return scores


def planar_score(a: Features, b: Features, homography: Array) -> PlanarScore:
    """Judge the features of one pair."""
    matches = match_mutual(a.descriptors, b.descriptors)
    points_a, points_b = a.keypoints[matches.index_a], b.keypoints[matches.index_b]
    errors = np.linalg.norm(transfer(homography, points_a) - points_b, axis=1)
    return PlanarScore(
        (len(a) + len(b)) / 2,
        len(matches),
        float((errors <= MAX_ERROR_PX).mean()) if len(errors) else 0.0,
        float(corner_error(a, b, matches, homography) <= MAX_ERROR_PX),
        repeatability(a, b, homography),
    )


def mean_score(scores: Sequence[PlanarScore]) -> PlanarScore:
    """Return the mean of every measure; at least one pair."""
    columns = zip(*[vars(score).values() for score in scores], strict=True)
    return PlanarScore(*(float(np.mean(column)) for column in columns))


def corner_error(a: Features, b: Features, matches: Matches, homography: Array) -> float:
    """Return the mean error, px, of the corners under the homography that the matches give.

    Infinite when they give none.
    """
    if len(matches) < 4:
        return float('inf')
    estimated, _ = cv2.findHomography(
        a.keypoints[matches.index_a],
        b.keypoints[matches.index_b],
        cv2.USAC_MAGSAC,
        MAX_ERROR_PX,
        maxIters=5000,
        confidence=0.9999,
    )
    if estimated is None:
        return float('inf')
    width, height = a.image_size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    difference = transfer(np.asarray(estimated, float), corners) - transfer(homography, corners)
    return float(np.linalg.norm(difference, axis=1).mean())


def repeatability(a: Features, b: Features, homography: Array) -> float:
    """Return the share of keypoints seen by both images that have a like in the other."""
    inverse = np.asarray(np.linalg.inv(homography), float)
    found = np.concatenate([_found(a, b, homography), _found(b, a, inverse)])
    return float(found.mean()) if len(found) else 0.0


def _found(a: Features, b: Features, homography: Array) -> NDArray[np.bool_]:
    """Return, for the keypoints of a that b sees, whether b has one at their place."""
    places = transfer(homography, a.keypoints)
    places = places[_inside(places, b.image_size)]
    return np.asarray(_nearest(places.astype(np.float32), b.keypoints) <= MAX_ERROR_PX)


def transfer(homography: Array, points: FloatArray | Array) -> Array:
    """Return points (N, 2) px taken through a homography."""
    homogeneous = np.column_stack([points, np.ones(len(points))]).astype(float) @ homography.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:], np.float64)


def _inside(points: Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1))


def _nearest(points: FloatArray, others: FloatArray) -> Array:
    """Return the distance (N,) px from each point to the nearest of the others."""
    if not len(points) or not len(others):
        return np.full(len(points), np.inf)
    found = cv2.BFMatcher(cv2.NORM_L2).match(points, np.ascontiguousarray(others))
    return np.array([match.distance for match in found])


def _image(folder: Path, number: int) -> ImageArray:
    for suffix in ('ppm', 'pgm', 'png', 'jpg'):
        file = folder / f'img{number}.{suffix}'
        if file.is_file():
            return read_image(file)
    raise DatasetError(
        f'{folder}: expected img{number}.ppm, .pgm, .png or .jpg, got none; '
        'give a folder of the Oxford affine images'
    )
