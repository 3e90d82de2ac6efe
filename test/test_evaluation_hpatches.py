"""`alike eval hpatches`: the protocol on planes whose answer is known, and on Oxford images."""

import csv
import json

import cv2
import numpy as np
import pytest

from alike_ros.cli.main import main
from alike_ros.errors import DatasetError
from alike_ros.evaluation.hpatches import (
    judge_pair,
    mean_accuracy,
    read_sequence,
    sequence_folders,
    squared_scale,
)
from alike_ros.evaluation.pages.hpatches import draw_matches
from alike_ros.evaluation.planar import transfer
from alike_ros.evaluation.plane_matches import Described, Matcher, match_sequence

SHIFT = np.array([[1.0, 0, 7], [0, 1, -4], [0, 0, 1]])


@pytest.fixture
def folder(tmp_path, rng):
    """Write one sequence of each kind of HPatches and one that it leaves out."""
    for name in ('i_plane', 'v_plane', 'v_talent'):
        sequence = tmp_path / name
        sequence.mkdir()
        for number in range(1, 7):
            image = rng.integers(0, 256, (60, 80, 3), np.uint8)
            cv2.imwrite(str(sequence / f'{number}.ppm'), image)
            if number > 1:
                np.savetxt(sequence / f'H_1_{number}', SHIFT)
    return tmp_path


def perfect(offset):
    """A method that finds a grid in the first image, and where it went, so far off, in others."""
    x, y = np.meshgrid(np.arange(10, 60, 10), np.arange(10, 50, 10))
    points = np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
    seen = []

    def describe(image):
        seen.append(image)
        places = points if len(seen) == 1 else transfer(SHIFT, points) + [offset, 0]
        return Described(places.astype(np.float32), np.eye(len(points)))

    rows = np.stack([np.arange(len(points))] * 2, axis=1)
    return Matcher(describe, lambda a, b: rows)


def judge(pairs, matcher):
    found = match_sequence(pairs, matcher)
    return mean_accuracy([judge_pair(p, found.pair(k)) for k, p in enumerate(pairs)])


def test_errors_count_below_their_threshold(folder):
    _, sequence = sequence_folders(folder)
    pairs = read_sequence(sequence)
    assert [p.name for p in pairs][::4] == ['v_plane 1-2', 'v_plane 1-6']
    for offset, wrong in ((0.0, 0), (2.5, 2), (8.5, 8)):
        mean = judge(pairs, perfect(offset))
        assert mean.mma == (0,) * wrong + (1,) * (10 - wrong)
        assert mean.mha == mean.mma[:5]
        assert mean.keypoints == mean.matches == 20 and np.isnan(mean.sigma_mean)


def test_without_matches_nothing_is_right(folder):
    nothing = Matcher(
        lambda image: Described(np.zeros((0, 2), np.float32), np.zeros((0, 4))),
        lambda a, b: np.zeros((0, 2), np.intp),
    )
    mean = judge(read_sequence(folder / 'v_plane'), nothing)
    assert mean.mma == (0,) * 10 and mean.mha == (0,) * 5 and mean.matches == 0


def test_scale_of_variances_is_that_of_the_homography_at_the_point(rng):
    homography = np.array([[1.5, 0.2, 3], [-0.1, 0.8, 2], [1e-3, -2e-3, 1]])
    points = rng.uniform(0, 100, (5, 2))
    steps = [transfer(homography, points + 1e-4 * axis) for axis in np.eye(2)]
    jacobian = (np.array(steps) - transfer(homography, points)) / 1e-4  # (2, N, 2)
    expected = (jacobian**2).sum(axis=(0, 2)) / 2
    np.testing.assert_allclose(squared_scale(homography, points), expected, rtol=1e-4)


