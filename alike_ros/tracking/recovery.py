"""Lost tracks among the keypoints near the place where they ought to be."""

from __future__ import annotations

import cv2
import numpy as np

from alike_ros.structures import Features, FloatArray, ImageArray, View

TAKEN_PX = 2  # a keypoint nearer than this to a track is that track's


def find_again(
    descriptors: FloatArray,
    places: FloatArray,
    radii: FloatArray,
    view: View,
    taken: FloatArray,
    min_similarity: float,
) -> FloatArray:
    """Return the most similar keypoint (N, 2) px near each place, none twice; NaN for none.

    descriptors: (N, D). places: (N, 2) px, where they are looked for, radii (N,) px around.
    taken: (M, 2) px, where tracks are.
    """
    found = np.full((len(places), 2), np.nan, np.float32)
    keypoints = _candidates(view.features, places, radii, taken)
    if not len(keypoints):
        return found
    similarity = descriptors @ view.describe(keypoints).descriptors.T  # (N, K)
    squared = sum(np.subtract.outer(places[:, i], keypoints[:, i]) ** 2 for i in (0, 1))
    similarity[squared > np.square(radii)[:, None]] = -2
    nearest = similarity.argmax(axis=1)
    values = similarity[np.arange(len(places)), nearest]
    order = np.argsort(-values, kind='stable')
    _, first = np.unique(nearest[order], return_index=True)
    rows = order[first]
    rows = rows[values[rows] >= min_similarity]
    found[rows] = keypoints[nearest[rows]]
    return found


def occupied(points: FloatArray, shape: tuple[int, ...], radius: int) -> ImageArray:
    """Return a map (H, W) that is not zero within so many px of points (N, 2) px."""
    marks = np.zeros(shape, np.uint8)
    columns, rows = np.rint(points).astype(np.intp).T
    marks[rows, columns] = 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(marks, disc).astype(np.uint8, copy=False)


def _candidates(
    features: Features, places: FloatArray, radii: FloatArray, taken: FloatArray
) -> FloatArray:
    """Return the keypoints (K, 2) px near places that no track has."""
    width, height = features.image_size
    near = np.zeros((height, width), np.uint8)
    for x, y, radius in np.rint(np.column_stack([places, radii])).astype(int).tolist():
        cv2.circle(near, (x, y), radius, 1, -1)
    columns, rows = np.rint(features.keypoints).astype(np.intp).T
    free = occupied(taken, near.shape, TAKEN_PX)[rows, columns] == 0
    return features.keypoints[free & (near[rows, columns] > 0)]
