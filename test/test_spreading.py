"""Spreading equals its definition, point by point."""

import numpy as np
import pytest

from alike_ros.spreading import apart, best_in_cells


def walk(points, scores, distance):
    """From the best score down, keep what is not closer than the distance to one kept before."""
    kept = []
    for row in np.argsort(-scores, kind='stable'):
        if all(np.linalg.norm(points[row] - points[other]) >= distance for other in kept):
            kept.append(row)
    return sorted(kept)


def random_points(rng, count, levels=None):
    points = (rng.random((count, 2)) * (320, 200) - 0.5).astype(np.float32)
    scores = rng.random(count).astype(np.float32)
    return points, scores if levels is None else np.floor(scores * levels)


@pytest.mark.parametrize('distance', [1, 3.5, 12, 45, 400])
@pytest.mark.parametrize('levels', [None, 3])
def test_least_distance_equals_the_greedy_walk_also_with_ties(rng, distance, levels):
    points, scores = random_points(rng, 600, levels)
    assert apart(points, scores, distance).tolist() == walk(points, scores, distance)


def test_points_at_exactly_the_least_distance_both_stay():
    points = np.array([[10, 10], [15, 10], [19, 10]], np.float32)
    assert apart(points, np.array([0.9, 0.8, 0.7]), 5).tolist() == [0, 1]


@pytest.mark.parametrize('cell', [4.0, 17.5, 1000.0])
@pytest.mark.parametrize('count', [1, 3])
def test_each_cell_keeps_its_best(rng, cell, count):
    points, scores = random_points(rng, 600, levels=20)
    cells = np.floor((points + 0.5) / cell).astype(int)
    expected = []
    for place in np.unique(cells, axis=0):
        rows = np.flatnonzero((cells == place).all(axis=1))
        expected += list(rows[np.argsort(-scores[rows], kind='stable')[:count]])
    assert best_in_cells(points, scores, cell, count).tolist() == sorted(expected)


def test_no_points_are_spread_to_none():
    none, scores = np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    assert len(apart(none, scores, 10)) == len(best_in_cells(none, scores, 10, 2)) == 0
