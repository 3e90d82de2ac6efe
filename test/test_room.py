"""The rendered room: drawn geometry and ground truth are the same, to hundredths of a pixel."""

import sys
import time

import cv2
import numpy as np
import pytest

from alike_ros.datasets import room_photos
from alike_ros.datasets.planes import LEVELS, Plane, View, cast
from alike_ros.datasets.rendering import render
from alike_ros.datasets.room import RoomSource, RoomTruth
from alike_ros.errors import DatasetError

MATRIX = np.array([[520.0, 0, 319.5], [0, 520.0, 239.5], [0, 0, 1]])
TEXELS = 16 * 2**LEVELS + 1


@pytest.fixture(scope='module')
def room(photos) -> RoomSource:
    return RoomSource(frames=60, noise=0)


def dotted_plane(distance: float, slant: float, sigma: float) -> tuple[Plane, np.ndarray]:
    """Make a dark plane 2 m wide with 5 x 5 bright dots, and the dots' places (25, 3) m."""
    grid = np.linspace(0.1, 0.9, 5) * (TEXELS - 1)
    x, y = (centre.ravel() for centre in np.meshgrid(grid.round(), grid.round()))
    across, along = np.meshgrid(np.arange(TEXELS), np.arange(TEXELS))
    field = np.zeros((TEXELS, TEXELS))
    for column, row in zip(x, y, strict=True):
        field += np.exp(-((across - column) ** 2 + (along - row) ** 2) / (2 * sigma**2))
    texture = np.repeat((20 + 200 * field).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    right = 2 * np.array([np.cos(slant), 0, np.sin(slant)])
    down = np.array([0, 2.0, 0])
    plane = Plane(np.array([0, 0, distance]) - right / 2 - down / 2, right, down, texture)
    parts = np.column_stack([x, y]) / (TEXELS - 1)
    return plane, plane.origin + parts[:, :1] * right + parts[:, 1:] * down


def centroid(image: np.ndarray, place: np.ndarray, radius: int) -> np.ndarray:
    column, row = place.round().astype(int)
    patch = image[row - radius : row + radius + 1, column - radius : column + radius + 1, 0]
    weights = patch.astype(float) - patch.min()
    offsets = np.arange(-radius, radius + 1)
    shift = np.array([(weights.sum(0) * offsets).sum(), (weights.sum(1) * offsets).sum()])
    return np.array([column, row]) + shift / weights.sum()


@pytest.mark.parametrize('distance, sigma', [(1.7, 4.0), (3.3, 6.0), (6.5, 12.0)])
def test_a_drawn_dot_is_within_two_hundredths_of_a_pixel_of_its_projection(distance, sigma):
    plane, dots = dotted_plane(distance, 0.0, sigma)
    pose = np.eye(4)
    pose[:3, 3] = [0.0131, -0.0237, 0.0]
    view = View(MATRIX, (640, 480), pose)
    image = render([plane], view)
    pixels, _ = view.project(dots)
    radius = int(np.ceil(3.5 * sigma / (TEXELS - 1) * 2 * 520 / distance))
    inside = ((pixels > radius + 1) & (pixels < np.array([640, 480]) - radius - 2)).all(axis=1)
    found = np.array([centroid(image, place, radius) for place in pixels[inside]])
    assert len(found) >= 9
    assert np.abs(found - pixels[inside]).max() < 0.02
    assert np.abs((found - pixels[inside]).mean(axis=0)).max() < 0.01


def test_what_is_drawn_at_a_pixel_is_the_plane_that_its_ray_hits(room):
    planes = [
        Plane(p.origin, p.right, p.down, np.full_like(p.texture, 10 * k + 5), p.object_centre)
        for k, p in enumerate(room.truth.planes)
    ]
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    for index in (0, 25, 50):
        view = room.truth.view(index)
        image = render(planes, view)[..., 0].astype(int)
        expected, _ = cast(planes, view, np.column_stack([x.ravel(), y.ravel()]).astype(float))
        expected = 10 * expected.reshape(480, 640) + 5
        assert (expected > 0).all()
        flat = np.ones((5, 5), np.uint8)
        interior = cv2.erode(expected.astype(np.uint8), flat) == cv2.dilate(
            expected.astype(np.uint8), flat
        )
        interior[[0, 1, -2, -1]] = interior[:, [0, 1, -2, -1]] = False
        assert interior.mean() > 0.9
        assert (image == expected)[interior].all()


@pytest.mark.parametrize('shift', [0.0131, 0.0142, 0.0155, 0.0168])
def test_the_edge_of_a_plane_covers_pixels_by_area(shift):
    texture = np.full((33, 33, 3), 200, np.uint8)
    right, down = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    plane = Plane(np.array([shift, -0.5, 2.0]), right, down, texture)
    row = render([plane], View(MATRIX, (640, 480), np.eye(4)))[240, :, 0] / 200
    left = 319.5 + 520 * shift / 2
    pixel = round(left)
    assert row[pixel - 1] == 0
    assert row[pixel] == pytest.approx(pixel + 0.5 - left, abs=0.01)
    assert row[pixel + 1] == 1
    assert row.sum() == pytest.approx(260, abs=0.02)


def test_nothing_shines_through_the_edge_that_two_walls_share():
    texture = np.full((33, 33, 3), 200, np.uint8)
    down, half = np.array([0, 1.0, 0]), np.array([1.0, 0, 0.3])
    left = Plane(np.array([-1.0, -0.5, 2.3]), half * [1, 1, -1], down, texture)
    right = Plane(np.array([0.0, -0.5, 2.0]), half, down, texture)
    pose = np.eye(4)
    pose[:3, 3] = [0.0137, 0, 0]
    image = render([left, right], View(MATRIX, (640, 480), pose))
    assert (image[240, 120:520] == 200).all()


def test_pictures_have_no_more_detail_than_pixels_can_hold(room):
    """Against a picture of 4 x 4 more samples, averaged: aliasing would show as difference."""
    truth = room.truth
    scale = 4
    matrix = np.diag([scale, scale, 1.0]) @ truth.matrix
    matrix[:2, 2] += (scale - 1) / 2
    for index in (0, 40):
        fine = render(truth.planes, View(matrix, (640 * scale, 480 * scale), truth.pose(index)))
        reference = cv2.resize(fine, (640, 480), interpolation=cv2.INTER_AREA).astype(float)
        difference = render(truth.planes, truth.view(index)) - reference
        assert np.sqrt((difference**2).mean()) < 6
        assert abs(difference.mean()) < 0.1


def test_the_room_fills_every_pixel_and_is_textured_everywhere(room):
    for index in range(0, 60, 15):
        assert np.isfinite(room.truth.depth(index)).all()
        grey = cv2.cvtColor(room.frame(index).image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        blocks = grey.reshape(8, 60, 8, 80).std(axis=(1, 3))
        assert np.median(blocks) > 10
        assert (blocks > 2).all()


@pytest.mark.parametrize('index_a, index_b', [(0, 1), (0, 30), (29, 59)])
def test_pictures_of_two_frames_agree_to_hundredths_of_a_pixel(room, index_a, index_b):
    """Frame a, moved by the truth to where frame b sees it, lies on frame b."""
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    pixels = np.column_stack([x.ravel(), y.ravel()])
    origins = room.truth.transfer(pixels, index_b, index_a).reshape(480, 640, 2)
    known = np.isfinite(origins[..., 0])
    grey_a, grey_b = (
        cv2.cvtColor(room.frame(index).image, cv2.COLOR_RGB2GRAY) for index in (index_a, index_b)
    )
    moved = cv2.remap(grey_a, origins.astype(np.float32), None, cv2.INTER_CUBIC)
    moved[~known] = 0
    mask = cv2.erode(known.astype(np.uint8), np.ones((25, 25)))
    corners = cv2.goodFeaturesToTrack(grey_b, 500, 0.01, 8, mask=mask)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        grey_b,
        moved,
        corners,
        corners.copy(),
        winSize=(15, 15),
        maxLevel=0,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    offsets = (found - corners)[status[:, 0] == 1].reshape(-1, 2)
    assert len(offsets) > 200
    assert np.abs(np.median(offsets, axis=0)).max() < 0.01
    assert np.median(np.linalg.norm(offsets, axis=1)) < 0.06


def test_hidden_points_are_not_transferred(room):
    truth = room.truth
    x, y = np.meshgrid(np.arange(4, 640, 8), np.arange(4, 480, 8))
    points = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    moved = truth.transfer(points, 0, 20)
    seen = np.isfinite(moved).all(axis=1)
    view_a, view_b = truth.view(0), truth.view(20)
    _, depth_a = cast(truth.planes, view_a, points)
    pixels, depth = view_b.project(view_a.position + view_a.rays(points) * depth_a[:, None])
    inside = view_b.contains(pixels)
    _, depth_b = cast(truth.planes, view_b, pixels)
    hidden = inside & (depth_b < depth - 1e-3)
    assert hidden.sum() > 20
    assert not seen[hidden].any()
    assert not seen[~inside].any()
    np.testing.assert_allclose(truth.transfer(moved[seen], 20, 0), points[seen], atol=1e-6)


def test_a_transfer_onto_the_same_frame_moves_nothing(room, rng):
    points = rng.uniform([0, 0], [639, 479], (200, 2))
    np.testing.assert_allclose(room.truth.transfer(points, 5, 5), points, atol=1e-9)


def test_points_outside_of_the_room_and_nan_are_not_transferred(room):
    moved = room.truth.transfer(np.array([[np.nan, 3.0], [100.0, 100.0]]), 0, 1)
    assert np.isnan(moved[0]).all()
    assert np.isfinite(moved[1]).all()


def test_the_camera_never_stands_still_and_never_leaves_the_room(room):
    truth = RoomTruth(room.truth.planes, MATRIX, (640, 480), 3000)
    x, y = np.meshgrid(np.arange(20, 640, 40), np.arange(20, 480, 40))
    points = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    for index in range(0, 2700, 45):
        moved = truth.transfer(points, index, index + 1)
        assert 4 < np.nanmedian(np.linalg.norm(moved - points, axis=1)) < 15
        assert np.nanmin(truth.depth_at(points, index)) > 0.4


def test_poses_are_rotations_of_a_camera_that_is_upright(room):
    for index in range(0, 60, 10):
        pose = room.truth.pose(index)
        np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-12)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
        assert pose[2, 1] < -0.9  # the image's down is the world's down


def test_a_camera_that_rolls_turns_the_image_about_its_middle():
    still, rolling = (RoomSource(frames=4, roll=roll).truth for roll in (0.0, 10.0))
    middle = np.array([(639 / 2, 479 / 2)])
    for index in range(4):
        turn = still.pose(index)[:3, :3].T @ rolling.pose(index)[:3, :3]
        angle = np.rad2deg(np.arctan2(turn[1, 0], turn[0, 0]))
        assert angle == pytest.approx(10 * index) and turn[2, 2] == pytest.approx(1)
        depths = (truth.depth_at(middle, index) for truth in (still, rolling))
        np.testing.assert_allclose(*depths)


def test_the_same_seed_gives_the_same_images_in_any_order():
    options = {'frames': 3, 'size': (160, 120)}
    one, other = RoomSource(**options, seed=4), RoomSource(**options, seed=4)
    forth = [frame.image for frame in one]
    back = [other.frame(index).image for index in (2, 1, 0)][::-1]
    np.testing.assert_array_equal(forth, back)
    changed = RoomSource(**options, seed=5).frame(0).image.astype(float) - forth[0]
    assert 1.5 < changed.std() < 4


def test_stamps_are_even_and_lead_back_to_the_frame(room):
    stamps = [room.frame(index).stamp_ns for index in range(3)]
    assert np.diff(stamps).tolist() == [33_333_333] * 2
    assert [room.index_of(stamp) for stamp in stamps] == [0, 1, 2]
    assert room.index_of(stamps[0] + 1) is None


def test_a_frame_is_drawn_in_less_than_a_tenth_of_a_second(room):
    times = []
    for index in range(10):
        start = time.perf_counter()
        room.frame(index)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_missing_photographs_are_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setattr(room_photos.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(DatasetError, match=r'pip install alike_ros\[room\]'):
        RoomSource()


def test_the_photographs_are_found_without_importing_scikit_image(room):
    assert 'skimage' not in sys.modules


@pytest.mark.parametrize('wrong', [{'frames': 0}, {'size': (8, 480)}, {'noise': -1}])
def test_a_room_that_cannot_be_is_refused(wrong):
    with pytest.raises(DatasetError, match='the room needs'):
        RoomSource(**wrong)
