"""Sets of stamped items; properties over seeded streams."""

import numpy as np
import pytest

from alike_ros.synchronisation import Synchroniser

MS = 1_000_000


def feed(synchroniser, events):
    """Return the stamps of every set that comes out of (stream, stamp) events."""
    sets = []
    for number, (stream, stamp) in enumerate(events):
        found = synchroniser.add(stream, stamp, (stream, number))
        assert all(each.item[0] == k for group in found for k, each in enumerate(group))
        sets += found
    return sets


def stamps(sets):
    return [tuple(each.stamp_ns for each in group) for group in sets]


def streams(rng, count, length=60, period=100 * MS, jitter=8 * MS, loss=0.2):
    """Stamps of cameras triggered together, with jitter and losses."""
    return [
        [
            int(k * period + rng.integers(0, jitter + 1))
            for k in range(length)
            if rng.random() >= loss
        ]
        for _ in range(count)
    ]


def interleaved(rng, of_streams):
    """Events in a random order that keeps each stream's own."""
    turns = rng.permutation(np.repeat(np.arange(len(of_streams)), list(map(len, of_streams))))
    left = [iter(each) for each in of_streams]
    return [(int(turn), next(left[turn])) for turn in turns]


def test_equal_stamps_make_a_set_and_the_rest_is_counted():
    synchroniser = Synchroniser(2)
    sets = feed(synchroniser, [(0, 1), (0, 2), (1, 2), (1, 3), (0, 4), (1, 4)])
    assert stamps(sets) == [(2, 2), (4, 4)]
    assert synchroniser.unmatched == [1, 1]


def test_stamps_within_the_tolerance_make_a_set():
    synchroniser = Synchroniser(3, tolerance_ns=10)
    sets = feed(synchroniser, [(0, 100), (1, 110), (2, 105), (0, 200), (1, 211), (2, 205)])
    assert stamps(sets) == [(100, 110, 105)]


def test_of_two_items_the_nearer_is_taken():
    synchroniser = Synchroniser(2, tolerance_ns=60)
    sets = feed(synchroniser, [(0, 0), (0, 40), (1, 50)])
    assert stamps(sets) == [(40, 50)]
    assert synchroniser.unmatched == [1, 0]


def test_one_stream_passes_everything():
    synchroniser = Synchroniser(1)
    assert stamps(feed(synchroniser, [(0, 1), (0, 1), (0, 5)])) == [(1,), (1,), (5,)]


def test_what_waits_is_bounded():
    synchroniser = Synchroniser(2, capacity=3)
    sets = feed(synchroniser, [(0, k) for k in range(10)] + [(1, k) for k in range(10)])
    assert stamps(sets) == [(7, 7), (8, 8), (9, 9)]
    assert synchroniser.unmatched == [7, 7]


def test_a_clock_that_jumps_back_starts_anew():
    synchroniser = Synchroniser(2, tolerance_ns=10)
    before = [(0, 1000), (1, 1000), (0, 1100)]
    late = [(0, 5), (1, 1100), (1, 5), (0, 105), (1, 105), (0, 205), (1, 205)]
    assert stamps(feed(synchroniser, before + late))[-2:] == [(105, 105), (205, 205)]
    assert synchroniser.resets == 2


@pytest.mark.parametrize('count', [2, 3, 8])
@pytest.mark.parametrize('tolerance', [0, 3 * MS, 10 * MS, 130 * MS])
def test_sets_are_within_the_tolerance_in_order_and_use_nothing_twice(rng, count, tolerance):
    for _ in range(20):
        given = streams(rng, count)
        synchroniser = Synchroniser(count, tolerance, capacity=1000)
        sets = feed(synchroniser, interleaved(rng, given))
        found = np.array(stamps(sets)).reshape(-1, count)
        assert (np.ptp(found, axis=1) <= tolerance).all()
        assert (np.diff(found, axis=0) > 0).all()
        used = [each.item for group in sets for each in group]
        assert len(set(used)) == len(used)
        synchroniser.reset()
        assert synchroniser.unmatched == [len(each) - len(sets) for each in given]


@pytest.mark.parametrize('count', [2, 3])
def test_every_complete_set_comes_out_however_streams_are_interleaved(rng, count):
    for _ in range(20):
        given = streams(rng, count)
        slots = [{stamp // (100 * MS): stamp for stamp in each} for each in given]
        common = sorted(set.intersection(*(set(each) for each in slots)))
        expected = [tuple(each[slot] for each in slots) for slot in common]
        for _ in range(3):
            synchroniser = Synchroniser(count, 8 * MS, capacity=1000)
            found = stamps(feed(synchroniser, interleaved(rng, given)))
            assert found == expected
