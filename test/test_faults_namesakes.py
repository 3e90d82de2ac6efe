"""Two front ends of one name in one namespace: both say so, and neither mixes up its ids."""

import itertools
import signal
from collections import Counter

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import (  # noqa: E402
    NodeProcess,
    domain_id,
    image_message,
    running,
    stamp_of,
    texture,
)
from ros_processes import assert_ids_never_reused  # noqa: E402

WORDS = 'nother node is named /frontend'
REMEDY = '__node:='
IMAGES = 20
FIRST_NS = 10**9


def test_two_front_ends_of_one_name_both_warn_and_keep_their_own_ids(data):
    stamps = itertools.count(FIRST_NS, 10**8)
    settings = {'diagnostics_period': 0.2, 'drop_policy': 'queue'}
    with running(32, **settings) as (first, probe):
        second = NodeProcess(domain_id(32), model='alike-n', **settings)
        try:
            probe.wait_matched(2)
            for process in (first, second):
                process.wait_for_log(WORDS)
                assert REMEDY in process.text
            until_both_answer(probe, stamps)
            for model in ('alike-t', 'alike-n'):
                found = probe.wait_diagnostics(
                    lambda d, m=model: d.get('model') == m and WORDS in d['message']
                )
                assert found['level'] == b'\x01' and REMEDY in found['message']
            answers = [answered(probe, next(stamps), 2) for _ in range(IMAGES)]
            for of_one in zip(*answers, strict=True):
                assert set(np.diff([m.frame_seq for m in of_one])) == {1}
                assert_ids_never_reused(of_one)
            assert second.end() == 0 and 'Traceback' not in second.text, second.text
            answered(probe, next(stamps), 1)
            probe.wait_diagnostics(lambda d: WORDS not in d['message'])
        finally:
            second.end(signal.SIGKILL)
        assert first.text.count(WORDS) == 1, 'it warns once, not with every diagnostics'


def until_both_answer(probe, stamps):
    def most():
        probe.images.publish(image_message(texture(), next(stamps)))
        mine = (stamp for stamp in map(stamp_of, probe.got('tracks')) if stamp >= FIRST_NS)
        return max(Counter(mine).values(), default=0)

    probe.wait_until(most, lambda answers: answers == 2)


def answered(probe, stamp, count):
    """Send an image; return the tracks of it, first those of the node that runs for longer."""
    probe.images.publish(image_message(texture(stamp // 10**8 % 5), stamp))

    def tracks():
        return [m for m in probe.got('tracks') if stamp_of(m) == stamp]

    found = probe.wait_until(tracks, lambda found: len(found) == count)
    return sorted(found, key=lambda m: -m.frame_seq)
