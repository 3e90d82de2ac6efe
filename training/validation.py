"""How good weights are, on photos that are held out: through the library, as users run them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alike_ros.evaluation.planar import (
    PlanarPair,
    PlanarScore,
    mean_score,
    planar_scores,
    read_planar_sequence,
)
from alike_ros.extractor import Extractor
from training.config import TrainingConfig
from training.pairs import make_pair
from training.photos import Photo
from training.warps import CALM, Motion

SIDE = 448  # px
WIDE = Motion(rotation=60.0, scale=2.0, tilt=50.0, shift=0.1)
KEYPOINTS = 500
SEED = 20221


def validation_pairs(photos: Sequence[Photo], config: TrainingConfig) -> list[PlanarPair]:
    """Return the same pairs every time: half as in a video, half wide, and those of noise."""
    pairs = []
    for index in range(config.validation_pairs):
        rng = np.random.default_rng((SEED, index))
        motion = WIDE if index % 2 else CALM
        pair = make_pair(rng, photos[index % len(photos)], SIDE, motion)
        pairs.append(PlanarPair(f'held out {index}', *pair.seen, pair.homography))
    if config.noise_images:
        pairs += read_planar_sequence(Path(config.noise_images))
    return pairs


def validate(pairs: Sequence[PlanarPair], weights: Path, config: TrainingConfig) -> PlanarScore:
    """Return the mean score of a file of weights, at a fixed count of keypoints."""
    with Extractor(
        model=config.model,
        weights=str(weights),
        backend='torch',
        device=config.device,
        top_k=KEYPOINTS,
    ) as extractor:
        return mean_score(planar_scores(pairs, extractor))


def quality(score: PlanarScore) -> float:
    """Return the value by which the best weights are kept; homographies of few pairs are noise."""
    return score.accuracy + score.repeatability
