"""The node's subscriptions: they exist only while it is active."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alike_ros.config import NodeConfig
from alike_ros.ros.frontend.engine import Engine
from alike_ros.ros.frontend.journal import Journal, guarded
from alike_ros.ros.frontend.qos import (
    SubscriptionEventCallbacks,
    camera_info_qos,
    image_qos,
    subscription_misfit,
)


class Inputs:
    """Hands images and camera_info to the engine."""

    def __init__(self, node: LifecycleNode, journal: Journal, engine: Engine) -> None:
        self._node = node
        self._journal = journal
        config = engine.config
        self._image_type, self._image_topic = image_input(config)
        # camera_info first: in replay it then has a head start on the first image
        self._subscriptions = [
            self._subscription(
                CameraInfo, 'camera_info', engine.book.add, camera_info_qos(config)
            ),
            self._subscription(
                self._image_type, self._image_topic, engine.receive, image_qos(config)
            ),
        ]

    def wrong_type(self) -> str:
        """Say that a publisher of the image topic has another type, and the remedy; else ''."""
        name = self._node.resolve_topic_name(self._image_topic)
        expected = type_name(self._image_type)
        for publisher in self._node.get_publishers_info_by_topic(name):
            if publisher.topic_type not in ('', expected):
                sentence = (
                    f'{name} is published as {publisher.topic_type}, expected {expected}: set '
                    'the parameter image_transport, or remap the topic'
                )
                self._journal.warn_once(f'type of {name}', f'{sentence}.')
                return sentence
        return ''

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _subscription(self, message_type: type, topic: str, callback: Any, qos: Any) -> Any:
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._journal.warn(
                f'QoS of {topic}',
                subscription_misfit(self._node.resolve_topic_name(topic), event),
            )
        )
        return self._node.create_subscription(
            message_type, topic, guarded(self._journal, callback), qos, event_callbacks=events
        )


def type_name(message_type: type) -> str:
    """Return a message's type as the graph names it, such as sensor_msgs/msg/Image."""
    package, kind, *_ = message_type.__module__.split('.')
    return f'{package}/{kind}/{message_type.__name__}'


def image_input(config: NodeConfig) -> tuple[type, str]:
    """Return the type and the name of the image topic."""
    if config.image_transport == 'compressed':
        return CompressedImage, 'image/compressed'
    return Image, 'image'