@pytest.mark.parametrize(('told', 'expected'), [(0.5, 1.0), (1.0, 0.25)])
def test_sigmas_that_fit_the_errors_are_calibrated(folder, rng, told, expected):
    points = rng.uniform(10, 50, (400, 2))

    def describe(image):
        where = points if describe.first else transfer(SHIFT, points)
        describe.first = False
        noisy = where + rng.normal(0, 0.5, where.shape)
        return Described(noisy.astype(np.float32), np.eye(400), np.full(400, told, np.float32))

    describe.first = True
    rows = np.stack([np.arange(400)] * 2, axis=1)
    mean = judge(read_sequence(folder / 'v_plane'), Matcher(describe, lambda a, b: rows))
    assert mean.sigma_mean == pytest.approx(expected, rel=0.1)


def test_matches_are_drawn_green_when_right_and_red_when_wrong(folder):
    pairs = read_sequence(folder / 'v_plane')
    found = match_sequence(pairs, perfect(0.0)).pair(0)
    image = np.zeros((60, 80), np.uint8)
    right = np.arange(20) < 10
    drawn = draw_matches(image, image, found, right)
    assert drawn.shape == (60, 160, 3)
    red, green, _ = np.moveaxis(drawn.astype(int), 2, 0)
    x, y = found.a.astype(int).T
    assert ((green > red)[y, x] == right).all() and (drawn[y, x].max(axis=1) > 100).all()


def test_a_folder_without_sequences_says_what_was_expected(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='H_1_2'):
        sequence_folders(tmp_path)


def test_match_counts_on_graffiti_are_the_published_ones(data, tmp_path, capsys):
    (tmp_path / 'graf').symlink_to((data / 'homography' / 'graf').resolve())
    options = ['--model', 'alike-n', '--device', 'cpu', '--no_peers', '--json']
    assert main(['eval', 'hpatches', str(tmp_path), *options]) == 0
    found = json.loads(capsys.readouterr().out)['pairs']['alike-n']
    with (data / 'hpatches_reference' / 'per_pair_matches.csv').open() as file:
        rows = [row for row in csv.DictReader(file) if row['seq'] == 'v_graffiti']
    assert {f'graf {row["pair"]}': int(row['alike-n']) for row in rows} == {
        name: each['matches'] for name, each in found.items()
    }


@pytest.mark.parametrize('model', ['alike-t', 'alike-n', 'alike-l'])
def test_sigma_says_how_far_off_the_keypoints_of_graffiti_are(data, tmp_path, capsys, model):
    (tmp_path / 'graf').symlink_to((data / 'homography' / 'graf').resolve())
    options = ['--model', model, '--device', 'cpu', '--no_peers', '--json']
    assert main(['eval', 'hpatches', str(tmp_path), *options]) == 0
    found = json.loads(capsys.readouterr().out)['mean'][model]
    assert 0.8 < found['sigma_mean'] < 1.25


def test_the_published_table_is_printed_beside(data, folder, capsys):
    reference = str(data / 'hpatches_reference' / 'summary.csv')
    page = folder / 'page.html'
    options = ['--device', 'cpu', '--reference', reference, '--pairs', '--report', str(page)]
    options += ['--cache', str(folder / 'kept')]
    assert main(['eval', 'hpatches', str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert main(['eval', 'hpatches', str(folder), *options]) == 0
    assert capsys.readouterr().out == printed  # from the cache
    assert len(list((folder / 'kept').iterdir())) == 6
    shown = page.read_text('utf-8')
    assert shown.count('<svg') == 2 and shown.count('<img') == 9 and '<td>superpoint</td>' in shown
    assert all(f'| {name} |' in printed for name in ('alike-t', 'orb', 'sift', 'superpoint'))
    assert '| v_plane 1-3 |' in printed
    light, viewpoint = printed.index('the light changes'), printed.index('the viewpoint changes')
    assert printed.index('10 pairs\n') < printed.index('10 pairs, published') < light < viewpoint
    published = [line for line in printed.splitlines() if line.startswith('| superpoint |')]
    assert len(set(published)) == 3
