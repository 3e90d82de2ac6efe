"""Looks at the graph and listens to front ends for some seconds."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import (
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import CameraInfo

from alike_ros.msg import FrontendStatus
from alike_ros.ros.health.findings import FrontEndSeen, Input, Publisher

STATUS = 'alike_ros/msg/FrontendStatus'
INFO = 'sensor_msgs/msg/CameraInfo'
IMAGES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
UNKNOWN = '_NODE_NAME_UNKNOWN_'  # of an endpoint that was found before its node
LISTEN = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


class HealthNode(Node):
    """Finds front ends by the type of their status, whatever their name."""

    def __init__(self) -> None:
        super().__init__('alike_health')
        self._statuses: dict[str, list[Any]] = {}
        self._infos: dict[str, int] = {}
        self._diagnostics: dict[str, tuple[int, str]] = {}
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 100)

    def names(self) -> list[tuple[str, str]]:
        """Return (name, namespace) of the front ends that are up."""
        found = set()
        for topic, types in self.get_topic_names_and_types():
            if STATUS in types:
                for end in self.get_publishers_info_by_topic(topic):
                    if end.node_name != UNKNOWN:
                        found.add((end.node_name, end.node_namespace))
        return sorted(found)

    def listen(self) -> None:
        """Subscribe to what the front ends publish and need, as far as it is new."""
        for name, namespace in self.names():
            full = _join(namespace, name)
            if full not in self._statuses:
                self._statuses[full] = []
                self.create_subscription(
                    FrontendStatus, f'{full}/status', self._statuses[full].append, LISTEN
                )
            for topic, types in self._taken_by(name, namespace):
                if INFO in types and topic not in self._infos:
                    self._infos[topic] = 0
                    self.create_subscription(CameraInfo, topic, self._counter(topic), LISTEN)

    def seen(self, name: str, namespace: str) -> FrontEndSeen:
        """Return what is known of a front end by now."""
        full = _join(namespace, name)
        inputs = [
            self._input(topic, types[0], full)
            for topic, types in self._taken_by(name, namespace)
            if types[0] in (*IMAGES, INFO) and not self._is_spare(topic)
        ]
        topics = self.get_topic_names_and_types()
        return FrontEndSeen(
            name=full,
            inputs=tuple(inputs),
            diagnostics=self._diagnostics.get(full) or self._diagnostics.get(name),
            statuses=tuple(self._statuses.get(full, ())),
            infos=sum(self._infos.get(entry.topic, 0) for entry in inputs),
            image_topics=tuple(
                topic
                for topic, types in topics
                if types[0] == IMAGES[0] and self.count_publishers(topic)
            ),
        )

    def _input(self, topic: str, kind: str, owner: str) -> Input:
        mine = next(
            (
                end.qos_profile
                for end in self.get_subscriptions_info_by_topic(topic)
                if _join(end.node_namespace, end.node_name) == owner
            ),
            None,
        )
        ends = self.get_publishers_info_by_topic(topic)
        return Input(
            topic,
            kind,
            tuple(
                Publisher(
                    _join(end.node_namespace, end.node_name),
                    end.topic_type,
                    _misfit(end.qos_profile, mine),
                )
                for end in ends
            ),
        )

    def _taken_by(self, name: str, namespace: str) -> list[tuple[str, list[str]]]:
        try:
            return self.get_subscriber_names_and_types_by_node(name, namespace)
        except RuntimeError:  # its endpoints are known before its name is, and after
            return []

    def _is_spare(self, topic: str) -> bool:
        """Whether a topic is one of masks, under its own name, that nobody cares to publish."""
        name = topic.rpartition('/')[2]
        return name.startswith('mask') and not self.count_publishers(topic)

    def _counter(self, topic: str) -> Any:
        def count(_: CameraInfo) -> None:
            self._infos[topic] += 1

        return count

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        for status in array.status:
            name, _, part = status.name.partition(': ')
            if part == 'front end':
                self._diagnostics[name] = (int.from_bytes(status.level, 'little'), status.message)


def _misfit(offered: Any, wanted: Any) -> str:
    if wanted is None:
        return ''
    verdict, reason = qos_check_compatible(offered, wanted)
    return reason.strip() if verdict == QoSCompatibility.ERROR else ''


def _join(namespace: str, name: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'
