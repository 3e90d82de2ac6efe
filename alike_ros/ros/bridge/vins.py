"""Tracks to VINS-Fusion or VINS-Mono: the only user of sensor_msgs/PointCloud, deprecated."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Point32
from rclpy.node import Node
from sensor_msgs.msg import ChannelFloat32, PointCloud
from std_msgs.msg import Bool

from alike_ros.consumers.config import BridgeConfig
from alike_ros.consumers.vins import Cloud, VinsFusion, VinsMono
from alike_ros.msg import Tracks
from alike_ros.ros.conversions import typed_array
from alike_ros.ros.frontend.journal import Journal, guarded
from alike_ros.ros.frontend.qos import deep_qos

FEATURES = '/feature_tracker/feature'
TRACKS = 'frontend/tracks'


class VinsBridge:
    """Publishes what the estimator's own feature tracker would."""

    def __init__(self, node: Node, journal: Journal, config: BridgeConfig) -> None:
        kind = VinsFusion if config.consumer == 'vins_fusion' else VinsMono
        self._encoder = kind(config)
        self._journal = journal
        self._logger = node.get_logger()
        self._features = node.create_publisher(PointCloud, FEATURES, deep_qos())
        self._restart = node.create_publisher(Bool, self._encoder.restart_topic, deep_qos())
        node.create_subscription(Tracks, TRACKS, guarded(journal, self._on_tracks), deep_qos())

    def _on_tracks(self, tracks: Any) -> None:
        step = self._encoder.encode(tracks)
        if step.warning:
            self._journal.warn('tracks', step.warning)
        if step.restart:
            self._logger.info('a pause, a jump of the clock or a reset: the estimator restarts')
            self._restart.publish(Bool(data=True))
        if step.cloud is not None:
            self._features.publish(cloud_message(step.cloud, tracks.header))


def cloud_message(cloud: Cloud, header: Any) -> PointCloud:
    return PointCloud(
        header=header,
        points=[Point32(x=x, y=y, z=z) for x, y, z in cloud.points.tolist()],
        channels=[
            ChannelFloat32(name=name, values=typed_array(values))
            for name, values in cloud.channels
        ],
    )
