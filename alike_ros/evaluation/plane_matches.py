"""Keypoints of images of planes, matched with the first of their sequence: any method's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.config import ExtractorConfig
from alike_ros.evaluation.planar import PlanarPair
from alike_ros.evaluation.trackers import DETECTORS, Method
from alike_ros.extractor import Extractor
from alike_ros.matching import match_mutual
from alike_ros.structures import FloatArray, ImageArray
from alike_ros.weights import find_weights

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
