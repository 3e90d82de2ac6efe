"""Whether two contestants gave the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alike_ros.benchmark.contestant import Outputs
from alike_ros.structures import FloatArray

EQUAL_PX = 1.5e-4
_BLOCK_ROWS = 256


@dataclass(frozen=True)
class Comparison:
    """One contestant's outputs beside those of the reference.

    equal: share of the reference's keypoints with one of the contestant within EQUAL_PX.
    descriptor_difference: largest of any element over those; NaN when there are none to compare.
    """

    keypoints: int
    reference_keypoints: int
    equal: float
    descriptor_difference: float


def load_outputs(path: Path) -> list[Outputs]:
    with np.load(path) as arrays:
        count = len(arrays) // 2
        return [Outputs(arrays[f'keypoints{i}'], arrays[f'descriptors{i}']) for i in range(count)]


def compare(found: list[Outputs], reference: list[Outputs]) -> Comparison:
    """Compare the outputs of a batch, image by image."""
    equal, differences = 0, [np.nan]
    for a, b in zip(reference, found, strict=True):
        rows_a, rows_b = same_places(a.keypoints, b.keypoints)
        equal += len(rows_a)
        if len(rows_a) and a.descriptors.shape[1] == b.descriptors.shape[1] > 0:
            difference = np.abs(a.descriptors[rows_a] - b.descriptors[rows_b])
            differences.append(float(difference.max()))
    wanted = sum(len(output.keypoints) for output in reference)
    return Comparison(
        keypoints=sum(len(output.keypoints) for output in found),
        reference_keypoints=wanted,
        equal=equal / wanted if wanted else float('nan'),
        descriptor_difference=float(np.fmax.reduce(differences)),
    )


def same_places(a: FloatArray, b: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of points a and b (N, 2) px that lie within EQUAL_PX of each other."""
    nearest = np.full(len(a), -1, np.intp)
    for start in range(0, len(a) if len(b) else 0, _BLOCK_ROWS):
        steps = a[start : start + _BLOCK_ROWS, None] - b[None]  # (n, M, 2)
        distances = np.abs(steps).max(axis=2)
        closest = distances.argmin(axis=1)
        near = distances[np.arange(len(closest)), closest] <= EQUAL_PX
        nearest[start : start + _BLOCK_ROWS] = np.where(near, closest, -1)
    rows = np.flatnonzero(nearest >= 0)
    return rows, nearest[rows]
