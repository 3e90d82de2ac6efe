"""Trajectories of tracks against true ones, by evo; and `alike eval odometry`."""

import json
import sys
from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from conftest import absent

from alike_ros.cli.main import main
from alike_ros.datasets.kitti import KittiSource
from alike_ros.datasets.room import RoomSource
from alike_ros.errors import BackendError, CameraError, DatasetError
from alike_ros.evaluation.klt import FlowTracker
from alike_ros.evaluation.odometry import camera_path, camera_paths, optical_flow
from alike_ros.evaluation.path_errors import judge
from alike_ros.odometry.monocular import Estimate, State


@pytest.fixture
def evo():
    if sys.version_info < (3, 11):
        pytest.skip('evo needs Python 3.11')
    if find_spec('evo') is None:
        absent('evo is not installed: pip install evo')


def estimate(stamp_ns, pose, state=State.TRACKING):
    nothing = np.zeros((6, 6))
    return Estimate(stamp_ns, state, pose, nothing, nothing, 50, 100, False)


class Poses(dict):
    """Truth of numbered images."""

    def pose(self, index):
        return self[index]


def judged(estimates, truth):
    return judge(camera_path(list(enumerate(estimates))), Poses(truth))


@pytest.fixture
def path(rng):
    """Poses of a camera that turns as it goes."""
    poses = []
    for i in range(12):
        pose = np.eye(4)
        pose[:3, :3] = cv2.Rodrigues(np.array([0.0, 0.05 * i, 0.01 * i]))[0]
        pose[:3, 3] = [0.02 * i * i, 0.1 * np.sin(i), i]
        poses.append(pose)
    return poses


def moved(pose, scale):
    """The same pose in another world, with another unit."""
    world = np.eye(4)
    world[:3, :3] = cv2.Rodrigues(np.array([0.3, -0.2, 1.0]))[0]
    result = world @ pose
    result[:3, 3] = scale * result[:3, 3] + [3, 2, 1]
    return result


def test_a_path_in_another_unit_and_world_is_without_error(evo, path):
    found = judged([estimate(i, moved(p, 0.25)) for i, p in enumerate(path)], enumerate(path))
    assert (found.frames, found.located) == (12, 12)
    assert found.scale == pytest.approx(4.0)
    assert [found.ape_m, found.rpe_m, found.rpe_deg] == pytest.approx([0, 0, 0], abs=1e-5)
    steps = np.diff([pose[:3, 3] for pose in path], axis=0)
    assert found.path_m == pytest.approx(np.linalg.norm(steps, axis=1).sum())


def test_a_wrong_turn_is_told_in_degrees(evo, path):
    turned = [pose.copy() for pose in path]
    turned[6][:3, :3] = turned[6][:3, :3] @ cv2.Rodrigues(np.array([0, 0, np.radians(2.0)]))[0]
    found = judged([estimate(i, p) for i, p in enumerate(turned)], enumerate(path))
    assert found.rpe_deg == pytest.approx(np.sqrt(2 * 2.0**2 / 11), rel=1e-3)  # 2 of 11 steps
    assert found.ape_m == pytest.approx(0, abs=1e-9)


def test_images_without_a_pose_or_a_true_one_are_not_judged(evo, path):
    estimates = [estimate(i, p) for i, p in enumerate(path)]
    estimates[0] = replace(estimates[0], state=State.INITIALISING, pose=np.diag([9.0] * 4))
    truth = dict(enumerate(path)) | {5: None}
    found = judged(estimates, truth)
    assert (found.frames, found.located) == (12, 11)
    assert found.ape_m == pytest.approx(0, abs=1e-9)
    few = judged(estimates[:3], truth)
    assert (few.located, np.isnan(few.ape_m)) == (2, True)
    assert few.fields()['ape_m'] is None


@pytest.fixture(scope='module')
def room(photos):
    return RoomSource(frames=36)


def test_corners_followed_by_optical_flow_give_the_path_through_the_room(evo, room):
    found = judge(camera_paths(room, {'klt': optical_flow()})['klt'], room.truth)
    assert found.frames == 36 and found.located > 28
    assert found.ape_m < 0.01 * found.path_m and found.rpe_deg < 0.05


def test_the_command_compares_both_on_a_real_drive(evo, data, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    options = ['--device', 'cpu', '--n_limit', '400', '--json']
    kept = ['--cache', str(tmp_path), '--report', str(tmp_path / 'page.html')]
    printed = []
    for _ in range(2):  # the second time from the cache
        assert main(['eval', 'odometry', str(data / 'kitti'), *options, *kept]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and len(list(tmp_path.glob('*.npz'))) == 2
    page = (tmp_path / 'page.html').read_text('utf-8')
    assert page.count('<svg') == 4 and '<td>gftt+klt</td>' in page
    found = json.loads(printed[0])['kitti']
    assert set(found) == {'alike-t', 'gftt+klt'}
    for errors in found.values():
        assert errors['frames'] == 20 and errors['located'] > 10
        assert errors['ape_m'] < 0.05 and errors['rpe_deg'] < 0.2  # of 6 m and 60 degrees
    assert main(['eval', 'odometry', str(data / 'tum'), '--no_klt', *options[:-1]]) == 0
    assert '| alike-t |' in capsys.readouterr().out


def test_without_evo_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'evo.core', None)
    with pytest.raises(BackendError, match='pip install evo'):
        camera_paths(RoomStandIn(), {})


class RoomStandIn:
    """A source that knows neither its camera nor its poses."""

    name, camera, truth = 'stand-in', None, None


def test_what_cannot_be_compared_is_refused_in_a_sentence(evo, data):
    with pytest.raises(CameraError, match='no calibration'):
        camera_paths(RoomStandIn(), {})
    source = KittiSource(data / 'kitti')
    source.truth = None
    with pytest.raises(DatasetError, match='no true poses'):
        camera_paths(source, {})


def test_optical_flow_follows_a_shift_and_fills_up_with_new_ids(rng):
    noise = rng.integers(0, 256, (60, 100), np.uint8)
    canvas = cv2.resize(noise, (800, 480), interpolation=cv2.INTER_CUBIC)
    tracker = FlowTracker(count=100)
    first = tracker.update(canvas[:240, :320])
    second = tracker.update(canvas[3:243, 5:325])
    _, a, b = np.intersect1d(first.ids, second.ids, return_indices=True)
    assert len(a) > 60 and len(second.ids) <= 100
    steps = second.keypoints[b] - first.keypoints[a]
    np.testing.assert_allclose(np.median(steps, axis=0), [-5, -3], atol=0.05)
    fresh = set(second.ids.tolist()) - set(first.ids.tolist())
    assert fresh and min(fresh) > max(first.ids.tolist())


def test_optical_flow_survives_a_blank_image():
    tracker = FlowTracker()
    assert [len(tracker.update(np.zeros((60, 80), np.uint8)).ids) for _ in range(3)] == [0, 0, 0]
