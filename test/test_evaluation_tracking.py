"""`alike eval tracking`: summaries against sequences whose tracks are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from alike_ros.cli.main import main
from alike_ros.evaluation.predictions import Points, Shot, predict
from alike_ros.evaluation.tracking import summarise_tracks

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
    shots = (Shot(i, IMAGE, i) for i in range(images))
    return summarise_tracks(predict(shots, {'it': follow})['it'], truth)


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
    assert summary.error_to == 'point'


def test_points_seen_once_are_no_tracks():
    def follow(_, stamp):
        ids = np.concatenate([np.arange(50), 1000 * (stamp + 1) + np.arange(50)])
        return Points(ids, grid())

    summary = run(follow)
    assert summary.mean_length == 5
    assert summary.singles == 250 / 300
    assert summary.tracked == 50
    assert summary.lengths == (250, 0, 0, 0, 50)
    assert summary.survival == pytest.approx(
        (1, 0.2, 0.2, 0.2, 0.2)
    )  # 50 of the 250 that did not begin last
    assert np.isnan(summary.median_px) and summary.by_age == ()


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
    none = run(lambda *_: nothing, images=0, truth=Sliding())
    assert np.isnan(none.mean_length) and none.survival == none.lengths == ()
    assert json.dumps(none.fields(), allow_nan=False)


def test_each_image_has_its_numbers():
    def follow(_, stamp):
        ids = np.arange(100) if stamp < 3 else np.arange(50, 150)
        return Points(ids, grid() + [2 * stamp, 0])

    by_image = run(follow).by_image
    np.testing.assert_array_equal(by_image.points, [100] * 5)
    np.testing.assert_array_equal(by_image.tracked, [np.nan, 100, 100, 50, 100])
    np.testing.assert_array_equal(by_image.inliers[[1, 2, 4]], 1)
    assert (
        by_image.coverage[1:].tolist() == [0.75, 0.75, 0.375, 0.75]
        and (by_image.seconds > 0).all()
    )


def drifting(_, stamp):
    return Points(np.arange(100), grid() + [2 * stamp, 0.1 * stamp], sigmas=np.full(100, 0.1))


def test_drift_shows_in_the_error_over_age():
    by_age = run(drifting, images=10, truth=Sliding()).by_age
    assert [(each.first_age, each.last_age) for each in by_age] == [
        *((1, 1), (2, 2), (3, 4), (5, 7), (8, 11))
    ]
    assert [each.median_px for each in by_age[:2]] == pytest.approx([0.1, 0.2], abs=1e-5)
    assert by_age[-1].bias_px == pytest.approx((0, 0.85), abs=0.05)


def test_sigma_that_says_how_far_off_points_are_is_calibrated(rng):
    def follow(sigma):
        def noisy(_, stamp):
            points = grid() + [2 * stamp, 0] + rng.normal(0, 0.2, (100, 2))
            points[:10] += 40 * (stamp % 2)  # gross errors
            sigmas = np.full(100, sigma, np.float32)
            return Points(np.arange(100), points.astype(np.float32), sigmas=sigmas)

        return noisy

    right = run(follow(0.2), images=40, truth=Sliding())
    assert right.sigma_mean == pytest.approx(1, abs=0.15) and right.sigma_count == 3900
    assert right.sigma_median == pytest.approx(1, abs=0.25)
    small = run(follow(0.1), images=40, truth=Sliding())
    assert small.sigma_mean == pytest.approx(4, abs=0.6)


def test_without_sigmas_nothing_is_calibrated():
    summary = run(lambda _, stamp: Points(np.arange(100), grid()), truth=Sliding())
    assert np.isnan(summary.sigma_mean) and summary.sigma_count == 0
    assert summary.fields()['sigma_mean'] is None


def compare(capsys, *arguments):
    assert main(['eval', 'tracking', *arguments, '--device', 'cpu', '--json']) == 0
    [found] = json.loads(capsys.readouterr().out).values()
    return found


def test_all_methods_run_side_by_side(data, capsys):
    found = compare(capsys, str(data / 'tum'), '--images', '4', '--points', '300')
    assert list(found) == ['hybrid', 'descriptor', 'gftt+klt', 'orb', 'sift', 'akaze']
    assert all(0 < each['points'] <= 305 for each in found.values())
    assert all(each['mean_length'] > 2 for each in found.values())


def test_a_method_of_ones_own_is_named_by_module_and_factory(data, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / 'examples'))
    chosen = ['--methods', 'dense_flow_tracks:dense_flow', 'orb', '--images', '5']
    theirs, orb = compare(capsys, str(data / 'tum'), *chosen, '--points', '300').values()
    assert theirs['points'] > 200 and theirs['inlier_ratio'] > 0.8
    assert theirs['mean_length'] > orb['mean_length']


@pytest.mark.parametrize('name', ['nowhere:thing', 'json:nothing', ':', 'brisk'])
def test_a_method_that_is_not_there_is_one_sentence(name, capsys):
    assert main(['eval', 'tracking', '--methods', name]) == 2
    error = capsys.readouterr().err
    assert name in error and 'module:factory' in error and error.count('\n') == 1


@pytest.mark.parametrize(('name', 'times'), [('kitti', 1.2), ('tum', 1.05)])
def test_our_tracks_outlast_those_of_optical_flow(data, capsys, name, times):
    chosen = ['--methods', 'hybrid', 'gftt+klt']
    ours, flow = compare(capsys, str(data / name), *chosen).values()
    assert ours['mean_length'] > times * flow['mean_length']
    assert ours['inlier_ratio'] > 0.99


@pytest.mark.parametrize(
    ('name', 'option', 'figure'),
    [
        ('kitti', '--every=2', 'tracked'),
        ('kitti', '--exposure=2', 'mean_length'),
        ('tum', '--exposure=0.5', 'mean_length'),
    ],
)
def test_our_tracks_hold_where_optical_flow_loses_half(data, capsys, name, option, figure):
    chosen = [option, '--methods', 'hybrid', 'gftt+klt']
    ours, flow = compare(capsys, str(data / name), *chosen).values()
    assert ours[figure] > 2 * flow[figure]


def test_in_the_room_points_stay_where_they_began_and_sigma_says_how_well(capsys):
    ours, flow = compare(capsys, '--images', '60', '--methods', 'hybrid', 'gftt+klt').values()
    assert ours['median_px'] < 0.5 * flow['median_px'] and ours['median_px'] < 0.3
    assert ours['p95_px'] < 1
    assert max(each['p95_px'] for each in ours['by_age']) < 1
    assert 0.8 < ours['sigma_mean'] < 1.25
    biases = np.array([each['bias_px'] for each in ours['by_age']])
    assert np.abs(biases).max() < 0.05


def test_our_tracks_of_a_rolling_camera_stay_where_they_began(capsys):
    chosen = ['--roll', '8', '--images', '20', '--methods', 'hybrid', 'gftt+klt']
    ours, flow = compare(capsys, *chosen).values()
    assert ours['mean_length'] > flow['mean_length']
    assert ours['median_px'] < 0.2 and ours['p95_px'] < 0.5 * flow['p95_px']


def test_only_the_camera_of_the_room_rolls(data, capsys):
    assert main(['eval', 'tracking', str(data / 'tum'), '--roll', '5']) == 2
    assert '--roll' in capsys.readouterr().err


def test_dropped_images_and_jumps_of_exposure_are_given_to_all(data, capsys):
    options = ['--every', '2', '--exposure', '2', '--images', '8', '--device', 'cpu']
    chosen = ['--methods', 'hybrid', 'gftt+klt', '--points', '200']
    assert main(['eval', 'tracking', str(data / 'tum'), *options, *chosen]) == 0
    table = capsys.readouterr().out
    assert table.count('\n') == 4 and '| hybrid |' in table and '| gftt+klt |' in table


def test_our_tracks_outlive_images_that_are_black(capsys):
    chosen = ['--blackout', '2', '--images', '24', '--methods', 'hybrid', 'gftt+klt']
    ours, flow = compare(capsys, *chosen).values()
    assert ours['survival'][12] > 0.5
    assert len(flow['survival']) < 12 and flow['survival'][-1] == 0


@pytest.mark.parametrize(
    'option',
    [
        *('--points=0', '--every=0', '--images=-1', '--blackout=-1'),
        *('--exposure=0', '--exposure=nan', '--roll=nan'),
    ],
)
def test_options_that_cannot_be_are_refused(option, capsys):
    assert main(['eval', 'tracking', option]) == 2
    assert option.partition('=')[0] in capsys.readouterr().err
