"""A video without ground truth: matches that obey one geometry, and the length of tracks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from alike_ros.extractor import Extractor
from alike_ros.geometry import inlier_ratio
from alike_ros.matching import match_mutual
from alike_ros.structures import Features, ImageArray, Matches


@dataclass(frozen=True)
class VideoScore:
    """keypoints, matches: mean count an image and a pair of consecutive images.

    inlier_ratio: share of the matches under one fundamental matrix, mean over the pairs.
    track_length: images, mean over all tracks that were seen at least twice.
    """

    keypoints: float
    matches: float
    inlier_ratio: float
    track_length: float


def video_score(images: Iterable[ImageArray], extractor: Extractor) -> VideoScore:
    """Extract every image and match consecutive ones mutually, without any threshold."""
    return score_features([extractor.extract(image) for image in images])


def score_features(features: Sequence[Features]) -> VideoScore:
    """Judge the features of consecutive images."""
    pairs = list(zip(features[:-1], features[1:], strict=True))
    matched = [match_mutual(a.descriptors, b.descriptors) for a, b in pairs]
    ratios = [
        inlier_ratio(a.keypoints[m.index_a], b.keypoints[m.index_b])
        for (a, b), m in zip(pairs, matched, strict=True)
    ]
    return VideoScore(
        float(np.mean([len(each) for each in features])),
        float(np.mean([len(matches) for matches in matched])),
        float(np.nanmean(ratios)),
        mean_track_length(matched, [len(each) for each in features]),
    )


def mean_track_length(matched: Sequence[Matches], counts: Sequence[int]) -> float:
    """Return the mean length, images, of chains of matches; single keypoints do not count.

    matched: between image i and i + 1. counts: keypoints of each image.
    """
    ages, lengths = np.ones(counts[0], int), []
    for matches, count in zip(matched, counts[1:], strict=True):
        ended = np.ones(len(ages), bool)
        ended[matches.index_a] = False
        lengths.append(ages[ended])
        following = np.ones(count, int)
        following[matches.index_b] = ages[matches.index_a] + 1
        ages = following
    chains = np.concatenate([*lengths, ages])
    return float(chains[chains > 1].mean()) if (chains > 1).any() else 0.0
