"""Geometry of camera pairs, held to projections of points in space."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from alike_ros.camera import Camera
from alike_ros.errors import CameraError
from alike_ros.stereo_camera import StereoCamera, stereo_from_infos

EYE = np.eye(3)
K = np.array([[458.0, 0, 367], [0, 457, 248], [0, 0, 1]])
BARREL = (-0.28, 0.074, 1.9e-4, 1.8e-5)
LENSES = {
    'none': Camera(K, image_size=(752, 480)),
    'plumb_bob': Camera(K, BARREL, image_size=(752, 480)),
    'equidistant': Camera(K * [[0.6], [0.6], [1]], (0.1, 0.01, 0, 0), 'equidistant', (752, 480)),
}


def pose(rotation_deg, translation):
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.radians(np.array(rotation_deg, float)))[0]
    matrix[:3, 3] = translation
    return matrix


def scene(rng, count=200):
    return rng.uniform([-1, -0.8, 2], [1, 0.8, 9], (count, 3))


def seen_by_both(stereo, points):
    local = points @ stereo.right_from_left[:3, :3].T + stereo.right_from_left[:3, 3]
    return stereo.left.project(points), stereo.right.project(local)


@pytest.mark.parametrize('lens', LENSES)
@pytest.mark.parametrize(
    'place',
    [
        pose([0, 0, 0], [-0.11, 0, 0]),
        pose([1, -2, 0.7], [-0.11, 0.004, 0.01]),  # turned, as real pairs are
        pose([0, 0, 0], [0, -0.2, 0]),  # one above the other
        pose([0, 3, 0], [0.15, 0, 0]),  # the "right" camera on the left
    ],
    ids=['parallel', 'turned', 'vertical', 'swapped'],
)
def test_matches_share_a_row_and_their_disparity_gives_the_depth(rng, lens, place):
    stereo = StereoCamera(LENSES[lens], LENSES['plumb_bob'], place)
    points = scene(rng)
    left, right = seen_by_both(stereo, points)
    a, b = stereo.rectify_left(left), stereo.rectify_right(right)
    assert np.abs(a[:, 1] - b[:, 1]).max() < 2e-3
    disparities = a[:, 0] - b[:, 0]
    assert (disparities > 0).all()
    assert np.allclose(stereo.depth(a, disparities), points[:, 2], rtol=1e-3)
    assert np.abs(stereo.unrectify_left(a) - left).max() < 2e-3
    assert np.abs(stereo.unrectify_right(b) - right).max() < 2e-3


def test_a_rectified_pair_keeps_its_pixels():
    right = Camera(K + [[0, 0, 31], [0, 0, 0], [0, 0, 0]], image_size=(752, 480))
    stereo = StereoCamera(LENSES['none'], right, pose([0, 0, 0], [-0.11, 0, 0]))
    points = np.array([[10.0, 20], [367, 248]])
    square = points * [1, 458 / 457]  # fy differs from fx: rectified pixels are square
    assert np.allclose(stereo.rectify_left(points), square - [367, 248 * 458 / 457], atol=1e-4)
    assert np.allclose(stereo.rectify_right(points)[:, 0], points[:, 0] - 398, atol=1e-4)


def info(k, d, r, p):
    return SimpleNamespace(
        width=752,
        height=480,
        distortion_model='plumb_bob',
        k=np.ravel(k),
        d=np.array(d),
        r=np.ravel(r),
        p=np.ravel(p),
    )


def infos(place):
    """Camera_info of a pair as camera_calibration writes it."""
    size = (752, 480)
    rotation, shift = place[:3, :3], place[:3, 3]
    d = np.array([*BARREL, 0.0])
    r_left, r_right, p_left, p_right, *_ = cv2.stereoRectify(
        K, d, K, d, size, rotation, shift, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0
    )
    return info(K, d, r_left, p_left), info(K, d, r_right, p_right)


def test_camera_info_of_unrectified_images_gives_the_calibrated_pose():
    place = pose([1, -2, 0.7], [-0.11, 0.004, 0.01])
    stereo = stereo_from_infos(*infos(place), rectified=False)
    assert np.allclose(stereo.right_from_left, place, atol=1e-9)
    assert stereo.left.distortion == (*BARREL, 0.0)


def test_camera_info_of_rectified_images_gives_baseline_and_depth(rng):
    left_info, right_info = infos(pose([1, -2, 0.7], [-0.11, 0.004, 0.01]))
    stereo = stereo_from_infos(left_info, right_info, rectified=True)
    assert stereo.baseline_m == pytest.approx(np.linalg.norm([0.11, 0.004, 0.01]))
    points = scene(rng)
    homogeneous = np.column_stack([points, np.ones(len(points))])
    pixels = [homogeneous @ each.p.reshape(3, 4).T for each in (left_info, right_info)]
    left, right = (each[:, :2] / each[:, 2:] for each in pixels)
    a, b = stereo.rectify_left(left), stereo.rectify_right(right)
    assert np.abs(a[:, 1] - b[:, 1]).max() < 1e-3
    assert np.allclose(stereo.depth(a, a[:, 0] - b[:, 0]), points[:, 2], rtol=1e-3)


def test_region_of_interest_and_binning_leave_the_baseline_as_it_is():
    left_info, right_info = infos(pose([0, 0, 0], [-0.11, 0, 0]))
    for each in (left_info, right_info):
        each.binning_x = each.binning_y = 2
        each.roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    stereo = stereo_from_infos(left_info, right_info, rectified=True)
    assert stereo.baseline_m == pytest.approx(0.11)
    assert stereo.focal_px == pytest.approx(left_info.p[0] / 2)


def test_what_is_no_pair_says_what_to_do():
    left_info, right_info = infos(pose([0, 0, 0], [-0.11, 0, 0]))
    with pytest.raises(CameraError, match=r'P\[3\] of the right camera_info'):
        stereo_from_infos(left_info, left_info, rectified=True)
    right_info.r = np.zeros(9)
    with pytest.raises(CameraError, match='calibrate the cameras as a pair'):
        stereo_from_infos(left_info, right_info, rectified=False)
    right_info.k = np.zeros(9)
    assert stereo_from_infos(left_info, right_info, rectified=False) is None
    with pytest.raises(CameraError, match='a 4 x 4 pose'):
        StereoCamera(LENSES['none'], LENSES['none'], EYE)
    for place in (pose([0, 0, 0], [0, 0, -0.3]), pose([0, 180, 0], [-0.1, 0, 0])):
        with pytest.raises(CameraError, match='along the line between them, or away'):
            StereoCamera(LENSES['none'], LENSES['none'], place)
