"""What methods that track found in a sequence: all that a summary or a page is made from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alike_ros.evaluation.truth import Observations
from alike_ros.structures import FloatArray, ImageArray

UNKNOWN = -1  # number of an image that the ground truth does not have


@dataclass(frozen=True)
class Points:
    """The tracks of one image: ids (N,) integers, each once; keypoints (N, 2) px.

    seconds: what tracking took, without detection and description where they are apart; NaN
        where it is not known.
    sigmas: (N,) px, standard deviations along each axis; None where a method tells none.
    """

    ids: NDArray[Any]
    keypoints: FloatArray
    seconds: float = float('nan')
    sigmas: FloatArray | None = None


Follow = Callable[[ImageArray, int], Points]  # an image and its stamp in ns


class Shot(NamedTuple):
    """An image of a sequence; number: for the ground truth, None where it has none."""

    number: int | None
    image: ImageArray
    stamp_ns: int


@dataclass(frozen=True)
class Predictions:
    """The tracks of one method in K images, M observations in all.

    numbers: (K,) of the images for the ground truth; UNKNOWN where it has none.
    stamps_ns: (K,). sizes: (K, 2) width and height in px.
    seconds: (K, 2) of tracking alone, NaN where not known, and of everything.
    ends: (K,) the row after the last one of each image.
    ids: (M,) int64. keypoints: (M, 2) float32 px. sigmas: (M,) float32 px, NaN where not told.
    """

    numbers: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    sizes: NDArray[np.int64]
    seconds: NDArray[np.float64]
    ends: NDArray[np.int64]
    ids: NDArray[np.int64]
    keypoints: FloatArray
    sigmas: FloatArray

    def __len__(self) -> int:
        return len(self.ends)

    def of_image(self, row: int) -> Observations:
        """Return the tracks of one image."""
        begin, end = (0 if row == 0 else self.ends[row - 1]), self.ends[row]
        rows = slice(begin, end)
        number = int(self.numbers[row])
        return Observations(number, self.ids[rows], self.keypoints[rows], self.sigmas[rows])

    def images(self) -> list[Observations]:
        return [self.of_image(row) for row in range(len(self))]


def predict(
    shots: Iterable[Shot],
    methods: Mapping[str, Follow],
    progress: Callable[[], object] = lambda: None,
) -> dict[str, Predictions]:
    """Give the same images to all methods and return what each found.

    The methods take turns image by image, so that a machine which others use is slow for all of
    them alike.
    """
    collected = {name: _Collector() for name in methods}
    for shot in shots:
        for name, follow in methods.items():
            begun = time.perf_counter()
            points = follow(shot.image, shot.stamp_ns)
            collected[name].add(shot, points, time.perf_counter() - begun)
        progress()
    return {name: each.joined() for name, each in collected.items()}


class _Collector:
    """Keeps what a method finds, image by image, without the images."""

    def __init__(self) -> None:
        self._heads: list[tuple[int, int, int, int]] = []  # number, stamp, width, height
        self._seconds: list[tuple[float, float]] = []
        self._ids: list[NDArray[Any]] = [np.zeros(0, np.int64)]
        self._keypoints: list[FloatArray] = [np.zeros((0, 2), np.float32)]
        self._sigmas: list[FloatArray] = [np.zeros(0, np.float32)]

    def add(self, shot: Shot, points: Points, image_seconds: float) -> None:
        height, width = shot.image.shape[:2]
        number = UNKNOWN if shot.number is None else shot.number
        unknown = np.full(len(points.ids), np.nan, np.float32)
        self._heads.append((number, shot.stamp_ns, width, height))
        self._seconds.append((points.seconds, image_seconds))
        self._ids.append(np.array(points.ids, np.int64))
        self._keypoints.append(np.array(points.keypoints, np.float32).reshape(-1, 2))
        self._sigmas.append(unknown if points.sigmas is None else points.sigmas)

    def joined(self) -> Predictions:
        heads = np.array(self._heads, np.int64).reshape(-1, 4)
        return Predictions(
            numbers=heads[:, 0],
            stamps_ns=heads[:, 1],
            sizes=heads[:, 2:],
            seconds=np.array(self._seconds, np.float64).reshape(-1, 2),
            ends=np.cumsum([len(each) for each in self._ids[1:]], dtype=np.int64),
            ids=np.concatenate(self._ids),
            keypoints=np.concatenate(self._keypoints),
            sigmas=np.concatenate(self._sigmas),
        )
