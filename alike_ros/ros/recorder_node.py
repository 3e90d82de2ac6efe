"""Node `recorder`: topics as they travel, byte for byte, into one mcap file."""

from __future__ import annotations

import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals()

from ament_index_python import has_resource
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from alike_ros.bags import Bag, BagWriter
from alike_ros.errors import AlikeError, ConfigError, DatasetError
from alike_ros.ros.process import Task, run

KNOWN_TYPES = {
    'image': 'sensor_msgs/msg/Image',
    'camera_info': 'sensor_msgs/msg/CameraInfo',
    'frontend/keypoints': 'alike_ros/msg/Keypoints',
    'frontend/tracks': 'alike_ros/msg/Tracks',
    'frontend/status': 'alike_ros/msg/FrontendStatus',
}
DEPTH = 1000
GRAPH_PERIOD_S = 0.1
FLUSH_PERIOD_S = 1.0
QUIET_S = 0.2
LONGEST_DRAIN_S = 5.0


class RecorderNode(Node):
    """Subscribes to each topic as its publishers offer it, and writes what comes.

    A topic whose type is known beforehand is subscribed to at once, so that nothing is missed;
    any other as soon as somebody publishes it.
    """

    def __init__(self) -> None:
        super().__init__('recorder')
        output = str(self._read('output', 'recording.mcap'))
        self.wanted = {self.resolve_topic_name(t): t for t in self._read('topics', [*KNOWN_TYPES])}
        self.counts = dict.fromkeys(self.wanted, 0)
        self.error: OSError | AlikeError | None = None
        self.output = output
        self._subscriptions_by_topic: dict[str, tuple[Subscription, ReliabilityPolicy]] = {}
        self._writer = BagWriter(output)
        self._follow_graph()
        self.create_timer(GRAPH_PERIOD_S, self._follow_graph)
        self.create_timer(FLUSH_PERIOD_S, self._flush)

    def finish(self) -> None:
        """Complete the file; the first error is kept."""
        try:
            self._writer.close()
        except (OSError, AlikeError) as error:
            self.error = self.error or error

    def summary(self) -> str:
        """Say how many messages of each topic are in the file; after a failure, by reading it."""
        counts = self.counts
        if self.error is not None:
            counts = dict.fromkeys(counts, 0) | _saved(self._writer.path)
        listed = ', '.join(f'{count} {topic}' for topic, count in counts.items())
        return f'{self.output} holds {listed}'

    def _read(self, name: str, default: Any) -> Any:
        try:
            return self.declare_parameter(name, default).value
        except ParameterException as error:
            raise ConfigError(f'{name}: {" ".join(str(error).split())}') from error

    def _follow_graph(self) -> None:
        for topic, name in self.wanted.items():
            publishers = self.get_publishers_info_by_topic(topic)
            types = {publisher.topic_type for publisher in publishers}
            type_name = types.pop() if len(types) == 1 else KNOWN_TYPES.get(name)
            if type_name is not None:
                self._follow(topic, type_name, [p.qos_profile for p in publishers])

    def _follow(self, topic: str, type_name: str, offers: list[QoSProfile]) -> None:
        lossy = any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
        reliability = ReliabilityPolicy.BEST_EFFORT if lossy else ReliabilityPolicy.RELIABLE
        current = self._subscriptions_by_topic.get(topic)
        if current is not None and (current[1] == reliability or not offers):
            return
        if current is not None:
            self.destroy_subscription(current[0])
        subscription = self.create_subscription(
            _message_type(type_name),
            topic,
            partial(self._on_message, topic, type_name),
            _qos(reliability, offers),
            raw=True,
        )
        self._subscriptions_by_topic[topic] = (subscription, reliability)

    def _on_message(self, topic: str, type_name: str, cdr: bytes) -> None:
        if self.error is not None:
            return
        try:
            now_ns = self.get_clock().now().nanoseconds
            self._writer.write_raw(topic, type_name, cdr, now_ns)
            self.counts[topic] += 1
        except (OSError, AlikeError) as error:
            self.error = error

    def _flush(self) -> None:
        """Let the file be complete up to now, also when nothing more comes."""
        try:
            if self.error is None:
                self._writer.flush()
        except OSError as error:
            self.error = error


def _saved(path: Path) -> dict[str, int]:
    try:
        with Bag(path) as bag:
            return {topic.name: topic.count for topic in bag.topics}
    except DatasetError:  # it broke off before anything was in it
        return {}


def _qos(reliability: ReliabilityPolicy, offers: list[QoSProfile]) -> QoSProfile:
    """Ask for no more than every publisher offers."""
    latched = offers and all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=reliability,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _message_type(type_name: str) -> Any:
    """Return the class of a message.

    A publisher says what it is called, so nothing is imported but packages of messages.
    """
    package, _, name = type_name.partition('/msg/')
    try:
        if not (package.isidentifier() and has_resource('rosidl_interfaces', package)):
            raise ImportError(f'{package} is no package of messages')
        return getattr(import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'cannot record {type_name}: its package is not in this environment; '
            f'source the workspace that has it'
        ) from error


def record(node: RecorderNode, task: Task) -> None:
    """Record until a signal, then what is still on its way.

    Raises:
        AlikeError: the file cannot be written on; what came before is saved.
    """
    node.get_logger().info(f'recording {", ".join(node.wanted)} to {node.output}')
    try:
        while not task.stopped and node.error is None:
            task.spin(0.1)
        _drain(node, task)
    finally:
        node.finish()
    if node.error is not None:
        reason = getattr(node.error, 'strerror', None) or node.error
        raise AlikeError(f'the recording ended early: {reason}; {node.summary()}')
    node.get_logger().info(node.summary())


def _drain(node: RecorderNode, task: Task) -> None:
    """Take what has arrived: until nothing came for QUIET_S."""
    began_s = last_s = time.monotonic()
    while node.error is None and (now_s := time.monotonic()) - last_s < QUIET_S:
        if now_s - began_s > LONGEST_DRAIN_S:
            return
        before = sum(node.counts.values())
        task.spin(0.05)
        if sum(node.counts.values()) > before:
            last_s = time.monotonic()


def main() -> int:
    """Record until a signal; 0, or 1 when the file cannot be written."""
    return run(RecorderNode, record)


if __name__ == '__main__':
    sys.exit(main())
