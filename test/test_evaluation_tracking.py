"""`alike eval tracking`: summaries against sequences whose tracks are known."""

import json

import numpy as np
import pytest

from alike_ros.cli.main import main
from alike_ros.evaluation.tracking import Points, evaluate

SIZE = (120, 160)
IMAGE = np.zeros(SIZE, np.uint8)


class Sliding:
    """Truth of a scene that moves right by 2 px an image."""

    def pose(self, index):
        return None

    def transfer(self, points, index_a, index_b):
        return points + [2.0 * (index_b - index_a), 0]


def grid():
    x, y = np.meshgrid(np.arange(10, 110, 10), np.arange(10, 110, 10))
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)


def run(follow, images=5, truth=None):
    frames = ((i, IMAGE, i) for i in range(images))
    return evaluate(frames, {'it': follow}, truth)['it']


def test_tracks_that_last_are_long_and_true():
    summary = run(
        lambda _, stamp: Points(np.arange(100), grid() + [2 * stamp, 0]), truth=Sliding()
    )
    assert summary.images == 5
    assert summary.mean_length == 5 and summary.singles == 0
    assert summary.points == summary.tracked == 100
    assert summary.inlier_ratio == 1
    assert summary.survival == (1, 1, 1, 1, 1)
    assert summary.median_px == pytest.approx(0, abs=1e-5) and summary.judged == 1


def test_points_seen_once_are_no_tracks():
    def follow(_, stamp):
        ids = np.concatenate([np.arange(50), 1000 * (stamp + 1) + np.arange(50)])
        return Points(ids, grid())

    summary = run(follow)
    assert summary.mean_length == 5
    assert summary.singles == 250 / 300
    assert summary.tracked == 50
    assert summary.survival == (1, 0.5, 0.5, 0.5, 0.5)
    assert np.isnan(summary.median_px)


def test_tracks_that_jump_are_outliers_and_err(rng):
    def follow(_, stamp):
        points = grid() + [2 * stamp, 0]
        points[:20] += rng.uniform(-20, 20, (20, 2))
        return Points(np.arange(100), points.astype(np.float32))

    summary = run(follow, truth=Sliding())
    assert 0.75 < summary.inlier_ratio < 0.95
    assert summary.median_px == pytest.approx(0, abs=1e-5)
    assert summary.p95_px > 5


def test_no_points_and_no_images_are_summaries_too():
    nothing = Points(np.zeros(0, int), np.zeros((0, 2), np.float32))
    assert run(lambda *_: nothing).points == 0
    assert np.isnan(run(lambda *_: nothing, images=0).mean_length)


def compare(capsys, *arguments):
    assert main(['eval', 'tracking', *arguments, '--device', 'cpu', '--json']) == 0
    [found] = json.loads(capsys.readouterr().out).values()
    return found


def test_all_methods_run_side_by_side(data, capsys):
    found = compare(capsys, str(data / 'tum'), '--images', '4', '--points', '300')
    assert list(found) == ['hybrid', 'descriptor', 'gftt+klt', 'orb', 'sift', 'akaze']
    assert all(0 < each['points'] <= 305 for each in found.values())
    assert all(each['mean_length'] > 2 for each in found.values())


@pytest.mark.parametrize('name', ['kitti', 'tum'])
def test_our_tracks_outlast_those_of_optical_flow(data, capsys, name):
    chosen = ['--methods', 'hybrid', 'gftt+klt']
    ours, flow = compare(capsys, str(data / name), *chosen).values()
    assert ours['mean_length'] > 1.1 * flow['mean_length']
    assert ours['inlier_ratio'] > 0.99


def test_dropped_images_and_jumps_of_exposure_are_given_to_all(data, capsys):
    options = ['--every', '2', '--exposure', '2', '--images', '8', '--device', 'cpu']
    chosen = ['--methods', 'hybrid', 'gftt+klt', '--points', '200']
    assert main(['eval', 'tracking', str(data / 'tum'), *options, *chosen]) == 0
    table = capsys.readouterr().out
    assert table.count('\n') == 4 and '| hybrid |' in table and '| gftt+klt |' in table


@pytest.mark.parametrize('option', ['--points=0', '--every=0', '--images=-1', '--exposure=0'])
def test_options_that_cannot_be_are_refused(option, capsys):
    assert main(['eval', 'tracking', option]) == 2
    assert '--points' in capsys.readouterr().err
