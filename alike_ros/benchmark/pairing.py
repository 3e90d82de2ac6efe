"""Mutual matching and tracking as contestants: random unit descriptors, half of them moved."""

from __future__ import annotations

import cv2
import numpy as np

from alike_ros.benchmark.contestant import Contestant, Extract, Outputs, no_descriptors
from alike_ros.matching import match_mutual
from alike_ros.structures import Features, FloatArray, ImageArray, View
from alike_ros.tracking.by_descriptor import DescriptorTracker

NOISE = 0.3  # length of what is added to a descriptor when it is seen again
NO_IMAGE = np.zeros((0, 0), np.uint8)  # descriptors alone are matched
MEMORY = 1.4  # scene points for each that is visible at a time: what is hidden is remembered


def matchers(count: int, dim: int) -> tuple[Contestant, ...]:
    """Return this package's matching, NumPy's full matrix and OpenCV's brute force."""
    names = ('alike_ros', 'numpy', 'opencv')
    return tuple(
        Contestant(name, 'matching', {'name': name, 'count': count, 'dim': dim}) for name in names
    )


def open_matching(name: str, count: int, dim: int) -> Extract:
    """Return a matcher; its keypoints are the pairs of rows (M, 2)."""
    a, b = pair_of_sets(np.random.default_rng(0), count, dim)
    match = {'alike_ros': _ours, 'numpy': _numpy, 'opencv': _opencv}[name]
    return lambda images: [no_descriptors(match(a, b))]


def open_tracking(count: int, dim: int) -> Extract:
    """Return a tracker that gets another image of the same scene each time."""
    rng = np.random.default_rng(0)
    scene = _units(rng, int(MEMORY * count), dim)
    views = [_visible(rng, scene, count) for _ in range(16)]
    tracker = DescriptorTracker()
    frame = 0

    def extract(_: list[ImageArray]) -> list[Outputs]:
        nonlocal frame
        frame += 1
        tracks = tracker.update(views[frame % len(views)], frame)[1]
        return [no_descriptors(np.stack([np.arange(count), tracks.previous], axis=1))]

    return extract


def pair_of_sets(rng: np.random.Generator, count: int, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return two sets (count, dim) of unit rows; half of the second are rows of the first."""
    a = _units(rng, count, dim)
    b = np.concatenate([a[: count // 2], _units(rng, count - count // 2, dim)])
    b = b[rng.permutation(count)] + np.float32(NOISE) * _units(rng, count, dim)
    return a, b / np.linalg.norm(b, axis=1, keepdims=True)


def _visible(rng: np.random.Generator, scene: FloatArray, count: int) -> View:
    rows = rng.permutation(len(scene))[:count]
    ones = np.ones(count, np.float32)
    keypoints = np.stack([rows, rows], axis=1).astype(np.float32)
    features = Features(keypoints, ones, scene[rows], ones, (640, 480))
    return View(NO_IMAGE, features, lambda points: features)


def _units(rng: np.random.Generator, count: int, dim: int) -> FloatArray:
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _ours(a: FloatArray, b: FloatArray) -> np.ndarray:
    matches = match_mutual(a, b)
    return np.stack([matches.index_a, matches.index_b], axis=1)


def _numpy(a: FloatArray, b: FloatArray) -> np.ndarray:
    similarity = a @ b.T
    forward, backward = similarity.argmax(axis=1), similarity.argmax(axis=0)
    index_a = np.flatnonzero(backward[forward] == np.arange(len(a)))
    return np.stack([index_a, forward[index_a]], axis=1)


def _opencv(a: FloatArray, b: FloatArray) -> np.ndarray:
    found = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(a, b)
    return np.array([(match.queryIdx, match.trainIdx) for match in found]).reshape(-1, 2)
