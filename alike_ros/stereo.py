"""Matches between the two views of a stereo camera, and the depths that they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alike_ros.config import StereoConfig
from alike_ros.matching import Indices, match_candidates
from alike_ros.stereo_camera import Array, StereoCamera
from alike_ros.stereo_refinement import refine_disparities
from alike_ros.structures import Features, FloatArray, ImageArray, Matches


@dataclass(frozen=True)
class StereoMatches:
    """Pairs of a left (a) and a right (b) row; row i of every array is the same pair.

    disparities, disparity_sigmas: (M,) px of the rectified pair (see `StereoCamera`).
    epipolar_errors: (M,) px, by which the right keypoint lies below its row.
    depths, depth_sigmas: (M,) m along the left camera's optical axis.
    """

    matches: Matches
    disparities: FloatArray
    disparity_sigmas: FloatArray
    epipolar_errors: FloatArray
    depths: FloatArray
    depth_sigmas: FloatArray

    def __len__(self) -> int:
        return len(self.matches)

    def depths_of_left(self, count: int) -> tuple[FloatArray, FloatArray]:
        """Return depth and sigma (count,) m of each left row; NaN without a match."""
        depths, sigmas = np.full((2, count), np.nan, np.float32)
        depths[self.matches.index_a] = self.depths
        sigmas[self.matches.index_a] = self.depth_sigmas
        return depths, sigmas


def match_stereo(
    camera: StereoCamera,
    left: Features,
    right: Features,
    config: StereoConfig,
    images: tuple[ImageArray, ImageArray] | None = None,
) -> StereoMatches:
    """Pair keypoints that are each other's most similar among those that geometry allows.

    Allowed are keypoints within `epipolar_tolerance` of the row, and of a depth in range.

    images: left and right, as the features are of; with them disparities are refined, and
        matches whose surroundings are not alike go. Without, disparities are as good as the
        keypoints, and their sigma is that of both.
    """
    a, b = camera.rectify_left(left.keypoints), camera.rectify_right(right.keypoints)
    index_a, index_b = near_rows(a[:, 1], b[:, 1], config.epipolar_tolerance)
    possible = _in_range(camera, a, a[index_a, 0] - b[index_b, 0], index_a, config)
    matches = match_candidates(
        left.descriptors,
        right.descriptors,
        index_a[possible],
        index_b[possible],
        config.stereo_similarity,
    )
    index_a, index_b = matches.index_a, matches.index_b
    if images is None:
        disparities = a[index_a, 0] - b[index_b, 0]
        sigmas = np.hypot(left.sigmas[index_a], right.sigmas[index_b])
        kept = np.arange(len(matches))
    else:
        refined = refine_disparities(camera, images, a[index_a], b[index_b])
        disparities, sigmas = refined.disparities, refined.sigmas
        alike = refined.correlations >= config.stereo_correlation
        kept = np.flatnonzero(alike & _in_range(camera, a, disparities, index_a, config))
    matches = Matches(index_a[kept], index_b[kept], matches.similarity[kept])
    return _with_depths(camera, a, b, matches, disparities[kept], sigmas[kept])


def _in_range(
    camera: StereoCamera, a: Array, disparities: Array, index_a: Indices, config: StereoConfig
) -> NDArray[np.bool_]:
    """Return where the depth lies in range; never at disparities of 0 and less, or NaN."""
    positive = np.where(disparities > 0, disparities, np.nan)
    depths = camera.depth(a[index_a], positive)
    return (depths >= config.min_depth) & (depths <= config.max_depth)


def _with_depths(
    camera: StereoCamera,
    a: Array,
    b: Array,
    matches: Matches,
    disparities: Array,
    sigmas: Array,
) -> StereoMatches:
    """Depth is inverse to disparity, so that its relative sigma is the same."""
    depths = camera.depth(a[matches.index_a], disparities)
    return StereoMatches(
        matches=matches,
        disparities=disparities.astype(np.float32),
        disparity_sigmas=sigmas.astype(np.float32),
        epipolar_errors=(b[matches.index_b, 1] - a[matches.index_a, 1]).astype(np.float32),
        depths=depths.astype(np.float32),
        depth_sigmas=(depths * sigmas / disparities).astype(np.float32),
    )


def near_rows(rows_a: Array, rows_b: Array, tolerance: float) -> tuple[Indices, Indices]:
    """Return all pairs (P,), (P,) of values at most `tolerance` apart; NaN pairs with nothing."""
    order_b = np.argsort(rows_b, kind='stable')
    ordered = rows_b[order_b]
    begins = np.searchsorted(ordered, rows_a - tolerance, 'left')
    ends = np.searchsorted(ordered, rows_a + tolerance, 'right')
    counts = np.where(np.isfinite(rows_a), ends - begins, 0)
    index_a = np.repeat(np.arange(len(rows_a)), counts)
    within = np.arange(len(index_a)) - np.repeat(np.cumsum(counts) - counts, counts)
    return index_a, order_b[np.repeat(begins, counts) + within]
