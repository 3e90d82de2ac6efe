"""The demo of the whole graph: three processes over DDS, then movie, sheet, bag and numbers."""

import json
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id  # noqa: E402

from alike_ros.bags import Bag  # noqa: E402
from alike_ros.evaluation.contact_sheet import Tile, contact_sheet, spread  # noqa: E402
from alike_ros.evaluation.report import report  # noqa: E402
from alike_ros.evaluation.summary import Summary, percentiles_ms  # noqa: E402
from alike_ros.ros.demo.__main__ import main  # noqa: E402

COUNT = 6


@pytest.fixture
def output(data, tmp_path, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')  # put back after the demo has set its own
    return tmp_path / 'out'


def demo(output, *arguments):
    return main([*arguments, '--output', str(output), '--domain', str(domain_id(47))])


@pytest.fixture
def folder(data, tmp_path):
    """Six images of a real sequence at 640 x 480 px."""
    path = tmp_path / 'images'
    path.mkdir()
    for image in sorted((data / 'tum').glob('*.png'))[:COUNT]:
        shutil.copy(image, path)
    return path


def test_it_leaves_a_movie_a_sheet_a_bag_and_numbers(folder, output, capsys):
    flags = ['--drop_policy', 'queue', '--rate', '0', '--device', 'cpu', '--image_size_max', '320']
    assert demo(output, str(folder), *flags) == 0
    summary = json.loads((output / 'summary.json').read_text())
    for name in ('sent', 'received', 'processed'):
        assert summary[name] == COUNT
    assert summary['dropped'] == 0 and summary['mean_track_length'] > 1
    assert set(summary['stages_ms']) == {'decode', 'preprocess', 'inference', 'match', 'publish'}
    assert summary['model'] == 'alike-t' and summary['weights_sha256'].startswith('c0840329a6b8')
    with Bag(output / 'tracks.mcap') as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
    topics = ('/image', '/frontend/keypoints', '/frontend/tracks', '/frontend/status')
    assert counts == dict.fromkeys(topics, COUNT)
    movie = cv2.VideoCapture(str(output / 'tracks.mp4'))
    assert movie.get(cv2.CAP_PROP_FRAME_COUNT) == COUNT
    assert movie.read()[1].shape == (480, 640, 3)
    assert cv2.imread(str(output / 'tracks.png')).shape[1] == 1920
    table = capsys.readouterr().out
    assert '6 sent, 6 received, 6 processed, 0 dropped' in table


def test_a_child_that_fails_ends_the_run_with_its_own_words(folder, output, capsys):
    assert demo(output, str(folder), '--weights', '/no/such/file.pth') == 1
    assert '/no/such/file.pth' in capsys.readouterr().err


def test_an_input_that_is_not_there_starts_nothing(output, capsys):
    assert demo(output, '/nowhere/at/all') == 2
    assert capsys.readouterr().err.count('\n') == 1 and not output.exists()


def test_track_lengths_are_counts_of_observations():
    summary = Summary()
    for ids, ages in (([1, 2, 3], [1, 1, 1]), ([1, 2, 4], [2, 2, 1]), ([1], [3])):
        summary.add_tracks(ids, ages)
    fields = summary.fields()
    assert fields['keypoints_per_frame'] == pytest.approx(7 / 3, abs=0.01)
    assert fields['tracks_per_frame'] == 1.0
    assert fields['mean_track_length'] == pytest.approx(7 / 4)
    assert fields['mean_track_length_found_again'] == 2.5
    assert fields['longest_track'] == 3


def test_percentiles_leave_out_what_is_not_a_number():
    assert percentiles_ms([0.001, float('nan'), 0.003]) == {'p50': 2.0, 'p99': 2.98}
    assert percentiles_ms([float('nan')]) == {'p50': None, 'p99': None}


def test_the_table_says_what_was_lost_and_the_error_only_with_truth():
    summary = {
        **Summary().fields(),
        'sent': 9,
        'received': 7,
        'processed': 6,
        'dropped': 1,
        'late': 0,
        'hardware': {'cpu': 'some', 'cores': 2, 'gpu': ''},
        'model': 'm',
        'backend': 'openvino',
        'device': 'cpu',
    }
    assert '2 lost' in report(summary) and 'error' not in report(summary)
    truth = {'median_track_error_px': 0.25, 'track_error_steps': 4}
    assert '0.25 px over 4' in report(summary | truth)


def test_the_pictures_of_a_sheet_cover_the_sequence_to_its_end():
    assert spread(120, 12) == [9, 19, 29, 39, 49, 59, 69, 79, 89, 99, 109, 119]
    assert spread(3, 12) == [0, 1, 2]
    assert spread(0, 12) == []


@pytest.mark.parametrize('size', [(376, 1241), (480, 640), (600, 400), (30, 40)])
def test_a_sheet_holds_pictures_of_any_shape(size):
    picture = np.full((*size, 3), 200, np.uint8)
    sheet = contact_sheet([Tile(picture, 'caption')] * 5, 'title', 'subtitle')
    assert sheet.shape[1] == 1920 and (sheet == 200).all(axis=2).sum() > 10_000
