"""Sets of messages in the node, without a process."""

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from ros_fixtures import image_message  # noqa: E402

from alike_ros.config import NodeConfig  # noqa: E402
from alike_ros.ros.frontend import health as causes  # noqa: E402
from alike_ros.ros.frontend.diagnostics import Condition, assess  # noqa: E402
from alike_ros.ros.frontend.gathering import Gathering  # noqa: E402
from alike_ros.ros.frontend.health import Health  # noqa: E402

PIXEL = np.zeros((1, 1), np.uint8)


def gathering(health, topics=('image', 'depth/image'), **parameters):
    return Gathering(topics, NodeConfig(**parameters), health)


def test_one_topic_makes_sets_of_one_at_once_also_when_time_goes_back():
    health = Health()
    alone = gathering(health, ('image',))
    messages = [image_message(PIXEL, stamp) for stamp in (20, 10, 10)]
    arrivals = [alone.add(0, message, 7.0) for message in messages]
    assert [one.msg for [one] in arrivals] == messages
    assert alone.waiting == 0 and health.counts().dropped == 0 and not health.counts().unmatched


def test_a_set_keeps_the_arrival_of_its_first_topic():
    pair = gathering(Health())
    assert pair.add(0, image_message(PIXEL, 10), 1.0) == [] and pair.waiting == 1
    depth = image_message(PIXEL, 10)
    [arrival] = pair.add(1, depth, 2.0)
    assert arrival.received_s == 1.0 and arrival.others == (depth,) and pair.waiting == 0


def test_only_images_of_the_first_topic_are_dropped_when_unmatched():
    health = Health()
    pair = gathering(health, drop_policy='queue', queue_size=2)
    for stamp in range(5):
        pair.add(1, image_message(PIXEL, stamp), 0.0)
    assert health.counts().dropped == 0
    pair.add(0, image_message(PIXEL, 9), 0.0)
    pair.reset()
    counts = health.counts()
    assert counts.dropped_by_cause == {causes.UNMATCHED: 1}
    assert counts.unmatched == {'image': 1, 'depth/image': 5}


def test_a_topic_that_never_comes_is_a_warning_with_the_remedy():
    health = Health()
    pair = gathering(health, drop_policy='queue', queue_size=1)
    for stamp in range(5):
        health.received()
        pair.add(0, image_message(PIXEL, stamp), 0.0)
    level, sentence = assess(Condition('active'), health.recent())
    assert level == DiagnosticStatus.WARN and 'sync_tolerance' in sentence
