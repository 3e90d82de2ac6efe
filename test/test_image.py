import cv2
import numpy as np
import pytest

from alike_ros.errors import ImageError
from alike_ros.image import prepare, to_source
from alike_ros.structures import Features


def features_at(points, image_size):
    count = len(points)
    return Features(
        np.asarray(points, np.float32),
        np.ones(count, np.float32),
        np.ones((count, 4), np.float32),
        np.ones(count, np.float32),
        image_size,
    )


def test_grey_becomes_three_equal_channels(rng):
    grey = rng.integers(0, 256, (5, 7), np.uint8)
    for image in (grey, grey[:, :, None]):
        pixels = prepare(image).pixels
        assert pixels.shape == (5, 7, 3)
        assert (pixels == grey[:, :, None]).all()


def test_a_reversed_view_keeps_its_channel_order(rng):
    bgr = rng.integers(0, 256, (5, 7, 3), np.uint8)
    pixels = prepare(bgr[:, :, ::-1]).pixels
    assert pixels.flags.c_contiguous
    assert (pixels[..., 0] == bgr[..., 2]).all()


def test_contiguous_colour_is_not_copied(rng):
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    assert np.shares_memory(prepare(image).pixels, image)


@pytest.mark.parametrize(
    ('image', 'sentence'),
    [
        (np.zeros((4, 4, 3), np.float32), 'expected an image of uint8, got float32'),
        (np.zeros((4, 4, 4), np.uint8), r'got \(4, 4, 4\)'),
        (np.zeros((2, 4, 4, 3), np.uint8), r'got \(2, 4, 4, 3\)'),
        (np.zeros((0, 4, 3), np.uint8), 'expected an image with pixels'),
        ([[0]], 'expected an image of uint8, got list'),
    ],
)
def test_what_is_no_image_is_refused_with_what_came(image, sentence):
    with pytest.raises(ImageError, match=sentence):
        prepare(image)


def test_the_longer_side_is_shrunk_to_the_maximum():
    prepared = prepare(np.zeros((100, 400, 3), np.uint8), image_size_max=200)
    assert prepared.pixels.shape == (50, 200, 3)
    assert prepared.source_size == (400, 100)


def test_outer_edges_stay_in_place_when_keypoints_go_back():
    prepared = prepare(np.zeros((100, 400, 3), np.uint8), image_size_max=200)
    corners = [[-0.5, -0.5], [199.5, 49.5], [0, 0]]
    back = to_source(features_at(corners, (200, 50)), prepared)
    assert np.allclose(back.keypoints, [[-0.5, -0.5], [399.5, 99.5], [0.5, 0.5]])
    assert np.allclose(back.sigmas, 2)
    assert back.image_size == (400, 100)


def test_a_disc_is_found_at_its_centre_after_shrinking():
    y, x = np.mgrid[:400, :600]
    disc = np.where(np.hypot(x - 303.5, y - 201.5) < 20, 255, 0).astype(np.uint8)
    prepared = prepare(disc, image_size_max=300)
    weight = prepared.pixels[..., 0].astype(float)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    centre = [(columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()]
    back = to_source(features_at([centre], (300, 200)), prepared)
    assert np.allclose(back.keypoints, [[303.5, 201.5]], atol=0.02)


def test_clahe_raises_the_contrast_of_dark_parts_and_keeps_the_hue(rng):
    image = np.full((160, 160, 3), (20, 10, 10), np.uint8)
    image[40:120, 40:120] += rng.integers(0, 12, (80, 80, 1), np.uint8)
    pixels = prepare(image, clahe_clip_limit=4.0).pixels
    assert pixels[40:120, 40:120].std() > 2 * image[40:120, 40:120].std()
    assert (pixels[:, :, 0] >= pixels[:, :, 1]).all()
    assert (prepare(image, clahe_clip_limit=0.0).pixels == image).all()


def test_clahe_of_grey_is_that_of_the_grey_image(rng):
    grey = cv2.GaussianBlur(rng.integers(0, 256, (64, 80), np.uint8), (9, 9), 0)
    expected = cv2.createCLAHE(2.0, (8, 8)).apply(grey)
    pixels = prepare(grey, clahe_clip_limit=2.0).pixels
    assert (pixels == expected[:, :, None]).all()


@pytest.mark.parametrize('value', [0, 7, 255])
def test_a_blank_image_stays_blank_under_clahe(value):
    assert prepare(np.full((45, 70), value, np.uint8), clahe_clip_limit=2.0).is_blank


@pytest.mark.parametrize('shape', [(4, 50), (50, 4), (1, 1)])
def test_an_image_smaller_than_a_keypoint_needs_has_none(shape, rng):
    assert prepare(rng.integers(0, 256, shape, np.uint8)).is_blank
