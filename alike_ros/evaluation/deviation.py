"""How far features of a reduced precision, or of another backend, are from those of fp32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError
from alike_ros.extractor import Extractor
from alike_ros.structures import Features, ImageArray

NEAR_PX = (0.01, 1.0)


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
        return Deviation(float('nan'), (float('nan'),) * len(NEAR_PX), float('nan'))
    close = cosines[distances < NEAR_PX[-1]]
    return Deviation(
        sum(map(len, other)) / len(distances),
        tuple(float((distances < limit).mean()) for limit in NEAR_PX),
        float(np.median(close)) if len(close) else float('nan'),
    )


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

    All on the CPU. What a backend does not have on this machine is left out.
    """
    lines = [
        '| model | backend | precision | keypoints | within 0.01 px | within 1 px | similarity |',
        '|---|---|---|---|---|---|---|',
    ]
    for model in models:
        for backend, precision in kinds:
            try:
                found = _extract(images, model, backend, precision)
            except BackendError:
                continue
            result = deviation(_extract(images, model, backend, 'fp32'), found)
            shares = [f'{100 * share:.1f} %' for share in (result.count_ratio, *result.near)]
            cells = (model, backend, precision, *shares, f'{result.similarity:.4f}')
            lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _extract(
    images: Sequence[ImageArray], model: str, backend: str, precision: str
) -> list[Features]:
    config = ExtractorConfig(model=model, backend=backend, precision=precision, device='cpu')
    with Extractor(config) as extractor:
        return [extractor.extract(image) for image in images]
