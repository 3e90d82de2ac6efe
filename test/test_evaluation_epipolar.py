"""Errors against epipolar lines, in a scene whose poses and points are known."""

import cv2
import numpy as np
import pytest

from alike_ros.camera import Camera
from alike_ros.evaluation.epipolar import EpipolarLines
from alike_ros.evaluation.predictions import Points, Shot, predict
from alike_ros.evaluation.tracking import summarise_tracks

CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), image_size=(640, 480))


class Poses:
    """A camera that turns and goes to the right; image 3 has no pose, 4 is where 0 was."""

    def pose(self, index):
        if index == 3:
            return None
        pose = np.eye(4)
        if index != 4:
            pose[:3, :3] = cv2.Rodrigues(np.array([0.01, 0.03, -0.02]) * index)[0]
            pose[:3, 3] = [0.2 * index, 0.05 * index, 0.1 * index]
        return pose

    def transfer(self, points, index_a, index_b):
        return np.full((len(points), 2), np.nan)


@pytest.fixture
def world(rng):
    return rng.uniform([-2, -1.5, 5], [2, 1.5, 9], (80, 3))


def seen(world, index):
    pose = Poses().pose(index)
    return CAMERA.project((world - pose[:3, 3]) @ pose[:3, :3])


def test_true_points_lie_on_their_lines(world):
    a, b = seen(world, 0), seen(world, 2)
    np.testing.assert_allclose(EpipolarLines(Poses(), CAMERA).nearest(a, b, 0, 2), b, atol=1e-3)


def test_the_nearest_place_on_the_line_is_less_far_than_the_true_one(world, rng):
    a, b = seen(world, 0), seen(world, 2)
    wrong = b + rng.normal(0, 3, b.shape)
    lines = EpipolarLines(Poses(), CAMERA)
    nearest = lines.nearest(a, wrong, 0, 2)
    np.testing.assert_allclose(lines.nearest(a, nearest, 0, 2), nearest, atol=1e-3)
    off, error = np.linalg.norm(wrong - nearest, axis=1), np.linalg.norm(wrong - b, axis=1)
    assert (off <= error + 1e-3).all() and 1 < np.median(off) < 3


@pytest.mark.parametrize('index', [3, 4])
def test_without_a_pose_or_a_way_there_are_no_lines(world, index):
    a = seen(world, 0)
    assert np.isnan(EpipolarLines(Poses(), CAMERA).nearest(a, a, 0, index)).all()


def test_poses_alone_give_errors_to_lines_and_no_calibration(world, rng):
    def follow(_, stamp):
        points = seen(world, stamp) + (rng.normal(0, 0.5, (80, 2)) if stamp else 0)
        return Points(np.arange(80), points.astype(np.float32), sigmas=np.full(80, 0.5))

    shots = (Shot(k, np.zeros((480, 640), np.uint8), k) for k in range(3))
    found = predict(shots, {'it': follow})['it']
    summary = summarise_tracks(found, Poses(), CAMERA)
    assert summary.error_to == 'line' and summary.judged == 1
    assert summary.median_px == pytest.approx(0.6745 * 0.5, rel=0.2)  # of one axis of two
    assert np.isnan(summary.sigma_mean)
    assert summarise_tracks(found, Poses()).error_to == ''
