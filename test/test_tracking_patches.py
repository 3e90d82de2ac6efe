"""Patches laid on images whose affine motion is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from alike_ros.tracking.patches import MAX_CORRECTION, as_patches, cut, known_well, lay, sigmas

SIZE = 200


@pytest.fixture(scope='module')
def image():
    noise = np.random.default_rng(3).normal(size=(SIZE, SIZE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture
def points(rng):
    return rng.uniform(60, 140, (150, 2)).astype(np.float32)


def moved(image, shape, shift):
    """Return the image under an affine map about its middle, and the map of points."""
    middle = np.full(2, SIZE / 2)
    offset = middle + shift - shape @ middle
    warped = cv2.warpAffine(
        image, np.column_stack([shape, offset]), (SIZE, SIZE), flags=cv2.INTER_CUBIC
    )
    return warped, lambda points: (points @ shape.T + offset).astype(np.float32)


def patches_at(image, points):
    return as_patches(cut(image, points))


@pytest.mark.parametrize(
    'shape', [np.eye(2), [[1.1, 0.05], [-0.04, 1.0]], [[0.97, -0.12], [0.12, 0.97]]]
)
def test_patches_find_their_place_from_a_guess_that_is_off(image, points, rng, shape):
    warped, to = moved(image, np.asarray(shape, float), (3.3, -1.6))
    truth = to(points)
    guesses = truth + rng.normal(0, 0.4, truth.shape).astype(np.float32)
    laid = lay(warped, patches_at(image, points), guesses)
    errors = np.linalg.norm(laid.points - truth, axis=1)
    assert laid.fits.mean() > 0.9
    assert np.median(errors[laid.fits]) < 0.1 and np.quantile(errors[laid.fits], 0.9) < 0.3


def test_a_change_of_shape_is_followed_from_image_to_image(image, points):
    patches = patches_at(image, points)
    for step in range(1, 11):
        shape = np.diag([1 + 0.04 * step, 1 - 0.02 * step])
        warped, to = moved(image, shape, (step, 0))
        laid = lay(warped, patches, to(points))
        patches = replace(patches, shapes=laid.shapes)
    assert laid.fits.mean() > 0.9
    assert np.allclose(np.median(laid.shapes, axis=0), shape, atol=0.05)
    assert np.median(np.linalg.norm(laid.points - to(points), axis=1)) < 0.1


def test_patches_are_laid_as_the_image_has_turned(image, points):
    angle = np.deg2rad(25)
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    warped, to = moved(image, turn, (2, -1))
    patches = patches_at(image, points)
    expected = patches.turned(turn.astype(np.float32))
    laid, unturned = (lay(warped, each, to(points)) for each in (expected, patches))
    assert laid.fits.all() and laid.likeness.mean() > 0.98 > unturned.likeness.mean()
    error, other = (np.linalg.norm(each.points - to(points), axis=1) for each in (laid, unturned))
    assert np.median(error) < 0.02 and np.median(other) > 5 * np.median(error)


def test_brightness_and_contrast_do_not_matter(image, points):
    dim = (image * 0.4 + 60).astype(np.uint8)
    laid = lay(dim, patches_at(image, points), points + np.float32(0.3))
    assert laid.fits.all() and laid.likeness.min() > 0.98
    assert np.linalg.norm(laid.points - points, axis=1).max() < 0.2


def test_patches_seldom_fit_elsewhere_and_never_on_nothing(image, points):
    patches = patches_at(image, points)
    elsewhere = (points + np.float32([40, 30])) % np.float32(SIZE - 20) + np.float32(10)
    assert lay(image, patches, elsewhere).fits.mean() < 0.25
    assert not lay(np.full_like(image, 90), patches, points).fits.any()
    nowhere = lay(image, patches, np.full_like(points, np.nan))
    assert not nowhere.fits.any() and (nowhere.shapes == patches.shapes).all()


def test_a_place_is_not_corrected_by_more_than_flow_may_be_off(image, points):
    patches = patches_at(image, points)
    laid = lay(image, patches, points + np.float32([2.5, 0]))
    assert not laid.fits[np.linalg.norm(laid.points - points, axis=1) < 0.5].any()
    near = lay(image, patches, points + np.float32([0.5 * MAX_CORRECTION, 0]))
    assert near.fits.mean() > 0.95


def test_sigma_is_small_for_corners_that_fit_and_large_along_edges_or_noise(image, points, rng):
    edge = np.zeros((SIZE, SIZE), np.uint8)
    edge[:, SIZE // 2 :] = 200
    edge = cv2.GaussianBlur(edge, (0, 0), 2)
    on_edge = np.float32([[SIZE / 2, 80], [SIZE / 2, 120]])
    patches = patches_at(image, points)
    assert cut(edge, on_edge).sigmas.min() > 5 * np.median(cut(image, points).sigmas)
    noisy = np.clip(image + rng.normal(0, 15, image.shape), 0, 255).astype(np.uint8)
    clean, rough = (
        np.median(sigmas(patches, lay(each, patches, points))) for each in (image, noisy)
    )
    assert rough > 1.5 * clean
    assert 0.01 < clean < 0.2


def test_edges_and_flat_places_are_known_badly_and_do_not_hide_what_others_are(image, points):
    scene = image.copy()
    scene[:, :40] = 90
    scene[:, 15] = 255
    bad = np.float32([[15, y] for y in range(50, 150, 10)] + [[30, 60], [30, 140]])
    seen = cut(scene, np.concatenate([points, bad]))
    assert np.isfinite(seen.variances).all() and (seen.variances > 0).all()
    kept = known_well(seen.sigmas)
    assert not kept[-len(bad) :].any() and kept[: -len(bad)].mean() > 0.95
    assert known_well(seen.sigmas[:0]).shape == (0,)


def test_no_points_are_no_patches(image):
    none = np.zeros((0, 2), np.float32)
    laid = lay(image, patches_at(image, none), none)
    assert laid.points.shape == (0, 2) and laid.shapes.shape == (0, 2, 2)
