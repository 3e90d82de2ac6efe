"""Survival of tracks, with answers computed by hand."""

import numpy as np
import pytest

from alike_ros.evaluation.survival import length_counts, lives, survival
from alike_ros.evaluation.truth import Observations


def sequence(*images):
    return [
        Observations(k, np.array(ids, np.int64), np.zeros((len(ids), 2)))
        for k, ids in enumerate(images)
    ]


def test_without_an_end_in_the_way_it_is_the_share_still_alive():
    found = lives(sequence([1, 2, 3, 4], [1, 2, 3], [1, 2], [1], []))
    assert survival(found) == (1, 0.75, 0.5, 0.25, 0)
    assert length_counts(found) == (1, 1, 1, 1)


def test_tracks_cut_off_by_the_end_are_not_lost():
    # Four begin, two are lost after an image; four more begin in the last but one and live.
    found = lives(sequence([1, 2, 3, 4], [1, 2, 5, 6, 7, 8], [1, 2, 5, 6, 7, 8]))
    assert survival(found) == pytest.approx((1, 6 / 8, 6 / 8))
    naive = 2 / 8  # seen in three images, of all
    assert survival(found)[2] > naive


def test_a_track_that_comes_back_was_alive():
    found = lives(sequence([1, 2], [2], [1, 2], [2]))
    assert found.spans.tolist() == [2, 3] and found.seen.tolist() == [2, 4]
    assert survival(found) == (1, 1, 1, 0.5)
    assert length_counts(found) == (0, 1, 0, 1)


def test_it_ends_where_nobody_can_be_watched():
    assert survival(lives(sequence([1], [1, 2]))) == (1, 1)
    assert survival(lives(sequence([1]))) == (1,)
    assert survival(lives(sequence([], []))) == () == length_counts(lives([]))
