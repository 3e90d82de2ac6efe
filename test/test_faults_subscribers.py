"""Subscribers that do not read: the node's images, its memory and its handles do not feel them."""

import itertools
import signal
import statistics
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id, environment, image_message, running, texture  # noqa: E402
from ros_processes import (  # noqa: E402
    handles,
    listening,
    started,
    write_bag,
)
from sensor_msgs.msg import Image  # noqa: E402

from alike_ros.ros.soak.usage import usage  # noqa: E402

OFFSET = 34
DEAF = """
import signal
import sys

import rclpy
from alike_ros.msg import FrontendStatus, Keypoints, Tracks
from sensor_msgs.msg import Image

rclpy.init()
node = rclpy.create_node(sys.argv[1])
kinds = {'tracks': Tracks, 'keypoints': Keypoints, 'status': FrontendStatus, 'image': Image}
for topic in sys.argv[2:]:
    node.create_subscription(kinds[topic.rpartition('/')[2]], topic, lambda _: None, 10000)
print('subscribed', flush=True)
rclpy.spin(node) if sys.argv[1] == 'stopped' else signal.pause()
"""
PICTURES = [texture(shift, (320, 240)) for shift in range(4)]
OUTPUTS = ('/frontend/tracks', '/frontend/keypoints', '/frontend/status')
WARM_UP, IMAGES = 30, 120
MAX_BLOCKING_S = 0.1  # that DDS lets a reliable writer wait for each message


@contextmanager
def deaf(name, topics=OUTPUTS, domain=None):
    """Yield a process that subscribes reliably and deeply."""
    process = subprocess.Popen(
        [sys.executable, '-c', DEAF, name, *topics],
        env=environment(domain or domain_id(OFFSET)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == 'subscribed\n'
        yield process
    finally:
        process.kill()
        process.communicate()


def test_subscribers_that_never_read_or_are_stopped_cost_the_node_nothing(data):
    stamps = itertools.count(10**9, 33_000_000)
    settings = {'drop_policy': 'queue', 'tracker': 'descriptor', 'top_k': 1000}
    with running(OFFSET, **settings) as (node, probe):
        send(probe, stamps, WARM_UP)
        open_before, memory_before = handles(node.pid), usage(node.pid).resident
        with deaf('never_reads'), deaf('stopped') as stopped:
            probe.wait_until(lambda: subscribers(probe), lambda count: count == 3)
            stopped.send_signal(signal.SIGSTOP)
            publish_s = send(probe, stamps, IMAGES)
            grown = usage(node.pid).resident - memory_before
            stopped.send_signal(signal.SIGCONT)
        published = sum(len(m.descriptors) for m in probe.got('keypoints')[-IMAGES:])
        assert statistics.median(publish_s) < MAX_BLOCKING_S / 2, 'the node waits for them'
        assert published > 20e6 and grown < published / 2, 'the node keeps what is not read'
        send(probe, stamps, 1)
        probe.wait_until(lambda: handles(node.pid), lambda now: now == open_before)


def test_a_replay_that_is_to_end_does_not_wait_for_a_subscriber_that_is_stopped(tmp_path):
    """The first minute of `hold` would be over the limit of this test, the second too."""
    bag = write_bag(tmp_path / 'loop.mcap', range(0, 10**9, 33_000_000))
    domain = domain_id(OFFSET + 1)
    with listening(domain) as listener, deaf('stopped', ['/image'], domain) as stopped:
        images = listener.collect(Image, 'image')
        settings = {'loop': True, 'hold': 60.0, 'wait_for_subscribers': 2}
        with started('replay', domain, input=str(bag), **settings) as replay:
            listener.wait(lambda: len(images) > 5, 'images')
            stopped.send_signal(signal.SIGSTOP)
            seen = len(images)
            listener.wait(lambda: len(images) > seen + 5, 'images for the other one')
            replay.signal(signal.SIGINT)
            assert listener.finish(replay) == 0, replay.failure()


def subscribers(probe):
    return probe.node.count_subscribers('/frontend/keypoints')


def send(probe, stamps, count):
    """Send images, each when the one before was answered; return the node's times to publish."""
    sent = [next(stamps) for _ in range(count)]
    for i, stamp in enumerate(sent):
        probe.images.publish(image_message(PICTURES[i % len(PICTURES)], stamp))
        probe.wait_for_stamps('tracks', [stamp])
    statuses = probe.wait_for_stamps('status', sent)
    probe.wait_for_stamps('keypoints', sent)
    return [status.publish for status in statuses[1:]]
