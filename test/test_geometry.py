import math

import numpy as np
import pytest

from alike_ros.geometry import common_turn, inlier_ratio, inliers, quick_inliers, sampson


def two_views(rng, count):
    """Project points in front of two cameras; (N, 2) px each."""
    points = rng.uniform(-2, 2, (count, 3)) + (0, 0, 6)
    moved = points + (0.3, 0.05, 0.1)
    return [(p[:, :2] / p[:, 2:] * 500 + 320).astype(np.float32) for p in (points, moved)]


def test_pairs_of_a_rigid_scene_are_all_inliers(rng):
    assert inlier_ratio(*two_views(rng, 200)) == 1.0


def test_wrong_pairs_are_outliers(rng):
    a, b = two_views(rng, 400)
    b[:100] = rng.uniform(0, 640, (100, 2))
    assert 0.74 < inlier_ratio(a, b) < 0.80


def test_same_pairs_give_the_same_ratio(rng):
    a, b = two_views(rng, 300)
    b[:150] += rng.uniform(-40, 40, (150, 2)).astype(np.float32)
    assert len({inlier_ratio(a, b) for _ in range(5)}) == 1


@pytest.mark.parametrize('count', [0, 1, 7])
def test_too_few_pairs_give_nan(rng, count):
    assert math.isnan(inlier_ratio(*two_views(rng, count)))


def test_points_on_one_spot_give_nan_not_an_error():
    spot = np.full((50, 2), 7, np.float32)
    assert math.isnan(inlier_ratio(spot, spot))


@pytest.mark.parametrize('flat', [False, True])
def test_the_quick_way_finds_the_inliers_of_the_other_one(rng, flat):
    points = rng.uniform(-2, 2, (600, 3)) * (1, 1, 0.01 if flat else 1) + (0, 0, 6)
    a, b = (p[:, :2] / p[:, 2:] * 500 + 320 for p in (points, points + (0.3, 0.05, 0.1)))
    b += rng.normal(0, 0.2, b.shape)
    b[:60] += rng.uniform(5, 40, (60, 2))
    quick, thorough = quick_inliers(a, b, 1.0), inliers(a, b, 1.0)
    assert (quick == thorough).mean() > 0.97
    assert quick[60:].mean() > 0.98 and quick[:60].mean() < 0.3
    assert (quick_inliers(a, b, 1.0) == quick).all()


def test_the_quick_way_needs_enough_pairs_apart(rng):
    assert quick_inliers(*two_views(rng, 7), 1.0) is None
    spot = np.full((50, 2), 7, np.float32)
    found = quick_inliers(spot, spot, 1.0)
    assert found is None or found.all()


def test_the_common_turn_is_that_of_most_points(rng):
    turn = 1.2 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    before = rng.uniform(0, 600, (200, 2)).astype(np.float32)
    after = (before @ turn.T + [30, -200] + rng.normal(0, 0.2, before.shape)).astype(np.float32)
    after[:80] = rng.uniform(0, 600, (80, 2))
    assert np.allclose(common_turn(before, after), turn, atol=0.01)


def test_points_that_tell_no_turn_give_none(rng):
    few, spot = rng.uniform(0, 600, (7, 2)).astype(np.float32), np.ones((50, 2), np.float32)
    for points in (few, spot, few[:0]):
        assert np.array_equal(common_turn(points, points), np.eye(2))
    many = rng.uniform(0, 600, (50, 2)).astype(np.float32)
    assert np.array_equal(common_turn(many, 3 * many), np.eye(2))
    assert np.array_equal(common_turn(many, 0 * many), np.eye(2))


def test_sampson_is_the_squared_distance_to_the_epipolar_line_to_first_order(rng):
    sideways = np.float64([[0, 0, 0], [0, 0, -1], [0, 1, 0]])  # lines are rows
    a, off = rng.uniform(0, 640, (20, 2)), rng.uniform(-2, 2, 20)
    b = a + np.column_stack([rng.uniform(5, 50, 20), off])
    assert np.allclose(sampson(sideways, a, b), off**2 / 2)
