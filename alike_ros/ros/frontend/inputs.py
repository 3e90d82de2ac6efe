"""The node's subscriptions: they exist only while it is active."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image

from alike_ros.ros.frontend.engine import Engine
from alike_ros.ros.frontend.gaps import KNOWN, Gaps
from alike_ros.ros.frontend.journal import Journal, guarded
from alike_ros.ros.frontend.qos import (
    SubscriptionEventCallbacks,
    camera_info_qos,
    image_qos,
    subscription_misfit,
)
from alike_ros.ros.frontend.topics import image_topics


class Inputs:
    """Hands images and camera_info to the engine."""

    def __init__(self, node: LifecycleNode, journal: Journal, engine: Engine) -> None:
        self._node = node
        self._journal = journal
        self._health = engine.health
        self._transport = engine.transport
        config = engine.config
        self._topics = image_topics(config)
        # camera_info first: in replay it then has a head start on the first image
        self._subscriptions = [
            *(
                self._subscription(
                    CameraInfo,
                    names.camera_info,
                    partial(engine.calibrate, eye),
                    camera_info_qos(config),
                )
                for names, eye in engine.eyes.items()
            ),
            *(
                self._subscription(Image, names.mask, eye.masks.add, image_qos(config))
                for names, eye in engine.eyes.items()
            ),
            *(
                self._subscription(
                    topic.type,
                    topic.name,
                    partial(engine.receive, stream),
                    image_qos(config),
                    counted=stream == 0,
                )
                for stream, topic in enumerate(self._topics)
            ),
        ]

    def wrong_type(self) -> str:
        """Say that a publisher of an image topic has another type, and the remedy; else ''."""
        for topic in self._topics:
            name = self._node.resolve_topic_name(topic.name)
            for publisher in self._node.get_publishers_info_by_topic(name):
                if publisher.topic_type not in ('', topic.type_name):
                    sentence = (
                        f'{name} is published as {publisher.topic_type}, expected '
                        f'{topic.type_name}: set the parameter image_transport, or remap the topic'
                    )
                    self._journal.warn_once(f'type of {name}', f'{sentence}.')
                    return sentence
        return ''

    def too_large(self) -> str:
        """Say that images do not fit into shared memory, and the remedy; else ''."""
        for topic in self._topics:
            name = self._node.resolve_topic_name(topic.name)
            if sentence := self._transport.misfit(name):
                sentence = f'{name}: {sentence}'
                self._journal.warn_once(f'size of {name}', f'{sentence}.')
                return sentence
        return ''

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _subscription(
        self, message_type: type, topic: str, callback: Any, qos: Any, counted: bool = False
    ) -> Any:
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._journal.warn(
                f'QoS of {topic}',
                subscription_misfit(self._node.resolve_topic_name(topic), event),
            )
        )
        take = guarded(self._journal, callback)
        if counted and KNOWN:
            take = self._counting(topic, take)
        return self._node.create_subscription(
            message_type, topic, take, qos, event_callbacks=events
        )

    def _counting(self, topic: str, take: Any) -> Any:
        name = self._node.resolve_topic_name(topic)
        gaps = Gaps(lambda: self._node.count_publishers(name))

        def count(message: Any, info: Any) -> None:
            self._health.lost(gaps.before(info))
            take(message)

        return count
