"""Stereo matches: known answers, Middlebury's true disparities, and EuRoC's real lenses."""

from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from alike_ros.camera import Camera
from alike_ros.config import StereoConfig
from alike_ros.datasets.euroc import open_rig
from alike_ros.datasets.files import read_image
from alike_ros.extractor import Extractor
from alike_ros.stereo import match_stereo, near_rows
from alike_ros.stereo_camera import StereoCamera
from alike_ros.structures import Features

FOCAL, BASELINE = 400.0, 0.1


def parallel_pair(doffs=0.0, focal=FOCAL, baseline=BASELINE, centre=(320, 240)):
    """A rectified pair; doffs: px between the principal points, as Middlebury has it."""
    left = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    right = left + [[0, 0, doffs], [0, 0, 0], [0, 0, 0]]
    place = np.eye(4)
    place[0, 3] = -baseline
    return StereoCamera(Camera(left), Camera(right), place)


def features(points, descriptors, sigma=0.5):
    points = np.array(points, np.float32).reshape(-1, 2)
    rows = np.eye(8, dtype=np.float32)[descriptors]
    ones = np.ones(len(points), np.float32)
    return Features(points, ones, rows, ones * np.float32(sigma), (640, 480))


def test_depth_and_its_sigma_follow_from_disparity_and_both_sigmas():
    left = features([[300, 100], [200, 200]], [0, 1], sigma=0.3)
    right = features([[190, 200.5], [280, 100]], [1, 0], sigma=0.4)
    found = match_stereo(parallel_pair(), left, right, StereoConfig())
    assert found.matches.index_a.tolist() == [0, 1]
    assert found.matches.index_b.tolist() == [1, 0]
    assert np.allclose(found.disparities, [20, 10], atol=1e-3)
    assert np.allclose(found.depths, [2, 4], rtol=1e-4)  # 400 px * 0.1 m / disparity
    assert np.allclose(found.epipolar_errors, [0, 0.5], atol=1e-3)
    assert np.allclose(found.depth_sigmas, np.array([2, 4]) ** 2 / 40 * 0.5, rtol=1e-3)
    depths, sigmas = found.depths_of_left(3)
    assert np.allclose(depths, [2, 4, np.nan], rtol=1e-4, equal_nan=True)
    assert np.isnan(sigmas[2])


@pytest.mark.parametrize(
    'right, why',
    [
        ([280, 103], 'off its row'),
        ([301, 100], 'behind the camera'),
        ([299, 100], 'farther than max_depth'),
        ([100, 100], 'nearer than min_depth'),
    ],
)
def test_what_geometry_forbids_is_no_match(right, why):
    config = StereoConfig(epipolar_tolerance=2.0, min_depth=0.5, max_depth=10.0)
    left = features([[300, 100]], [0])
    assert len(match_stereo(parallel_pair(), left, features([right], [0]), config)) == 0, why
    assert len(match_stereo(parallel_pair(), left, features([[280, 100]], [0]), config)) == 1


def test_a_better_match_off_the_row_does_not_stand_in_the_way():
    left = features([[300, 100]], [0])
    right = features([[280, 300], [280, 101]], [0, 0])
    found = match_stereo(parallel_pair(), left, right, StereoConfig())
    assert found.matches.index_b.tolist() == [1]


def test_no_keypoints_give_no_matches(rng):
    none, one = features([], []), features([[300, 100]], [0])
    grey = rng.integers(0, 256, (480, 640), np.uint8)
    for left, right in ((none, one), (one, none), (none, none)):
        assert len(match_stereo(parallel_pair(), left, right, StereoConfig())) == 0
        images = (grey, grey)
        assert len(match_stereo(parallel_pair(), left, right, StereoConfig(), images)) == 0


def test_near_rows_are_all_pairs_within_the_tolerance(rng):
    a, b = rng.random(80) * 100, rng.random(70) * 100
    a[3] = b[5] = np.nan
    found = set(zip(*(each.tolist() for each in near_rows(a, b, 1.5)), strict=True))
    assert found == set(zip(*map(list, np.nonzero(np.abs(a[:, None] - b) <= 1.5)), strict=True))


@pytest.mark.parametrize('shift', [-1.3, 0.0, 0.4, 1.25])
def test_refinement_finds_the_shift_of_the_image(rng, shift):
    """Keypoints are off by up to a pixel; the image says where they belong."""
    noise = cv2.GaussianBlur(rng.random((480, 640)), (0, 0), 1.5)
    texture = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    disparity = 20 + shift
    moved = cv2.warpAffine(texture, np.array([[1, 0, -disparity], [0, 1, 0]]), (640, 480))
    points = rng.uniform([100, 50], [540, 430], (8, 2))
    names = np.arange(8)
    left, right = features(points, names), features(points - [20, 0], names)
    plain = match_stereo(parallel_pair(), left, right, StereoConfig())
    found = match_stereo(parallel_pair(), left, right, StereoConfig(), (texture, moved))
    assert len(found) == 8
    assert np.allclose(plain.disparities, 20, atol=1e-3)
    assert np.allclose(found.disparities, disparity, atol=0.15)
    assert (found.disparity_sigmas < 0.2).all()


