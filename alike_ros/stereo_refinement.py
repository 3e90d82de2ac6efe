"""Disparities of stereo matches, measured again on the images.

A keypoint is placed in each image for itself; the same patch looked for in both is two to three
times nearer to the truth, and where no patch is alike the match is wrong (docs/cameras.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.stereo_camera import Array, StereoCamera
from alike_ros.structures import ImageArray

RADIUS = 3  # px of the patches
SEARCH = 2  # px to both sides of the right keypoint
# Of a refined disparity, in px. Least squares takes the noise of pixels for independent, which
# after interpolation it is not; fitted on Middlebury's motorcycle.
SIGMA_FLOOR, SIGMA_FACTOR = 0.12, 2.5
CHUNK = 16384  # points at a time; cv2.remap takes 32767 rows

_SIDE = 2 * RADIUS + 1


@dataclass(frozen=True)
class Refined:
    """disparities, sigmas (M,) px; correlations (M,), NaN where the best shift is at the end."""

    disparities: Array
    sigmas: Array
    correlations: Array


def refine_disparities(
    camera: StereoCamera,
    images: tuple[ImageArray, ImageArray],
    left: Array,
    right: Array,
) -> Refined:
    """Shift right patches along their rows to where they correlate best with the left ones.

    The patches are squares of rectified pixels, so they are alike in unrectified images too.

    images: left and right, (H, W, 3) RGB or (H, W) grey.
    left, right: (M, 2) rectified px of matched keypoints.
    """
    start = np.column_stack([right[:, 0], left[:, 1]])
    curves = np.empty((len(left), 2 * SEARCH + 1))
    grey_left, grey_right = map(_grey, images)
    for first in range(0, len(left), CHUNK):
        rows = slice(first, first + CHUNK)
        curves[rows] = _correlations(
            _strips(grey_left, left[rows], camera.unrectify_left),
            _strips(grey_right, start[rows], camera.unrectify_right),
        )
    shifts, sigmas, peaks = _peaks(curves)
    return Refined(left[:, 0] - right[:, 0] - shifts, sigmas, peaks)


def _correlations(left: np.ndarray, right: np.ndarray) -> Array:
    """Return the correlation (M, 2 SEARCH + 1) by shift of strips (M, S, S + 2 SEARCH).

    Half of it shifts the right patch, half the left one by as much to the other side: then the
    curve of two equal strips is symmetric, and its peak has no bias.
    """
    shifts = range(2 * SEARCH + 1)
    parts_left = [_normalised(left[:, :, shift : shift + _SIDE]) for shift in shifts]
    parts_right = [_normalised(right[:, :, shift : shift + _SIDE]) for shift in shifts]
    curves = [
        np.einsum('ij,ij->i', parts_left[SEARCH], parts_right[shift])
        + np.einsum('ij,ij->i', parts_left[2 * SEARCH - shift], parts_right[SEARCH])
        for shift in shifts
    ]
    return np.stack(curves, axis=1) / 2


def _peaks(curves: Array) -> tuple[Array, Array, Array]:
    """Return shift (M,) px, its sigma px, and the height of a parabola through the best three."""
    best = curves.argmax(axis=1)
    inside = (best > 0) & (best < 2 * SEARCH)
    middle = np.clip(best, 1, 2 * SEARCH - 1)
    before, peak, after = (curves[np.arange(len(curves)), middle + step] for step in (-1, 0, 1))
    curvature = np.where(inside, 2 * peak - before - after, np.nan)
    curvature = np.where(curvature > 1e-6, curvature, np.nan)
    offset = (after - before) / (2 * curvature)
    height = np.minimum(peak + (after - before) ** 2 / (8 * curvature), 1)
    noise = (1 - height**2) / (curvature * (_SIDE**2 - 2))
    return middle - SEARCH + offset, np.hypot(SIGMA_FLOOR, SIGMA_FACTOR * np.sqrt(noise)), height


def _normalised(patches: np.ndarray) -> np.ndarray:
    """Return patches (M, S, S) as rows (M, S * S) of mean 0 and length 1; flat ones as 0."""
    rows = patches.reshape(len(patches), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum('ij,ij->i', rows, rows))[:, None]
    return rows / np.maximum(length, 1)


def _strips(
    grey: ImageArray, centres: Array, unrectify: Callable[[np.ndarray], Array]
) -> NDArray[np.float32]:
    """Sample (M, S, S + 2 SEARCH) around rectified centres (M, 2); there a lens is affine."""
    reach = RADIUS + SEARCH
    steps_y, steps_x = np.mgrid[-RADIUS : RADIUS + 1, -reach : reach + 1]
    steps = np.stack([steps_x.ravel(), steps_y.ravel()]).astype(np.float32)  # (2, K)
    middle = unrectify(centres)
    maps = []
    along_x = unrectify(centres + [1, 0]) - middle
    along_y = unrectify(centres + [0, 1]) - middle
    for axis in (0, 1):
        jacobian = np.column_stack([along_x[:, axis], along_y[:, axis]]).astype(np.float32)
        maps.append(jacobian @ steps + middle[:, axis, None].astype(np.float32))
    sampled = cv2.remap(grey, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(len(centres), *steps_x.shape).astype(np.float32)


def _grey(image: ImageArray) -> ImageArray:
    if image.ndim == 2:
        return image
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
