"""Looks at the graph and listens to front ends for some seconds."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import (
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alike_ros.msg import FrontendStatus
from alike_ros.ros.health.findings import FrontEndSeen, Input, Publisher, is_mask

STATUS = 'alike_ros/msg/FrontendStatus'
INFO = 'sensor_msgs/msg/CameraInfo'
IMAGES = {'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}
UNKNOWN = '_NODE_NAME_UNKNOWN_'  # of an endpoint that was found before its node
LISTEN = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
LISTEN_TO_IMAGES = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class HealthNode(Node):
    """Finds front ends by the type of their status, whatever their name."""

    def __init__(self) -> None:
        super().__init__('alike_health')
        self._statuses: dict[str, list[Any]] = {}
        self._stamps_ns: dict[str, list[int]] = {}
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
            taken = self._taken_by(name, namespace)
            images = [(topic, types) for topic, types in taken if self._is_image(topic, types)]
            images = [entry for entry in images if not is_mask(entry[0])]
            for topic, types in taken:
                if INFO in types:
                    self._note_stamps(topic, CameraInfo, LISTEN)
            for topic, types in images if len(images) > 1 else ():
                self._note_stamps(topic, IMAGES[types[0]], LISTEN_TO_IMAGES)

    def seen(self, name: str, namespace: str) -> FrontEndSeen:
        """Return what is known of a front end by now."""
        full = _join(namespace, name)
        inputs = [
            self._input(topic, types[0], full)
            for topic, types in self._taken_by(name, namespace)
            if types[0] == INFO or self._is_image(topic, types)
        ]
        known = {entry.topic for entry in inputs}
        return FrontEndSeen(
            name=full,
            inputs=tuple(inputs),
            diagnostics=self._diagnostics.get(full) or self._diagnostics.get(name),
            statuses=tuple(self._statuses.get(full, ())),
            image_topics=tuple(topic for topic in self._cameras() if topic not in known),
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
            tuple(self._stamps_ns[topic]) if topic in self._stamps_ns else None,
        )

    def _taken_by(self, name: str, namespace: str) -> list[tuple[str, list[str]]]:
        try:
            return self.get_subscriber_names_and_types_by_node(name, namespace)
        except RuntimeError:  # its endpoints are known before its name is, and after
            return []

    def _is_image(self, topic: str, types: list[str]) -> bool:
        """Whether a topic is one of images; of masks only where somebody publishes them."""
        is_spare = is_mask(topic) and not self.count_publishers(topic)
        return types[0] in IMAGES and not is_spare

    def _cameras(self) -> list[str]:
        """Return the topics of images that anybody but a front end publishes."""
        frontends = {_join(namespace, name) for name, namespace in self.names()}
        return [
            topic
            for topic, types in self.get_topic_names_and_types()
            if types[0] in IMAGES
            and any(
                _join(end.node_namespace, end.node_name) not in frontends
                for end in self.get_publishers_info_by_topic(topic)
            )
        ]

    def _note_stamps(self, topic: str, kind: type, qos: QoSProfile) -> None:
        """Keep the stamp of each message; the rest of it is not even unpacked."""
        if topic in self._stamps_ns:
            return
        stamps = self._stamps_ns[topic] = []

        def note(cdr: bytes) -> None:
            sec, nanosec = unpack_from('<iI' if cdr[1] else '>iI', cdr, 4)
            stamps.append(sec * 10**9 + nanosec)

        self.create_subscription(kind, topic, note, qos, raw=True)

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        for status in array.status:
            name, _, part = status.name.partition(': ')
            if part == 'front end':
                self._diagnostics[name] = (int.from_bytes(status.level, 'little'), status.message)


def _misfit(offered: Any, wanted: Any) -> str:
    if wanted is None:
        return ''
    verdict, reason = qos_check_compatible(offered, wanted)
    return reason.replace('ERROR: ', '').strip('; ') if verdict == QoSCompatibility.ERROR else ''


def _join(namespace: str, name: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'
