import numpy as np
import pytest

from alike_ros.depth import depth_at, depth_in_metres, sample_depth
from alike_ros.errors import ImageError

SIZE = (8, 6)


def plane():
    """Depths that grow by 1 cm a column."""
    return np.tile(2 + np.arange(8, dtype=np.float32) / 100, (6, 1))


def test_millimetres_and_metres_become_metres_and_nan():
    millimetres = np.array([[1500, 0, 65535]], np.uint16)
    assert np.allclose(depth_in_metres(millimetres), [[1.5, np.nan, 65.535]], equal_nan=True)
    metres = np.array([[1.5, 0, -1, np.inf, np.nan]], np.float32)
    expected = [[1.5, np.nan, np.nan, np.nan, np.nan]]
    assert np.allclose(depth_in_metres(metres), expected, equal_nan=True)
    assert depth_in_metres(millimetres.astype('>u2'))[0, 0] == 1.5
    assert depth_in_metres(np.array([[5000]], np.uint16), units_per_m=5000)[0, 0] == 1


@pytest.mark.parametrize(
    'image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16), np.zeros((4, 4))]
)
def test_other_encodings_are_refused(image):
    with pytest.raises(ImageError, match='16UC1 in mm or 32FC1 in m'):
        depth_in_metres(image)


def test_depth_on_a_surface_is_interpolated():
    points = [[0, 0], [2.5, 3.25], [6.75, 4.5]]
    assert np.allclose(depth_at(plane(), points, SIZE), [2, 2.025, 2.0675], atol=1e-5)


def test_depth_at_an_edge_is_that_of_one_side():
    depth = plane()
    depth[:, 4:] = 5
    found = depth_at(depth, [[3.4, 2], [3.6, 2]], SIZE)
    assert np.allclose(found, [2.03, 5])
    assert np.isnan(sample_depth(depth, np.array([[3.4, 2]]))).all()


def test_depth_beside_a_hole_is_that_of_the_nearest_pixel_that_has_one():
    depth = plane()
    depth[2, 3] = np.nan
    assert np.allclose(depth_at(depth, [[3.2, 2.1], [3.0, 2.0]], SIZE)[0], 2.04)
    depth[1:4, 2:6] = np.nan
    assert np.isnan(depth_at(depth, [[3.2, 2.1]], SIZE)).all()


def test_what_is_out_of_range_or_outside_is_not_known():
    points = np.array([[1, 1], [6, 1], [-2, 1], [1, 7.5], [np.nan, 1]])
    found = depth_at(plane(), points, SIZE, min_depth=1.0, max_depth=2.03)
    assert np.allclose(found, [2.01, np.nan, np.nan, np.nan, np.nan], equal_nan=True)


def test_the_last_row_and_column_have_depths_too():
    assert np.allclose(depth_at(plane(), [[7, 5], [7.4, 5.4]], SIZE), 2.07)


@pytest.mark.parametrize('factor', [2, 3])
def test_a_depth_image_of_a_whole_multiple_or_part_of_the_size_is_taken(factor):
    large = (SIZE[0] * factor, SIZE[1] * factor)
    centre = np.array([[2.5, 3.0]])
    of_large = (centre + 0.5) * factor - 0.5
    assert np.allclose(depth_at(plane(), of_large, large), depth_at(plane(), centre, SIZE))
    repeated = plane().repeat(factor, axis=0).repeat(factor, axis=1)
    assert np.allclose(depth_at(repeated, centre, SIZE), 2.025, atol=5e-3)


@pytest.mark.parametrize('size', [(12, 9), (16, 6), (7, 6), (10, 8)])
def test_a_depth_image_of_another_size_is_refused(size):
    with pytest.raises(ImageError, match=f'{size[0]} x {size[1]}.* got 8 x 6; register depth'):
        depth_at(plane(), [[1, 1]], size)
