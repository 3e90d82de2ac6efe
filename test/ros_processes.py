"""Nodes of the package as processes of their own, and a node of the test that listens."""

import json
import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from ros_fixtures import LOCAL, environment, texture

from alike_ros.bags import BagWriter
from alike_ros.camera import Camera, camera_info_fields
from alike_ros.image_message import image_fields
from alike_ros.ros.graph.children import Child
from alike_ros.ros.soak.usage import usage

TIMEOUT_S = 30.0


class Listener:
    """A node of the test; spins only while it waits."""

    def __init__(self, domain):
        self.domain = domain
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node('listener', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def collect(self, kind, topic):
        messages = []
        self.node.create_subscription(kind, topic, messages.append, 1000)
        return messages

    def wait(self, holds, what):
        end_s = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < end_s, f'not within {TIMEOUT_S} s: {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def finish(self, child):
        """Spin until the process has ended; return its exit code."""
        self.wait(lambda: child.code is not None, f'{child.name} ends: {list(child.lines)}')
        return child.wait(TIMEOUT_S)

    def close(self):
        self._executor.shutdown()
        rclpy.shutdown(context=self._context)


@contextmanager
def listening(domain):
    """Yield a listener in a domain of this machine, in which the processes started find it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LOCAL.items():
            patch.setenv(name, value)
        made = Listener(domain)
        try:
            yield made
        finally:
            made.close()


def write_bag(path, stamps):
    """Write images of a texture that moves, each with its calibration."""
    matrix = np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]])
    camera = Camera(matrix, (0.1, 0.0, 0.0, 0.0, 0.0), 'plumb_bob', (160, 120))
    with BagWriter(path) as writer:
        for i, stamp in enumerate(stamps):
            head = {'header': (stamp, 'optical')}
            info = head | camera_info_fields(camera)
            writer.write('/cam/camera_info', 'sensor_msgs/msg/CameraInfo', info, stamp)
            fields = head | image_fields(texture(2 * i))
            writer.write('/cam/image_raw', 'sensor_msgs/msg/Image', fields, stamp)
    return path


@contextmanager
def started(name, domain, *arguments, **parameters):
    """Yield a node's process; `arguments` follow --ros-args."""
    settings = [f'{key}:={_text(value)}' for key, value in parameters.items()]
    flags = [part for setting in settings for part in ('-p', setting)]
    module = f'alike_ros.ros.{name}_node'
    child = Child(name, module, ['--ros-args', *flags, *arguments], environment(domain))
    try:
        yield child
    finally:
        child.signal(signal.SIGKILL)
        child.wait(TIMEOUT_S)


def handles(pid):
    """Return how many files and threads a process has open."""
    use = usage(pid)
    return {'files': use.handles, 'threads': use.threads}


def assert_ids_never_reused(tracks):
    """Hold that of Tracks in order new ids count up, and none comes back after it was lost.

    The first may be in mid-stream: a track that began before and is missed there may come back.
    """
    begun = [begun_in(message) for message in tracks]
    first = min((min(ids) for ids in begun[1:] if ids), default=None)
    largest = max(tracks[0].id, default=-1) if first is None else first - 1
    assert max(tracks[0].id, default=-1) <= largest
    lost = set()
    for message, fresh in zip(tracks[1:], begun[1:], strict=True):
        assert len(set(message.id)) == len(message.id)
        assert min(fresh, default=largest + 1) > largest
        assert max(set(message.id) - fresh, default=-1) <= largest or first is None
        assert not lost.intersection(message.id)
        largest = max(largest, *fresh, -1)
        lost.update(message.lost_ids)


def begun_in(message):
    """Return the ids of a Tracks that are new in it."""
    return {i for i, age in zip(message.id, message.age, strict=True) if age == 1}


def _text(value):
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)
