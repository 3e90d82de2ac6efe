"""`alike eval hpatches`: the protocol on planes whose answer is known, and on Oxford images."""

import csv
import json

import cv2
import numpy as np
import pytest

from alike_ros.cli.main import main
from alike_ros.errors import DatasetError
from alike_ros.evaluation.hpatches import Method, judge_sequence, mean_accuracy, read_hpatches
from alike_ros.evaluation.planar import transfer

SHIFT = np.array([[1.0, 0, 7], [0, 1, -4], [0, 0, 1]])


@pytest.fixture
def folder(tmp_path, rng):
    """Write one sequence of HPatches and one that it leaves out."""
    for name in ('v_plane', 'v_talent'):
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
        return places.astype(np.float32), np.eye(len(points))

    rows = np.stack([np.arange(len(points))] * 2, axis=1)
    return Method(describe, lambda a, b: rows)


def test_errors_count_below_their_threshold(folder):
    [(name, pairs)] = read_hpatches(folder)
    assert name == 'v_plane' and [p.name for p in pairs][::4] == ['v_plane 1-2', 'v_plane 1-6']
    for offset, shares in ((0.0, (1, 1, 1, 1, 1)), (2.5, (0, 0, 1, 1, 1)), (9.0, (0,) * 5)):
        mean = mean_accuracy(judge_sequence(pairs, perfect(offset)))
        assert mean.mma == mean.mha == shares
        assert mean.keypoints == mean.matches == 20


def test_without_matches_nothing_is_right(folder):
    [(_, pairs)] = read_hpatches(folder)
    nothing = Method(
        lambda image: (np.zeros((0, 2), np.float32), np.zeros((0, 4))),
        lambda a, b: np.zeros((0, 2), np.intp),
    )
    mean = mean_accuracy(judge_sequence(pairs, nothing))
    assert mean.mma == mean.mha == (0,) * 5 and mean.matches == 0


def test_a_folder_without_sequences_says_what_was_expected(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='H_1_2'):
        list(read_hpatches(tmp_path))


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


def test_the_published_table_is_printed_beside(data, folder, capsys):
    reference = str(data / 'hpatches_reference' / 'summary.csv')
    options = ['--device', 'cpu', '--reference', reference, '--pairs']
    assert main(['eval', 'hpatches', str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert all(f'| {name} |' in printed for name in ('alike-t', 'orb', 'sift', 'superpoint'))
    assert '5 pairs' in printed and '| v_plane 1-3 |' in printed
