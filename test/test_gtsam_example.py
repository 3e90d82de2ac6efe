"""The GTSAM example gives the path of a real drive."""

import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import absent

from alike_ros.bags import BagWriter
from alike_ros.cli.main import main
from alike_ros.datasets.kitti import KittiSource

EXAMPLE = Path(__file__).parents[1] / 'examples' / 'gtsam_trajectory.py'
pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11) or platform.machine() != 'x86_64',
    reason='gtsam has no wheel for this machine',
)


@pytest.fixture
def run():
    if find_spec('gtsam') is None:
        absent('gtsam is not installed: pip install gtsam')

    def run_example(*arguments):
        command = [sys.executable, EXAMPLE, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    return run_example


def aligned(points, truth):
    """Bring points (N, 3) onto the truth by the best rotation, translation and scale (Umeyama)."""
    a, b = points - points.mean(axis=0), truth - truth.mean(axis=0)
    u, values, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (values * signs).sum() / (a**2).sum()
    return scale * a @ (u * signs @ vt).T + truth.mean(axis=0)


def test_the_trajectory_of_a_kitti_drive_is_right_to_centimetres(run, data, tmp_path, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    bag, trajectory = tmp_path / 'tracks.mcap', tmp_path / 'trajectory.txt'
    options = ['--device', 'cpu', '--n_limit', '400', '--descriptor_type', 'none']
    assert main(['track', str(data / 'kitti'), str(bag), *options]) == 0
    done = run(bag, trajectory)
    assert done.returncode == 0, done.stderr
    rows = np.loadtxt(trajectory)
    truth = np.array(KittiSource(data / 'kitti').truth.poses)[:, :3, 3]
    assert len(rows) == len(truth) == 20
    errors = np.linalg.norm(aligned(rows[:, 1:4], truth) - truth, axis=1)
    assert np.sqrt((errors**2).mean()) < 0.05  # m, of a path of 7.4 m


def test_tracks_without_calibration_are_refused_in_a_sentence(run, tmp_path):
    bag = tmp_path / 'tracks.mcap'
    nan = np.full(3, np.nan, np.float32)
    with BagWriter(bag) as writer:
        fields = {'header': (1, 'camera'), 'id': np.arange(3), 'u': nan, 'x': nan, 'y': nan}
        writer.write('/frontend/tracks', 'alike_ros/msg/Tracks', fields, 1)
    done = run(bag, tmp_path / 'trajectory.txt')
    assert done.returncode == 1
    assert 'camera_info' in done.stderr and 'Traceback' not in done.stderr
