import numpy as np
import pytest

from alike_ros.drawing import (
    AGE_OF_FULL_COLOUR,
    TrackHistory,
    age_colours,
    draw_text,
    draw_tracks,
)


def points(*rows):
    return np.array(rows, np.float32).reshape(-1, 2)


def ids(*values):
    return np.array(values, np.uint64)


def test_tail_holds_the_newest_positions_oldest_first():
    history = TrackHistory(length=2)
    for x in range(5):
        history.update(ids(7), points([x, 10]))
    (tail,) = history.tails()
    np.testing.assert_array_equal(tail, points([2, 10], [3, 10], [4, 10]))


def test_tails_follow_the_rows_of_the_last_update():
    history = TrackHistory()
    history.update(ids(1, 2), points([1, 1], [2, 2]))
    history.update(ids(2, 3), points([4, 4], [5, 5]))
    assert [len(tail) for tail in history.tails()] == [2, 1]
    assert len(history) == 2


def test_track_that_comes_back_continues_its_tail_and_a_lost_one_does_not():
    history = TrackHistory()
    history.update(ids(1, 2), points([1, 1], [2, 2]))
    history.update(ids(), points(), ids(2))
    history.update(ids(1, 2), points([3, 3], [4, 4]))
    assert [len(tail) for tail in history.tails()] == [2, 1]


def test_resize_cuts_tails_and_clear_forgets_them():
    history = TrackHistory(length=5)
    for x in range(4):
        history.update(ids(1), points([x, 0]))
    history.resize(0)
    assert [len(tail) for tail in history.tails()] == [1]
    history.clear()
    assert list(history.tails()) == []


def test_very_large_ids_stay_apart():
    history = TrackHistory()
    history.update(ids(2**64 - 1, 2**64 - 2), points([1, 1], [2, 2]))
    history.update(ids(2**64 - 2), points([3, 3]), ids(2**64 - 1))
    assert [len(tail) for tail in history.tails()] == [2]


@pytest.mark.parametrize('shape', [(48, 64), (48, 64, 3)])
def test_draws_dots_and_tails_on_an_rgb_copy(shape):
    image = np.zeros(shape, np.uint8)
    history = TrackHistory()
    history.update(ids(1), points([10, 20]))
    history.update(ids(1), points([40, 20]))
    drawn = draw_tracks(image, history, np.array([2], np.uint32))
    assert drawn.shape == (48, 64, 3) and not image.any()
    assert drawn[20, 40].any() and drawn[20, 25].any() and not drawn[40, 25].any()


def test_lost_tracks_are_grey_crosses_where_they_were_last_for_one_image():
    image = np.zeros((48, 64), np.uint8)
    history = TrackHistory()
    history.update(ids(1, 2), points([10, 20], [50, 30]))
    history.update(ids(1), points([12, 20]))
    assert history.lost().shape == (0, 2)  # missed, and may come back
    history.update(ids(1), points([14, 20]), ids(2, 99))
    np.testing.assert_array_equal(history.lost(), points([50, 30]))
    red, green, blue = draw_tracks(image, history, np.array([3], np.uint32))[30, 50]
    assert red == green == blue > 100
    history.update(ids(1), points([16, 20]))
    assert not draw_tracks(image, history, np.array([4], np.uint32))[26:35, 46:55].any()
    history.update(ids(), points(), ids(1))
    history.clear()
    assert len(history.lost()) == 0


def test_colour_goes_from_blue_to_red_with_age():
    new, old, older = age_colours(np.array([1, AGE_OF_FULL_COLOUR, 1000], np.uint32)).astype(int)
    assert new[2] > new[0] and old[0] > old[2]
    np.testing.assert_array_equal(old, older)


def test_points_outside_the_image_and_no_points_do_no_harm():
    image = np.zeros((20, 20), np.uint8)
    history = TrackHistory()
    assert not draw_tracks(image, history, np.empty(0, np.uint32)).any()
    history.update(ids(1), points([-500, 900]))
    assert not draw_tracks(image, history, np.array([1], np.uint32)).any()


def test_text_is_drawn():
    drawn = np.zeros((60, 200, 3), np.uint8)
    draw_text(drawn, {'tracks': 12, 'fps': 29.5})
    assert drawn[:20].any()
