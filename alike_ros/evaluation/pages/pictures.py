"""Images with the tracks of predictions on them, and what went wrong there marked."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.drawing import TrackHistory, draw_crosses, draw_tracks
from alike_ros.evaluation.predictions import Predictions, Shot
from alike_ros.evaluation.tracking import EPIPOLAR_PX
from alike_ros.geometry import inliers
from alike_ros.structures import ImageArray

TAIL = 10  # images
OUTLIER_COLOUR = (255, 0, 255)
LEGEND = (
    'Tracks with their tails, blue when new to red when old; grey crosses: tracks seen last in '
    'the image before; magenta crosses: tracks that do not fit one fundamental matrix with the '
    'others within 1 px.'
)


def chosen_images(shots: Iterable[Shot], rows: Iterable[int]) -> dict[int, ImageArray]:
    """Return the images of these rows; others are read and let go."""
    wanted = set(rows)
    found = {}
    for row, shot in enumerate(shots):
        if row in wanted:
            found[row] = shot.image
        if len(found) == len(wanted):
            break
    return found


class TrackPictures:
    """Draws the images of one method's predictions."""

    def __init__(self, found: Predictions) -> None:
        self._found = found
        self._ages, self._is_last = _ages_and_ends(found)

    def lost_ids(self, row: int) -> NDArray[np.uint64]:
        """Return the tracks that were seen last in the image before; none for the first."""
        if row == 0:
            return np.zeros(0, np.uint64)
        before = self._found.of_image(row - 1).ids
        return before[self._is_last[self._rows(row - 1)]].astype(np.uint64)

    def outliers(self, row: int) -> NDArray[np.intp]:
        """Return the rows of an image's tracks that the geometry of the pair does not explain."""
        if row == 0:
            return np.zeros(0, np.intp)
        before, now = self._found.of_image(row - 1), self._found.of_image(row)
        _, a, b = np.intersect1d(before.ids, now.ids, return_indices=True)
        agree = inliers(before.keypoints[a], now.keypoints[b], EPIPOLAR_PX)
        return np.zeros(0, np.intp) if agree is None else b[~agree]

    def draw(self, image: ImageArray, row: int) -> ImageArray:
        """Return an RGB image with the tracks that it had, lost ones and outliers marked."""
        history = TrackHistory(TAIL)
        for earlier in range(max(0, row - TAIL), row):
            seen = self._found.of_image(earlier)
            history.update(seen.ids.astype(np.uint64), seen.keypoints)
        now = self._found.of_image(row)
        history.update(now.ids.astype(np.uint64), now.keypoints, self.lost_ids(row))
        picture = draw_tracks(image, history, self._ages[self._rows(row)])
        draw_crosses(picture, now.keypoints[self.outliers(row)], OUTLIER_COLOUR)
        return picture

    def _rows(self, row: int) -> slice:
        return slice(self._found.ends[row - 1] if row else 0, self._found.ends[row])


def _ages_and_ends(found: Predictions) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return for each observation (M,) its number in its track, from 1, and if it is the last."""
    order = np.argsort(found.ids, kind='stable')
    _, firsts, counts = np.unique(found.ids[order], return_index=True, return_counts=True)
    numbers = np.arange(len(order)) - np.repeat(firsts, counts) + 1
    ages, is_last = np.zeros(len(order), np.uint32), np.zeros(len(order), bool)
    ages[order] = numbers
    is_last[order] = numbers == np.repeat(counts, counts)
    return ages, is_last


def fitted(picture: ImageArray, width: int) -> ImageArray:
    """Return a picture at most so many px wide."""
    if picture.shape[1] <= width:
        return picture
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