def test_matches_whose_surroundings_differ_go(rng):
    left_image, right_image = rng.integers(0, 256, (2, 480, 640), np.uint8)
    points = rng.uniform([100, 50], [540, 430], (8, 2))
    left, right = features(points, np.arange(8)), features(points - [20, 0], np.arange(8))
    images = (left_image, right_image)
    assert len(match_stereo(parallel_pair(), left, right, StereoConfig(), images)) == 0
    blank = (np.zeros_like(left_image), right_image)
    assert len(match_stereo(parallel_pair(), left, right, StereoConfig(), blank)) == 0


@pytest.fixture
def extractor(data):
    """Make an extractor with official weights that is closed at the end."""
    with ExitStack() as opened:

        def make(model, **parameters):
            weights = str(data / 'models' / f'{model}.pth')
            made = Extractor(model=model, weights=weights, device='cpu', **parameters)
            return opened.enter_context(made)

        yield make


@pytest.mark.parametrize('model', ['alike-t', 'alike-n'])
def test_disparities_of_the_middlebury_pair_are_true(data, extractor, model):
    """Calibration as scikit-image documents it for these images of a quarter of the size."""
    folder, doffs = data / 'stereo_motorcycle', 31.086
    images = tuple(read_image(folder / f'motorcycle_{side}.png') for side in ('left', 'right'))
    truth = np.load(folder / 'motorcycle_disp.npz')['arr_0']
    stereo = parallel_pair(doffs, 994.978, 0.193001, (311.193, 254.877))
    left, right = extractor(model).extract_many(images)
    config = StereoConfig(min_depth=1.0, max_depth=20.0)
    for refined, least_share, most_px in ((False, 0.83, 0.35), (True, 0.92, 0.14)):
        found = match_stereo(stereo, left, right, config, images if refined else None)
        x, y = np.rint(left.keypoints[found.matches.index_a]).astype(int).T
        known = np.isfinite(truth[y, x])
        error = np.abs(found.disparities - doffs - truth[y, x])[known]
        share, median = (error <= 1).mean(), np.median(error)
        within = (error <= found.disparity_sigmas[known]).mean()
        print(
            f'\nmotorcycle {model} refined={refined}: {len(left)} and {len(right)} keypoints, '
            f'{len(found)} matches, {known.sum()} with truth, {share:.1%} within 1 px, median '
            f'{median:.3f} px, {within:.0%} within sigma'
        )
        assert known.sum() > 700
        assert share > least_share
        assert median < most_px
        assert 0.6 < within < 0.9


@pytest.mark.parametrize('model', ['alike-t', 'alike-n'])
def test_real_lenses_need_no_rectified_images(data, extractor, model):
    """EuRoC: distorted images, no true depth; a camera that stands still sees the same twice."""
    rig, sources = open_rig(data / 'euroc')
    stereo = rig.stereo(0, 1)
    assert list(rig.overlaps()) == [(0, 1)]
    assert stereo.baseline_m == pytest.approx(0.11, abs=1e-3)
    config = StereoConfig(min_depth=0.3, max_depth=30.0)
    network, seen, errors = extractor(model), [], []
    for index in range(2, 6):
        images = tuple(source.frame(index).image for source in sources)
        left, right = network.extract_many(images)
        found = match_stereo(stereo, left, right, config, images)
        wider = replace(config, epipolar_tolerance=10.0)  # chance would spread errors evenly
        errors.append(match_stereo(stereo, left, right, wider, images).epipolar_errors)
        seen.append((left.keypoints[found.matches.index_a], found.depths, found.depth_sigmas))
    changes = np.concatenate([changes_of_still_points(*pair) for pair in pairwise(seen)])
    error, change = np.abs(np.concatenate(errors)), np.abs(changes)
    print(
        f'\neuroc {model}: {len(error) / 4:.0f} matches a pair within 10 px of the epipolar '
        f'curve, {(error < 1).mean():.1%} within 1 px, median {np.median(error):.2f} px; depth of '
        f'{len(change)} points at rest changes by {np.median(change):.2%} (median), '
        f'{np.quantile(change, 0.9):.1%} (90 %)'
    )
    assert (error < 1).mean() > 0.88
    assert len(change) > 400
    assert np.median(change) < 0.006


def changes_of_still_points(before, after):
    """Relative changes of depth between two images, of keypoints that stay where they are."""
    gaps = np.linalg.norm(before[0][:, None] - after[0], axis=2)
    nearest = gaps.argmin(axis=1)
    same = gaps.min(axis=1) < 1
    return after[1][nearest][same] / before[1][same] - 1
