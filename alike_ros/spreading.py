"""Keypoints spread over the image: the best of each cell, and none close to a better one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

# Cells whose points may be closer than the diagonal of a cell: 5 x 5 without the corners.
_NEAR = np.ones((5, 5), np.uint8)
_NEAR[::4, ::4] = 0
_STEPS = np.argwhere(_NEAR) - 2  # (21, 2)
_BORDER = 2


def best_in_cells(points: np.ndarray, scores: np.ndarray, cell: float, count: int) -> Indices:
    """Return the rows, in order, of the `count` best scores in each square cell.

    points: (N, 2) px; (-0.5, -0.5), the image's corner, is a corner of the first cell.
    scores: (N,); of equal ones the first counts.
    cell: side in px.
    """
    x, y = _cells(points, cell).T
    key = y * (x.max(initial=0) + 1) + x
    order = np.lexsort((-scores, key))
    grouped = key[order]
    begins = np.flatnonzero(np.diff(grouped, prepend=-1))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    return np.sort(order[place < count])


def apart(points: np.ndarray, scores: np.ndarray, distance: float) -> Indices:
    """Return the rows, in order, that a walk from the best score down keeps.

    A point goes when one kept before it is closer than `distance` px. The walk is done in
    rounds over a grid of cells, of which no two points of one cell can both stay: a point that
    is better than the best of all cells near it stays, those that it covers go.

    points: (N, 2) px; scores: (N,); of equal ones the first counts.
    """
    order = np.argsort(-scores, kind='stable')
    kept = np.zeros(len(points), bool)
    # Cells a little smaller than their diagonal allows: two points of one cell are closer.
    places = _cells(points[order], distance * 0.7071) + _BORDER
    width, height = places.max(axis=0, initial=0) + _BORDER + 1
    cells = places[:, 1] * width + places[:, 0]
    steps = _STEPS @ np.array([width, 1])
    xy = np.ascontiguousarray(points[order], np.float32)
    left = np.arange(len(order))  # ranks of the points not decided yet
    while len(left):
        best = np.full(width * height, np.float32(len(order)), np.float32)
        best[cells[left[::-1]]] = left[::-1]  # the last written is the best
        around = cv2.erode(best.reshape(height, width), _NEAR).ravel()
        tops = left[around[cells[left]] == left]
        kept[order[tops]] = True
        winner = np.full(width * height, -1, np.int32)
        winner[cells[tops]] = tops
        left = left[winner[cells[left]] < 0]
        left = left[~_covered(xy, left, winner, cells, steps, distance)]
    return np.flatnonzero(kept)


def _covered(
    xy: np.ndarray,
    left: Indices,
    winner: NDArray[np.int32],
    cells: Indices,
    steps: Indices,
    distance: float,
) -> NDArray[np.bool_]:
    """Return which of the points left have a winner closer than `distance` in a cell near."""
    near = winner[cells[left][:, None] + steps]  # (L, 21)
    rows, columns = np.nonzero(near >= 0)
    difference = xy[left[rows]] - xy[near[rows, columns]]
    close = np.einsum('ij,ij->i', difference, difference) < np.float32(distance) ** 2
    covered = np.zeros(len(left), bool)
    covered[rows[close]] = True
    return covered


def _cells(points: np.ndarray, side: float) -> Indices:
    return ((np.asarray(points) + 0.5) / side).astype(np.intp)
