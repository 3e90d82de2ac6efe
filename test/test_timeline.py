"""Stamps and due times of replayed frames, and the frames that wait for an answer."""

import pytest

from alike_ros.ros.replay.prefetch import Prefetch
from alike_ros.ros.replay.timeline import Timeline, Unanswered

RECORDED = [1000, 1100, 1300]


def sent(timeline, passes=1):
    rows = []
    for _ in range(passes):
        rows += [timeline.add(stamp) for stamp in RECORDED]
        timeline.next_pass()
    return rows


def test_original_stamps_jump_back_with_a_new_pass_and_due_times_go_on():
    timeline = Timeline(2.0, keep_stamps=True)
    timeline.start(1000, now_ns=777)
    stamps, due = zip(*sent(timeline, 2), strict=True)
    assert list(stamps) == RECORDED * 2
    assert due == pytest.approx([0, 50e-9, 150e-9, 225e-9, 275e-9, 375e-9])
    assert timeline.offset_ns == 0


def test_shifted_stamps_begin_now_and_grow_through_every_pass():
    timeline = Timeline(1.0, keep_stamps=False)
    timeline.start(1000, now_ns=50_000)
    stamps, _ = zip(*sent(timeline, 2), strict=True)
    assert list(stamps) == [50_000, 50_100, 50_300, 50_450, 50_550, 50_750]
    assert timeline.offset_ns == 49_000


def test_rate_zero_makes_every_frame_due_at_once():
    timeline = Timeline(0.0, keep_stamps=True)
    timeline.start(1000, now_ns=0)
    assert [due for _, due in sent(timeline)] == [0.0, 0.0, 0.0]


def test_an_answer_takes_the_unanswered_before_it_off_and_counts_them():
    unanswered = Unanswered()
    for stamp in (1, 2, 3, 4):
        unanswered.sent(stamp)
    unanswered.answered(99)
    unanswered.answered(3)
    assert (len(unanswered), unanswered.given_up) == (1, 2)
    unanswered.give_up()
    assert (len(unanswered), unanswered.given_up) == (0, 3)


def test_prefetch_keeps_the_order_and_raises_errors_in_their_place():
    def items():
        yield from range(5)
        raise ValueError('the end')

    seen = []
    with pytest.raises(ValueError, match='the end'):
        for item in Prefetch(items(), 2):
            seen.append(item)
    assert seen == [0, 1, 2, 3, 4]


def test_prefetch_reads_no_more_than_its_depth_ahead_and_can_be_closed():
    taken = []

    def endless():
        n = 0
        while True:
            taken.append(n)
            yield n
            n += 1

    ahead = Prefetch(endless(), 3)
    assert ahead.wait_full(10.0)
    assert len(taken) <= 4
    ahead.close()
    assert len(taken) <= 8
