"""Score map to keypoints: non-maximum suppression, selection, sub-pixel refinement.

Source: ALIKE paper, section III-B, differentiable keypoint detection: soft-argmax of the 5 x 5
patch around a maximum, temperature 0.1; the dispersity of the same patch gives sigma.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.config import DetectorConfig
from alike_ros.spreading import apart, best_in_cells
from alike_ros.stages import stage
from alike_ros.structures import Features, FloatArray, ImageArray

RADIUS = 2
TEMPERATURE = 0.1
# px², of keypoints matched over the known homographies of boat, bark and iguazu
LEAST_VARIANCE, VARIANCE_SHARE = np.float32(0.36), np.float32(0.25)
SUPPRESSION_ROUNDS = 2
REACH = RADIUS + 2 * RADIUS * SUPPRESSION_ROUNDS  # px that a pixel's survival depends on
BAND_PIXELS = 2**18
# What the published networks answer to featureless surfaces stays below this (measured: 0.002 to
# 0.02; alike-s up to 0.11). Only the top-k mode needs it: there no threshold keeps it out.
SCORE_FLOOR = 0.02

_SIDE = 2 * RADIUS + 1
_WINDOW = np.ones((_SIDE, _SIDE), np.uint8)
_OFFSETS = np.stack(
    np.meshgrid(np.arange(-RADIUS, RADIUS + 1), np.arange(-RADIUS, RADIUS + 1)), axis=-1
).reshape(-1, 2)  # (25, 2) x, y in the order of a patch's rows


@dataclass(frozen=True)
class Detections:
    """keypoints (N, 2) px, scores (N,), sigmas (N,) px: float32, best score first."""

    keypoints: FloatArray
    scores: FloatArray
    sigmas: FloatArray


@stage('detect')
def detect(
    score_map: FloatArray, config: DetectorConfig, mask: ImageArray | None = None
) -> Detections:
    """Find the keypoints of a score map (H, W) with values in [0, 1].

    Mask and spreading act between suppression and selection: what a limit keeps is chosen among
    the points that they leave, and no other point changes.

    mask: (H, W), zero where no keypoint may lie.
    """
    pixels = candidates(score_map, local_maxima(score_map), config)  # (N,) flat indices
    if mask is not None or config.cell_size or config.min_distance:
        pixels = _thinned(score_map, pixels, config, mask)
    pixels = select(score_map, pixels, config)
    keypoints, sigmas = _located(score_map, pixels, config)
    scores = score_map.ravel()[pixels]
    if config.sub_pixel:
        scores = sample_bilinear(score_map, keypoints)
    order = np.argsort(-scores, kind='stable')
    return Detections(keypoints[order], scores[order], sigmas[order])


def _located(
    score_map: FloatArray, pixels: NDArray[np.intp], config: DetectorConfig
) -> tuple[FloatArray, FloatArray]:
    """Return the keypoints (N, 2) px of maxima, and their sigmas (N,) px."""
    offsets, sigmas = refine(gather_patches(score_map, pixels))
    rows, columns = np.divmod(pixels, score_map.shape[1])
    keypoints = np.stack([columns, rows], axis=1).astype(np.float32)
    if config.sub_pixel:
        keypoints += offsets
    return keypoints, sigmas


def _thinned(
    score_map: FloatArray,
    pixels: NDArray[np.intp],
    config: DetectorConfig,
    mask: ImageArray | None,
) -> NDArray[np.intp]:
    """Return the maxima, in order, whose keypoints mask, cells and least distance leave."""
    keypoints, _ = _located(score_map, pixels, config)
    scores = score_map.ravel()[pixels]
    kept = np.arange(len(pixels))
    if mask is not None:
        columns, rows = np.rint(keypoints).astype(np.intp).T
        kept = np.flatnonzero(mask[rows, columns])
    if config.cell_size:
        side, count = max(config.cell_size, 1.0), config.max_per_cell
        kept = kept[best_in_cells(keypoints[kept], scores[kept], side, count)]
    if config.min_distance:
        distance = max(config.min_distance, 1.0)  # bounds the memory; maxima lie 3 px apart
        kept = kept[apart(keypoints[kept], scores[kept], distance)]
    return pixels[kept]


def described_points(
    detections: Detections, config: DetectorConfig, image_size: tuple[int, int]
) -> FloatArray:
    """Return the points (N, 2) px of an image (width, height) that descriptors are taken at."""
    if config.sub_pixel:
        return detections.keypoints
    return _published_pixels(detections.keypoints, image_size)


def _published_pixels(keypoints: FloatArray, image_size: tuple[int, int]) -> FloatArray:
    """Return the pixels at which the original code describes keypoints without sub-pixel mode.

    It takes them through coordinates in [-1, 1] and truncates what comes back, so that about a
    fifth lands one pixel left of or above the keypoint. Followed here so that descriptors equal
    the published ones.
    """
    last = np.array(image_size, np.float32) - 1
    normalised = keypoints / last * np.float32(2) - np.float32(1)
    return np.trunc((normalised + np.float32(1)) / np.float32(2) * last)


def scores_at(score_map: FloatArray, points: FloatArray) -> FloatArray:
    """Return the scores (N,) at any points (N, 2) px.

    Nearer to the border than the patch around a keypoint reaches, they are those further inside.
    """
    height, width = score_map.shape
    last = np.maximum([width, height] - np.array(RADIUS + 1), RADIUS)
    return sample_bilinear(score_map, np.clip(points, RADIUS, last))


def to_features(
    detections: Detections, descriptors: FloatArray, image_size: tuple[int, int]
) -> Features:
    """Join what was detected and what was computed there."""
    return Features(
        detections.keypoints, detections.scores, descriptors, detections.sigmas, image_size
    )


def local_maxima(score_map: FloatArray) -> NDArray[np.bool_]:
    """Return the mask (H, W) of pixels that survive non-maximum suppression.

    A pixel survives when it is the largest of its 5 x 5 neighbourhood. In two more rounds the
    same is asked among the pixels that no survivor covers yet. Pixels whose patch would leave
    the image are no survivors. Done in bands of rows that overlap by what a pixel depends on.
    """
    height, width = score_map.shape
    rows = max(BAND_PIXELS // width, REACH)
    maxima = np.empty(score_map.shape, bool)
    for top in range(0, height, rows):
        first = max(top - REACH, 0)
        band = _survivors(score_map[first : top + rows + REACH])
        maxima[top : top + rows] = band[top - first : top - first + rows]
    maxima[: RADIUS + 1] = maxima[-RADIUS:] = False
    maxima[:, : RADIUS + 1] = maxima[:, -RADIUS:] = False
    return maxima


def _survivors(score_map: FloatArray) -> NDArray[np.bool_]:
    maxima = score_map == cv2.dilate(score_map, _WINDOW)
    for _ in range(SUPPRESSION_ROUNDS):
        free = cv2.dilate(maxima.view(np.uint8), _WINDOW) == 0
        rest = cv2.copyTo(score_map, free.view(np.uint8))  # zero where covered
        maxima |= (rest == cv2.dilate(rest, _WINDOW)) & free
    return maxima


def candidates(
    score_map: FloatArray, maxima: NDArray[np.bool_], config: DetectorConfig
) -> NDArray[np.intp]:
    """Return the flat indices (N,), row by row, of the maxima whose score is high enough."""
    least = SCORE_FLOOR if config.top_k > 0 else config.scores_th
    return np.flatnonzero(maxima & (score_map > np.float32(least)))


def select(
    score_map: FloatArray, pixels: NDArray[np.intp], config: DetectorConfig
) -> NDArray[np.intp]:
    """Return the best of pixels given by flat indices, as many as the configuration keeps."""
    limit = min(config.top_k, config.n_limit) if config.top_k > 0 else config.n_limit
    if len(pixels) <= limit:
        return pixels
    return pixels[np.argsort(-score_map.ravel()[pixels], kind='stable')[:limit]]


def gather_patches(score_map: FloatArray, pixels: NDArray[np.intp]) -> FloatArray:
    """Return the 5 x 5 neighbourhoods (N, 25) of pixels given by flat indices."""
    steps = _OFFSETS[:, 1] * score_map.shape[1] + _OFFSETS[:, 0]  # (25,)
    return score_map.ravel()[pixels[:, None] + steps]


def refine(patches: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the soft-argmax (N, 2) px from the patch's centre, and sigma (N,) px.

    The softmax's variance along an axis (dispersity / 2 in the terms of the paper, times the
    squared radius) says a little of how far off a keypoint is; most of that is the same for all.
    """
    weights = np.exp((patches - patches.max(axis=1, keepdims=True)) / np.float32(TEMPERATURE))
    weights /= weights.sum(axis=1, keepdims=True)
    grid = _OFFSETS.astype(np.float32)
    offsets = weights @ grid  # (N, 2)
    squares = weights @ np.square(grid)  # (N, 2)
    variance = (squares - np.square(offsets)).mean(axis=1)
    return offsets, np.sqrt(LEAST_VARIANCE + VARIANCE_SHARE * np.maximum(variance, 0))


def sample_bilinear(score_map: FloatArray, points: FloatArray) -> FloatArray:
    """Return the score map's values (N,) at points (N, 2) px inside the image."""
    height, width = score_map.shape
    corner = np.clip(np.floor(points).astype(np.intp), 0, [width - 2, height - 2])
    (fx, fy), (x, y) = (points - corner).astype(np.float32).T, corner.T
    top = score_map[y, x] * (1 - fx) + score_map[y, x + 1] * fx
    bottom = score_map[y + 1, x] * (1 - fx) + score_map[y + 1, x + 1] * fx
    return top * (1 - fy) + bottom * fy
