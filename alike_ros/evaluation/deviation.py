"""How far features of a reduced precision are from those of fp32, and how much faster."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError
from alike_ros.extractor import Extractor
from alike_ros.geometry import inlier_ratio
from alike_ros.matching import match_mutual
from alike_ros.structures import Features, ImageArray

NEAR_PX = (0.01, 1.0)
TIMED_ROUNDS = 3


@dataclass(frozen=True)
class Deviation:
    """Features of some images compared with the reference's.

    count_ratio: keypoints per keypoint of the reference.
    near: shares of the reference's keypoints that have one within each of NEAR_PX.
    similarity: median cosine between descriptors of keypoints within the larger of NEAR_PX.
    """

    count_ratio: float
    near: tuple[float, ...]
    similarity: float


def deviation(reference: Sequence[Features], other: Sequence[Features]) -> Deviation:
    """Compare features of the same images; NaN where the reference has no keypoint."""
    pairs = [_nearest(a, b) for a, b in zip(reference, other, strict=True)]
    distances = np.concatenate([distance for distance, _ in pairs])
    cosines = np.concatenate([cosine for _, cosine in pairs])
    if not len(distances):
        return Deviation(np.nan, (np.nan,) * len(NEAR_PX), np.nan)
    close = cosines[distances < NEAR_PX[-1]]
    return Deviation(
        sum(map(len, other)) / len(distances),
        tuple(float((distances < limit).mean()) for limit in NEAR_PX),
        float(np.median(close)) if len(close) else np.nan,
    )


def mean_inliers(features: Sequence[Features]) -> float:
    """Return the share of mutual matches between images in a row that one geometry explains.

    NaN of a single image.
    """
    ratios = []
    for a, b in pairwise(features):
        matches = match_mutual(a.descriptors, b.descriptors)
        ratios.append(inlier_ratio(a.keypoints[matches.index_a], b.keypoints[matches.index_b]))
    return float(np.mean(ratios)) if ratios else np.nan


def _nearest(reference: Features, other: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each keypoint of the reference, distance px and cosine to the nearest one."""
    if not len(reference) or not len(other):
        return np.full(len(reference), np.inf), np.zeros(len(reference))
    matches = cv2.BFMatcher(cv2.NORM_L2).match(reference.keypoints, other.keypoints)
    rows = np.array([match.trainIdx for match in matches])
    distances = np.linalg.norm(reference.keypoints - other.keypoints[rows], axis=1)
    return distances, (reference.descriptors * other.descriptors[rows]).sum(axis=1)


def render(
    images: Sequence[ImageArray], models: Iterable[str], kinds: Sequence[tuple[str, str]]
) -> str:
    """Return a Markdown table: each kind (backend, precision) against fp32 of that backend.

    All on the CPU. What a backend does not have on this machine is left out. The images follow
    each other: the last column says how well they match with fp32 and with the kind.
    """
    lines = [
        '| model | backend | precision | x fp32 | keypoints | within 0.01 px | within 1 px '
        '| similarity | inliers fp32 → here |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for model in models:
        for backend, precision in kinds:
            config = ExtractorConfig(model=model, backend=backend, device='cpu')
            with suppress(BackendError):
                lines.append(_row(images, config, replace(config, precision=precision)))
    return '\n'.join(lines) + '\n'


def _row(images: Sequence[ImageArray], exact: ExtractorConfig, reduced: ExtractorConfig) -> str:
    with Extractor(exact) as a, Extractor(reduced) as b:
        reference, found = ([each.extract(image) for image in images] for each in (a, b))
        ratios = [_seconds(a, image) / _seconds(b, image) for image in [*images] * TIMED_ROUNDS]
    result = deviation(reference, found)
    shares = [f'{100 * share:.1f} %' for share in (result.count_ratio, *result.near)]
    cells = (
        reduced.model,
        reduced.backend,
        reduced.precision,
        f'{np.median(ratios):.2f}',
        *shares,
        f'{result.similarity:.4f}',
        f'{100 * mean_inliers(reference):.1f} → {100 * mean_inliers(found):.1f} %',
    )
    return f'| {" | ".join(cells)} |'


def _seconds(extractor: Extractor, image: ImageArray) -> float:
    start = time.perf_counter()
    extractor.extract(image)
    return time.perf_counter() - start
