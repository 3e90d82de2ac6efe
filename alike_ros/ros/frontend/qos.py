"""Quality of service of every topic, and what to do when two do not fit together."""

from __future__ import annotations

from typing import Any

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

from alike_ros.config import NodeConfig

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

__all__ = [
    'PublisherEventCallbacks',
    'SubscriptionEventCallbacks',
    'camera_info_qos',
    'deep_qos',
    'image_qos',
    'output_qos',
    'publisher_misfit',
    'subscription_misfit',
    'visual_qos',
]

_WAITING_FOR_SET = 3


def image_qos(config: NodeConfig) -> QoSProfile:
    """Return best effort for the newest image only; or, to lose none, deep and reliable.

    Of a set, one image must not push out its neighbour while the other topics are served; the
    mailbox still keeps the newest set only.
    """
    latest = 1 if config.cameras == 'mono' else _WAITING_FOR_SET
    return _qos(_input_depth(config, latest), _input_reliability(config))


def camera_info_qos(config: NodeConfig) -> QoSProfile:
    return _qos(_input_depth(config, 10), _input_reliability(config))


def output_qos() -> QoSProfile:
    return _qos(10, ReliabilityPolicy.RELIABLE)


def deep_qos() -> QoSProfile:
    """For programs that must not lose a message while they are busy."""
    return _qos(100, ReliabilityPolicy.RELIABLE)


def visual_qos() -> QoSProfile:
    """For pictures: reliable so that every viewer fits, and only the newest."""
    return _qos(1, ReliabilityPolicy.RELIABLE)


def subscription_misfit(topic: str, event: Any) -> str:
    """Say what an incompatible publisher of an input topic means, and the remedy."""
    policy = qos_policy_name_from_kind(event.last_policy_kind)
    remedy = (
        'set the parameter input_reliability to best_effort, or make the publisher reliable'
        if policy.upper().startswith('RELIABILITY')
        else f"change the publisher's {policy.lower()} policy"
    )
    return (
        f'A publisher of {topic} offers an incompatible {policy} policy: nothing of it will be '
        f'received; {remedy}.'
    )


def publisher_misfit(topic: str, event: Any) -> str:
    """Say what an incompatible subscriber of an output topic means, and the remedy."""
    policy = qos_policy_name_from_kind(event.last_policy_kind)
    return (
        f'A subscriber of {topic} asks for an incompatible {policy} policy: it will receive '
        f'nothing; {topic} is reliable and volatile, subscribe to it like that.'
    )


def _input_depth(config: NodeConfig, latest: int) -> int:
    return config.queue_size if config.drop_policy == 'queue' else latest


def _input_reliability(config: NodeConfig) -> ReliabilityPolicy:
    choice = config.input_reliability
    if choice == 'auto':
        choice = 'reliable' if config.drop_policy == 'queue' else 'best_effort'
    return ReliabilityPolicy.RELIABLE if choice == 'reliable' else ReliabilityPolicy.BEST_EFFORT


def _qos(depth: int, reliability: ReliabilityPolicy) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability)
