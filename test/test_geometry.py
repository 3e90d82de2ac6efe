import math

import numpy as np
import pytest

from alike_ros.geometry import inlier_ratio


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
