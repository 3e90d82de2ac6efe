"""Batches of homographic pairs: each is a function of photos, configuration, seed and step.

So a run needs no saved generator to go on exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import ImageArray
from training.config import TrainingConfig
from training.photometry import degrade
from training.photos import Photo
from training.warps import (
    CALM,
    Array,
    Motion,
    inverse,
    random_homography,
    random_view,
    render,
    scale_at,
    visible,
)

WIDTH_AT_START = 0.2
ZOOM = (0.45, 1.0)  # view px per photo px


@dataclass(frozen=True)
class Pair:
    """Two views (S, S, 3) of a photo.

    clean: as the photo is; seen: under other light, by worse cameras.
    homography: (3, 3) from view a to view b, px.
    valid: masks (S, S) of what lies on the photo.
    """

    clean: tuple[ImageArray, ImageArray]
    seen: tuple[ImageArray, ImageArray]
    homography: Array
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True)
class Batch:
    """B pairs; row b of the first half is view a of pair b, row B + b is view b.

    clean, seen: (2B, S, S, 3) uint8. valid: (2B, S, S) bool.
    homographies: (2B, 3, 3) float32, from each view to its partner.
    """

    clean: ImageArray
    seen: ImageArray
    valid: NDArray[np.bool_]
    homographies: NDArray[np.float32]


def make_pair(rng: np.random.Generator, photo: Photo, side: int, motion: Motion) -> Pair:
    """Draw two views of a photo."""
    a_to_b = random_homography(rng, side, motion)
    [growth] = scale_at(a_to_b, np.full((1, 2), (side - 1) / 2))
    zoom = rng.uniform(*ZOOM) / np.sqrt(growth)
    view_a = random_view(rng, photo, side, zoom)
    view_b = a_to_b @ view_a
    if rng.random() < 0.5:
        view_a, view_b, a_to_b = view_b, view_a, inverse(a_to_b)
    clean = render(photo, view_a, side), render(photo, view_b, side)
    seen = degrade(rng, clean[0]), degrade(rng, clean[1])
    valid = visible(photo, view_a, side), visible(photo, view_b, side)
    return Pair(clean, seen, a_to_b, valid)


def motion_at(rng: np.random.Generator, step: int, config: TrainingConfig) -> Motion:
    """Draw how far apart the views of a pair are; what is possible widens with the steps."""
    if rng.random() < config.calm_share:
        return CALM
    progress = min(1.0, step / config.widen_steps) if config.widen_steps else 1.0
    width = WIDTH_AT_START + (1 - WIDTH_AT_START) * progress
    turn, zoom, tilt = rng.random(3) ** 0.5  # each wide on its own; turns seldom
    return Motion(
        config.rotation_max * width * turn**3,
        config.scale_max ** (width * zoom),
        config.tilt_max * width * tilt,
        0.2 * width,
    )


def batch_at(step: int, photos: Sequence[Photo], config: TrainingConfig) -> Batch:
    """Return the pairs of one step."""
    pairs = []
    for index in range(config.batch):
        rng = np.random.default_rng((config.seed, step, index))
        photo = photos[int(rng.integers(len(photos)))]
        pairs.append(make_pair(rng, photo, config.crop, motion_at(rng, step, config)))
    return stack(pairs)


def stack(pairs: Sequence[Pair]) -> Batch:
    """Join pairs into a batch."""
    forth = [pair.homography for pair in pairs]
    back = [inverse(pair.homography) for pair in pairs]
    return Batch(
        np.stack([pair.clean[view] for view in (0, 1) for pair in pairs]),
        np.stack([pair.seen[view] for view in (0, 1) for pair in pairs]),
        np.stack([pair.valid[view] for view in (0, 1) for pair in pairs]),
        np.stack(forth + back).astype(np.float32),
    )


def batches(
    first: int, photos: Sequence[Photo], config: TrainingConfig
) -> Iterator[tuple[int, Batch]]:
    """Yield step and batch from a step on; the next batch is made while one is used."""
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(batch_at, first, photos, config)
        for step in range(first, config.steps):
            batch = waiting.result()
            if step + 1 < config.steps:
                waiting = worker.submit(batch_at, step + 1, photos, config)
            yield step, batch
