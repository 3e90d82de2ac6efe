"""Measures on features made by hand, whose right values are known."""

import numpy as np
import pytest

from alike_ros.errors import DatasetError
from alike_ros.evaluation.comparison import Judged, render
from alike_ros.evaluation.planar import (
    PlanarScore,
    mean_score,
    planar_score,
    read_planar_sequence,
    repeatability,
)
from alike_ros.evaluation.video import VideoScore, mean_track_length, score_features
from alike_ros.structures import Features, Matches

SHIFT = np.array([[1.0, 0, 5], [0, 1, 0], [0, 0, 1]])


def features(keypoints, descriptors=None):
    keypoints = np.asarray(keypoints, np.float32)
    count = len(keypoints)
    rows = np.eye(max(count, 1), dtype=np.float32)[:count] if descriptors is None else descriptors
    ones = np.ones(count, np.float32)
    return Features(keypoints, ones, np.asarray(rows, np.float32), ones, (100, 80))


def grid(dx=0.0):
    return np.array([[x + dx, y] for x in (10, 30, 55, 80) for y in (10, 35, 60)])


def test_features_that_follow_the_homography_are_perfect():
    score = planar_score(features(grid()), features(grid(5)), SHIFT)
    assert score == PlanarScore(12, 12, 1.0, 1.0, 1.0)


def test_accuracy_is_the_share_of_matches_within_three_pixels():
    moved = grid(5)
    moved[:3, 1] += 4
    moved[3, 1] += 2.9
    assert planar_score(features(grid()), features(moved), SHIFT).accuracy == pytest.approx(9 / 12)


def test_only_keypoints_that_both_images_see_can_repeat():
    a = features([[10, 10], [98, 10], [50, 50]])  # the second leaves the image
    b = features([[15, 10], [2, 70], [80, 20]])  # the second comes from outside
    assert repeatability(a, b, SHIFT) == pytest.approx(2 / 4)


def test_no_keypoints_are_no_success():
    none = features(np.zeros((0, 2)), np.zeros((0, 12)))
    assert planar_score(none, features(grid()), SHIFT) == PlanarScore(6, 0, 0.0, 0.0, 0.0)


def test_means_are_taken_measure_by_measure():
    scores = [PlanarScore(10, 4, 1.0, 1.0, 0.5), PlanarScore(20, 6, 0.0, 0.0, 0.0)]
    assert mean_score(scores) == PlanarScore(15, 5, 0.5, 0.5, 0.25)


def matches(pairs):
    a, b = np.array(pairs, np.intp).reshape(-1, 2).T
    return Matches(a, b, np.ones(len(a), np.float32))


def test_tracks_are_chains_of_matches():
    chains = [matches([(0, 1), (1, 0)]), matches([(1, 2)])]  # lengths 3, 2 and single keypoints
    assert mean_track_length(chains, [2, 3, 3]) == pytest.approx(2.5)


def test_a_video_that_slides_sideways_obeys_one_geometry():
    rng = np.random.default_rng(1)
    points = rng.uniform(10, 70, (40, 2))
    video = [features(points + [2 * i, 0]) for i in range(3)]
    score = score_features(video)
    assert score == VideoScore(40, 40, 1.0, 3.0)


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(DatasetError, match='expected img1'):
        list(read_planar_sequence(tmp_path))


def test_real_pairs_are_read_in_order(data):
    pairs = list(read_planar_sequence(data / 'homography' / 'graf'))
    assert [pair.name for pair in pairs] == [f'graf 1-{n}' for n in (2, 3, 4, 5, 6)]
    assert pairs[0].image_a.shape == (640, 800, 3)


def test_the_table_gives_ratios_to_its_first_column():
    planar = PlanarScore(100, 50, 0.5, 0.4, 0.6)
    video = VideoScore(1000, 600, 0.8, 4.0)
    better = VideoScore(1000, 600, 0.88, 4.0)
    columns = {
        'published': Judged({'graf': planar}, {'tum': video}, planar),
        'ours': Judged({'graf': planar}, {'tum': better}, planar),
    }
    text = render(columns)
    assert '| tum: inlier ratio, % | 80.00 | 88.00 (110.0 %) |' in text
    assert '| graf: MMA@3, % | 50.00 | 50.00 (100.0 %) |' in text
