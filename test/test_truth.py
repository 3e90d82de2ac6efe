"""Track errors against ground truth, with answers known by hand."""

import numpy as np
import pytest

from alike_ros.evaluation.truth import Observations, summarise, track_errors


class Sliding:
    """A scene that moves 10 px to the right each frame; x of 100 and more is not known."""

    def pose(self, index):
        return None

    def transfer(self, points, index_a, index_b):
        moved = points + [10.0 * (index_b - index_a), 0]
        return np.where(moved[:, :1] < 100, moved, np.nan)


def sequence(*frames):
    return [
        Observations(index, np.array(list(points), np.uint64), np.array(list(points.values())))
        for index, points in enumerate(frames)
    ]


def test_perfect_tracks_have_no_error():
    errors = track_errors(sequence({1: (0, 5)}, {1: (10, 5)}, {1: (20, 5)}), Sliding())
    assert errors.errors.tolist() == [0, 0]
    assert errors.ages.tolist() == [1, 2]
    assert errors.indices.tolist() == [1, 2]


def test_errors_are_against_the_first_observation_not_the_last():
    errors = track_errors(sequence({1: (0, 0)}, {1: (11, 0)}, {1: (22, 0)}), Sliding())
    np.testing.assert_allclose(errors.offsets, [[1, 0], [2, 0]])


def test_first_observations_are_not_counted():
    errors = track_errors(sequence({1: (0, 0), 2: (5, 5)}, {2: (15, 5), 3: (7, 7)}), Sliding())
    assert errors.ids.tolist() == [2]


def test_a_track_that_comes_back_keeps_its_first_observation():
    errors = track_errors(sequence({7: (0, 0)}, {8: (50, 0)}, {7: (23, 4)}), Sliding())
    assert errors.ids.tolist() == [7]
    assert errors.ages.tolist() == [2]
    assert errors.errors.tolist() == [5]


def test_observations_that_the_truth_does_not_know_lower_the_valid_share():
    summary = summarise(
        track_errors(sequence({1: (0, 0), 2: (95, 0)}, {1: (13, 4), 2: (105, 0)}), Sliding())
    )
    assert summary.observations == 2
    assert summary.valid == 0.5
    assert summary.median_px == 5


def test_ages_fall_into_their_bins_and_drift_shows_as_bias():
    frames = [{1: (9 * k, 0), 2: (9 * k, 9)} for k in range(6)]
    summary = summarise(track_errors(sequence(*frames), Sliding()), age_edges=(1, 3))
    young, old = summary.by_age
    assert (young.first_age, young.last_age, young.count) == (1, 2, 4)
    assert (old.first_age, old.last_age, old.count) == (3, 5, 6)
    assert old.median_px == 4
    assert old.bias_px[0] < young.bias_px[0] < 0
    assert old.bias_px[1] == 0


@pytest.mark.parametrize('frames', [[], [{1: (0, 0)}], [{1: (0, 0)}, {}]])
def test_nothing_to_judge_gives_nan_not_an_exception(frames):
    observations = [
        Observations(k, np.array(list(f), np.uint64), np.array(list(f.values())).reshape(-1, 2))
        for k, f in enumerate(frames)
    ]
    summary = summarise(track_errors(observations, Sliding()))
    assert summary.observations == 0
    assert np.isnan([summary.valid, summary.median_px, summary.p95_px]).all()
    assert summary.by_age == ()
