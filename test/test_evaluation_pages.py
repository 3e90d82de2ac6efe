"""Pages of the evaluations: what they show is what was found."""

import re

import cv2
import numpy as np
import pytest

from alike_ros.cli.main import main
from alike_ros.drawing import age_colours
from alike_ros.evaluation.pages.pictures import (
    OUTLIER_COLOUR,
    TrackPictures,
    chosen_images,
    fitted,
)
from alike_ros.evaluation.predictions import Points, Shot, predict

SIZE = (200, 260)


def shots(count=4):
    return [Shot(k, np.full((*SIZE, 3), 10 * k, np.uint8), k) for k in range(count)]


@pytest.fixture
def found(rng):
    """Tracks of points in space seen by a camera that moves; row 7 jumps, 3 ends, 5 is away."""
    world = rng.uniform([-2, -1.5, 4], [2, 1.5, 8], (60, 3))

    def follow(image, stamp):
        eye = world - [0.1 * stamp, 0.02 * stamp**2, 0]
        points = 250 * eye[:, :2] / eye[:, 2:] + [130, 100]
        if stamp == 2:
            points[7] += [12, -25]
        kept = np.setdiff1d(np.arange(60), ([], [], [3, 5], [3])[stamp])
        return Points(kept, points[kept].astype(np.float32))

    return predict(shots(), {'it': follow})['it']


def test_lost_tracks_are_those_that_never_come_back(found):
    assert [TrackPictures(found).lost_ids(row).tolist() for row in range(4)] == [[], [], [3], []]


def test_the_track_that_jumped_is_the_outlier(found):
    outliers = [TrackPictures(found).outliers(row) for row in range(3)]
    assert 7 in found.of_image(2).ids[outliers[2]]
    assert len(outliers[0]) == len(outliers[1]) == 0 and len(outliers[2]) < 6


def test_lost_tracks_and_outliers_are_marked_where_they_are(found):
    picture = TrackPictures(found).draw(shots()[2].image, 2)
    row = found.of_image(2).ids.tolist().index(7)
    x, y = np.rint(found.of_image(2).keypoints[row]).astype(int)
    assert tuple(picture[y, x]) == OUTLIER_COLOUR
    x, y = np.rint(found.of_image(1).keypoints[3]).astype(int)
    assert np.ptp(picture[y, x].astype(int)) == 0 and picture[y, x, 0] > 60


def test_colours_are_those_of_the_images_in_which_a_track_was_seen(found):
    picture = TrackPictures(found).draw(shots()[3].image, 3)
    now = found.of_image(3)
    for track, age in ((10, 4), (5, 3)):  # 5 was away once
        x, y = np.rint(now.keypoints[now.ids.tolist().index(track)]).astype(int)
        assert picture[y, x].tolist() == age_colours(np.array([age]))[0].tolist()


def test_only_the_chosen_images_are_kept_and_no_more_are_read():
    read = iter(shots())
    kept = chosen_images(read, {0, 2})
    assert sorted(kept) == [0, 2] and kept[2][0, 0, 0] == 20
    assert next(read).number == 3


def test_pictures_are_made_smaller_and_never_larger():
    image = np.zeros((50, 100, 3), np.uint8)
    assert fitted(image, 40).shape == (20, 40, 3) and fitted(image, 200) is image


def read(path):
    text = path.read_text('utf-8')
    return text, re.findall(r'<figcaption>([^<]*)', text), text.count('<svg')


@pytest.fixture
def official(data, monkeypatch):
    pytest.importorskip('matplotlib')
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    return ['--device', 'cpu']


def test_the_page_of_tracks_has_curves_failures_and_strips(photos, official, tmp_path, capsys):
    page = tmp_path / 'page.html'
    options = ['--images', '6', '--points', '150', '--methods', 'hybrid', 'orb', *official]
    assert main(['eval', 'tracking', 'room', *options, '--report', str(page)]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('| orb'))
    text, captions, charts = read(page)
    assert ''.join(f'<td>{cell.strip()}</td>' for cell in row.split('|')[1:-1]) in text
    assert charts == 9
    for name in ('hybrid', 'orb'):
        assert any(re.match(f'{name}, image [1-5]: .*most tracks lost', c) for c in captions)
        assert any(re.match(f'{name}, image [1-5]: lowest share', c) for c in captions)
        assert sum(re.fullmatch(f'{name}, image [1-5]', c) is not None for c in captions) == 3


def test_images_without_truth_and_without_texture_make_a_page_too(official, tmp_path):
    folder = tmp_path / 'grey'
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f'{number}.png'), np.full((64, 96), 90, np.uint8))
    page = tmp_path / 'page.html'
    options = ['--methods', 'hybrid', 'gftt+klt', *official, '--report', str(page)]
    assert main(['eval', 'tracking', str(folder), *options]) == 0
    assert read(page)[2] == 7
