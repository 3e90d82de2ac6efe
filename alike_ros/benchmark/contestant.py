"""Who takes part in a comparison, and what each of them gives for an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alike_ros.structures import FloatArray, ImageArray


@dataclass(frozen=True)
class Outputs:
    """What is compared.

    keypoints: (N, 2) float32 px; of a matching, pairs of rows.
    descriptors: (N, D) float32; D is 0 where there are none to compare.
    """

    keypoints: FloatArray
    descriptors: FloatArray


Extract = Callable[[list[ImageArray]], list[Outputs]]


@dataclass(frozen=True)
class Contestant:
    """One line of a table.

    label: its name, unique in a table.
    kind: key of `alike_ros.benchmark.worker.OPENERS`.
    options: what its opener takes, as values that JSON can hold.
    environment: variables of its process, beside those of this one.
    """

    label: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One table: contestants that get the same images with the same number of threads.

    images: (B, H, W, 3) uint8 RGB.
    reference: label of the contestant that outputs are compared with.
    baselines: labels of those that times are related to.
    model: network of the case; empty when it has none.
    """

    title: str
    images: ImageArray
    contestants: tuple[Contestant, ...]
    reference: str
    baselines: tuple[str, ...]
    threads: int
    model: str = ''

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) px."""
        return self.images.shape[2], self.images.shape[1]


def no_descriptors(keypoints: Any) -> Outputs:
    """Return outputs of which only positions are compared."""
    points = np.asarray(keypoints, np.float32).reshape(-1, 2)
    return Outputs(points, np.zeros((len(points), 0), np.float32))


def read_images(path: Path) -> list[ImageArray]:
    return list(np.load(path))
