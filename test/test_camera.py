"""Known answers and round trips of intrinsics, distortion, ROI and binning."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from alike_ros.camera import (
    Camera,
    camera_from_info,
    camera_from_yaml,
    camera_info_fields,
)
from alike_ros.errors import CameraError


def matrix(fx, fy, cx, cy):
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


CAMERAS = {
    'kitti': Camera(matrix(718.856, 718.856, 607.1928, 185.2157), image_size=(1241, 376)),
    'tum': Camera(
        matrix(520.9, 521.0, 325.1, 249.7),
        (0.2312, -0.7849, -0.0033, -0.0001, 0.9172),
        image_size=(640, 480),
    ),
    'euroc': Camera(
        matrix(458.654, 457.296, 367.215, 248.375),
        (-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05),
        image_size=(752, 480),
    ),
    'rational': Camera(
        matrix(610.0, 610.0, 640.0, 366.0),
        (0.5, -2.7, 1e-3, -2e-4, 1.6, 0.4, -2.5, 1.5),
        'rational_polynomial',
        (1280, 720),
    ),
    'fisheye': Camera(
        matrix(380.0, 381.0, 322.0, 239.0), (-0.02, 0.01, -0.005, 0.001), 'equidistant', (640, 480)
    ),
}
EVERY_CAMERA = pytest.mark.parametrize('camera', CAMERAS.values(), ids=CAMERAS.keys())


def info(**changes):
    """Make a CameraInfo without distortion, 640 x 480; keywords replace fields."""
    fields = {
        'width': 640,
        'height': 480,
        'distortion_model': 'plumb_bob',
        'd': [0.0] * 5,
        'k': matrix(500.0, 510.0, 320.0, 240.0).ravel(),
        'p': np.column_stack([matrix(400.0, 400.0, 300.0, 200.0), np.zeros(3)]).ravel(),
        'binning_x': 0,
        'binning_y': 0,
        'roi': roi(),
    }
    return SimpleNamespace(**{**fields, **changes})


def roi(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False):
    return SimpleNamespace(
        x_offset=x_offset, y_offset=y_offset, width=width, height=height, do_rectify=do_rectify
    )


def grid(camera):
    width, height = camera.image_size
    x, y = np.meshgrid(np.linspace(0, width - 1, 25), np.linspace(0, height - 1, 19))
    return np.column_stack([x.ravel(), y.ravel()])


@EVERY_CAMERA
def test_every_pixel_comes_back_from_its_ray(camera):
    pixels = grid(camera)
    rays = camera.normalise(pixels)
    again = camera.project(np.column_stack([rays, np.ones(len(rays))]) * 3.5)
    assert rays.dtype == np.float32
    assert np.abs(again - pixels).max() < 1e-3


@EVERY_CAMERA
def test_every_ray_comes_back_from_its_pixel_within_1e_6(camera):
    rays = camera.normalise(grid(camera)).astype(float)
    pixels = camera.project(np.column_stack([rays, np.ones(len(rays))]))
    assert np.abs(camera.normalise(pixels) - rays).max() < 1e-6


@EVERY_CAMERA
def test_projection_agrees_with_opencv(camera):
    rays = camera.normalise(grid(camera)).astype(float)
    scene = np.column_stack([rays, np.ones(len(rays))])[:, None] * 2
    project = cv2.fisheye.projectPoints if camera.model == 'equidistant' else cv2.projectPoints
    arguments = scene, np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion)
    expected = project(*arguments)[0].reshape(-1, 2)
    np.testing.assert_allclose(camera.project(scene.reshape(-1, 3)), expected, atol=1e-6)


def test_a_pixel_without_distortion_is_offset_over_focal_length():
    rays = CAMERAS['kitti'].normalise([[607.1928 + 718.856, 185.2157 - 71.8856]])
    np.testing.assert_allclose(rays, [[1.0, -0.1]], atol=1e-6)


def test_an_ideal_fisheye_maps_45_degrees_to_quarter_pi_focal_lengths():
    camera = Camera(matrix(300.0, 300.0, 0.0, 0.0), model='equidistant')
    np.testing.assert_allclose(camera.normalise([[300 * np.pi / 4, 0]]), [[1, 0]], atol=1e-6)


def test_a_fisheye_pixel_at_90_degrees_and_beyond_has_no_ray():
    camera = Camera(matrix(300.0, 300.0, 0.0, 0.0), model='equidistant')
    assert np.isnan(camera.normalise([[300 * np.pi / 2, 0], [600.0, 0]])).all()


def test_a_pixel_that_no_ray_reaches_is_nan():
    camera = Camera(matrix(100.0, 100.0, 0.0, 0.0), (-0.5, 0.0, 0.0, 0.0))  # folds at r = 0.816
    rays = camera.normalise([[200.0, 0.0], [10.0, 0.0], [np.nan, 0.0]])
    assert np.isnan(rays).any(axis=1).tolist() == [True, False, True]


@EVERY_CAMERA
def test_no_points_give_no_points(camera):
    assert camera.normalise(np.zeros((0, 2), np.float32)).shape == (0, 2)
    assert camera.project(np.zeros((0, 3))).shape == (0, 2)


def test_points_at_and_behind_the_camera_have_no_pixel():
    assert np.isnan(CAMERAS['tum'].project([[0, 0, 0], [1, 1, -1]])).all()


def test_without_calibration_there_is_no_camera():
    assert camera_from_info(info(k=[0.0] * 9)) is None


def test_roi_moves_the_principal_point_before_binning_divides():
    msg = info(roi=roi(100, 40, 400, 200, True), binning_x=2, binning_y=4)
    camera = camera_from_info(msg)
    np.testing.assert_allclose(camera.matrix, matrix(250, 127.5, 110, 50))
    assert camera.image_size == (200, 50)


def test_binning_of_0_is_1_and_an_empty_roi_is_the_full_image():
    camera = camera_from_info(info())
    np.testing.assert_allclose(camera.matrix, matrix(500, 510, 320, 240))
    assert camera.image_size == (640, 480)


def test_the_same_ray_is_seen_in_the_binned_roi_and_the_full_image():
    full = camera_from_info(info())
    part = camera_from_info(info(roi=roi(100, 40, 400, 200), binning_x=2, binning_y=2))
    np.testing.assert_allclose(
        full.normalise([[300.0, 140.0]]), part.normalise([[100.0, 50.0]]), atol=1e-7
    )


def test_rectified_images_use_p_without_distortion():
    msg = info(d=[-0.3, 0.1, 0.0, 0.0, 0.0], binning_x=2, binning_y=2)
    camera = camera_from_info(msg, rectified=True)
    np.testing.assert_allclose(camera.matrix, matrix(200, 200, 150, 100))
    assert camera.distortion == ()


def test_ros_1_names_are_read_too():
    msg = info(D=[0.1, 0, 0, 0, 0], K=info().k, P=info().p)
    for name in 'dkp':
        delattr(msg, name)
    assert camera_from_info(msg).distortion == (0.1, 0, 0, 0, 0)


@pytest.mark.parametrize('model', ['', 'none', 'plumb_bob', 'equidistant'])
def test_no_coefficients_mean_no_distortion(model):
    assert camera_from_info(info(distortion_model=model, d=[])).distortion == ()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': [1.0] * 8}, 'expected 9 numbers in k'),
        ({'k': [np.nan] * 9}, 'finite'),
        ({'k': matrix(-5.0, 5.0, 1.0, 1.0).ravel()}, 'fx, fy > 0'),
        ({'d': [0.1, 0.2]}, 'plumb_bob has 4 or 5 coefficients, got 2'),
        ({'d': [np.inf, 0, 0, 0, 0]}, 'finite distortion'),
        ({'distortion_model': 'thin_air', 'd': [0.1] * 5}, "unknown distortion model 'thin_air'"),
        ({'distortion_model': '', 'd': [0.1] * 5}, 'unknown distortion model'),
    ],
)
def test_nonsense_says_what_is_wrong(changes, words):
    with pytest.raises(CameraError, match=words):
        camera_from_info(info(**changes))


def test_rectified_without_p_says_so():
    with pytest.raises(CameraError, match='P of their camera_info is zero'):
        camera_from_info(info(p=[0.0] * 12), rectified=True)


@EVERY_CAMERA
def test_camera_info_fields_come_back_as_the_same_camera(camera):
    again = camera_from_info(SimpleNamespace(**camera_info_fields(camera)))
    np.testing.assert_array_equal(again.matrix, camera.matrix)
    assert again.distortion == camera.distortion
    assert (again.model, again.image_size) == (camera.model, camera.image_size)


CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: left
camera_matrix: {rows: 3, cols: 3, data: [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.0, 0.0, 0.0]}
"""


def test_the_yaml_of_camera_calibration_is_read(tmp_path):
    path = tmp_path / 'ost.yaml'
    path.write_text(CALIBRATION)
    camera = camera_from_yaml(path)
    np.testing.assert_allclose(camera.matrix, matrix(500, 510, 320, 240))
    assert camera.distortion == (0.1, -0.2, 0, 0, 0)


@pytest.mark.parametrize('text', ['', 'a: 1', '{', CALIBRATION.replace('640', 'wide')])
def test_another_yaml_is_a_camera_error_that_names_the_file(tmp_path, text):
    path = tmp_path / 'ost.yaml'
    path.write_text(text)
    with pytest.raises(CameraError, match='ost.yaml'):
        camera_from_yaml(path)
