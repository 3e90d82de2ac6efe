"""The page of `alike eval hpatches`: accuracy over thresholds, and matches right and wrong."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.drawing import to_rgb
from alike_ros.evaluation.contact_sheet import spread
from alike_ros.evaluation.hpatches import CURVE, THRESHOLDS, Accuracy, accuracy_table
from alike_ros.evaluation.pages.pictures import fitted
from alike_ros.evaluation.planar import PlanarPair, transfer
from alike_ros.evaluation.plane_matches import MatchedPair
from alike_ros.page import Page
from alike_ros.structures import ImageArray

RIGHT_PX = 3.0
RIGHT_COLOUR, WRONG_COLOUR = (40, 200, 60), (230, 40, 40)
MOST_LINES = 200
WIDTH = 900  # px
SAMPLES = 3


def hpatches_page(
    title: str, means: Mapping[str, Accuracy], published: Mapping[str, Accuracy]
) -> Page:
    """Return the page without pictures."""
    page = Page(title)
    table = accuracy_table(means)
    page.table(table.heads, table.rows)
    curves = {name: (CURVE, each.mma) for name, each in means.items()}
    page.lines(curves, 'px', 'matches within (MMA)')
    curves = {name: (THRESHOLDS, each.mha) for name, each in means.items()}
    page.lines(curves, 'px', 'homographies within (MHA)')
    if published:
        page.heading('Published, 540 pairs')
        table = accuracy_table(published)
        page.table(table.heads, table.rows)
    return page


class Samples:
    """Pictures of pairs: the SAMPLES with the lowest share of right matches of our method."""

    def __init__(self) -> None:
        self._worst: list[tuple[float, list[tuple[ImageArray, str]]]] = []

    def add(self, pair: PlanarPair, found: Mapping[str, MatchedPair], ours: Accuracy) -> None:
        """Draw a pair if it is among the worst so far."""
        share = ours.mma[CURVE.index(round(RIGHT_PX))]
        if len(self._worst) == SAMPLES and share >= self._worst[-1][0]:
            return
        pictures = [_picture(pair, name, each) for name, each in found.items()]
        self._worst.append((share, pictures))
        self._worst = sorted(self._worst, key=lambda each: each[0])[:SAMPLES]

    def show(self, page: Page) -> None:
        page.heading('Where it failed')
        page.text(
            f'The pairs with the lowest share of matches within {RIGHT_PX:.0f} px; green: these, '
            f'red: the others; at most {MOST_LINES} of each picture are drawn.'
        )
        for _, pictures in self._worst:
            page.strip(pictures)


def _picture(pair: PlanarPair, name: str, found: MatchedPair) -> tuple[ImageArray, str]:
    errors = np.linalg.norm(transfer(pair.homography, found.a) - found.b, axis=1)
    right = errors <= RIGHT_PX
    picture = fitted(draw_matches(pair.image_a, pair.image_b, found, right), WIDTH)
    return picture, f'{pair.name}, {name}: {right.sum()} of {len(right)} right'


def draw_matches(
    image_a: ImageArray, image_b: ImageArray, found: MatchedPair, right: NDArray[np.bool_]
) -> ImageArray:
    """Return both images side by side with lines between matches, green where `right` (M,)."""
    (height_a, width_a), (height_b, width_b) = image_a.shape[:2], image_b.shape[:2]
    canvas = np.zeros((max(height_a, height_b), width_a + width_b, 3), np.uint8)
    canvas[:height_a, :width_a] = to_rgb(image_a)
    canvas[:height_b, width_a:] = to_rgb(image_b)
    thickness = max(1, round(canvas.shape[1] / WIDTH))
    rows = np.array(spread(len(right), MOST_LINES), np.intp)
    for row in rows[np.argsort(right[rows], kind='stable')]:  # the right ones on top
        a, b = np.rint(found.a[row]).astype(int), np.rint(found.b[row] + [width_a, 0]).astype(int)
        colour = RIGHT_COLOUR if right[row] else WRONG_COLOUR
        cv2.line(canvas, a.tolist(), b.tolist(), colour, thickness, cv2.LINE_AA)
    return canvas
