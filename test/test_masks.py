import cv2
import numpy as np
import pytest

from alike_ros.errors import ImageError
from alike_ros.masks import combine_masks, fit_mask, read_mask


def test_a_mask_of_half_the_size_covers_the_same_part_of_the_image():
    small = np.zeros((24, 32), np.uint8)
    small[:12, :8] = 255
    mask = fit_mask(small, (64, 48))
    expected = np.zeros((48, 64), np.uint8)
    expected[:24, :16] = 255
    assert (mask == expected).all()


def test_odd_sizes_fit_to_within_a_pixel():
    assert fit_mask(np.ones((188, 620), np.uint8), (1241, 376)).shape == (376, 1241)


def test_booleans_and_a_third_axis_are_masks_too():
    assert fit_mask(np.array([[[True], [False]]]), (2, 1)).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    'mask, says',
    [
        (np.ones((48, 48), np.uint8), 'proportions of the image, 64 x 48, got 48 x 48'),
        (np.ones((48, 64, 3), np.uint8), 'convert it to mono8'),
        (np.ones((48, 64), np.float32), 'got .* of float32'),
        (np.ones((0, 64), np.uint8), 'expected a mask'),
    ],
)
def test_what_is_no_mask_of_the_image_is_refused(mask, says):
    with pytest.raises(ImageError, match=says):
        fit_mask(mask, (64, 48))


def test_combined_masks_are_zero_where_any_is():
    static = np.array([[1, 0], [1, 1]], np.uint8)
    dynamic = np.array([[255, 255], [0, 255]], np.uint8)
    combined = combine_masks([static, None, dynamic], (2, 2))
    assert (combined > 0).tolist() == [[True, False], [False, True]]
    assert combine_masks([None, None], (2, 2)) is None


@pytest.mark.parametrize('channels', [(), (3,), (4,)])
def test_a_mask_file_is_zero_where_it_is_black(tmp_path, channels):
    image = np.full((6, 8, *channels), 200, np.uint8)
    image[:3, :4] = 0
    if channels == (4,):
        image[:, :, 3] = 255  # opaque black is black
    cv2.imwrite(str(tmp_path / 'mask.png'), image)
    mask = read_mask(tmp_path / 'mask.png')
    assert mask.shape == (6, 8)
    assert (mask[:3, :4] == 0).all()
    assert np.count_nonzero(mask) == 36


def test_a_mask_file_that_is_none_says_what_to_do(tmp_path):
    with pytest.raises(ImageError, match='give the path of a PNG'):
        read_mask(tmp_path / 'absent.png')
    (tmp_path / 'text.png').write_text('no image')
    with pytest.raises(ImageError, match='expected an encoded image .*save it as a grey PNG'):
        read_mask(tmp_path / 'text.png')
    cv2.imwrite(str(tmp_path / 'deep.png'), np.ones((4, 4), np.uint16))
    with pytest.raises(ImageError, match='got uint16; save it as a grey PNG'):
        read_mask(tmp_path / 'deep.png')
