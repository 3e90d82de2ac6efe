"""The node's publishers, and the messages of one processed image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from alike_ros import records
from alike_ros.config import NodeConfig
from alike_ros.drawing import TrackHistory, draw_tracks
from alike_ros.frontend import Result
from alike_ros.msg import FrontendStatus, Keypoints, Tracks
from alike_ros.ros.conversions import cloud_message, image_message, message_from_record
from alike_ros.ros.frontend.health import Counts
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.qos import (
    PublisherEventCallbacks,
    output_qos,
    publisher_misfit,
    visual_qos,
)
from alike_ros.ros.frontend.visuals import TrackMarkers, cloud_points
from alike_ros.structures import ImageArray
from alike_ros.weights import WeightsFile


class Outputs:
    """Publishes records for programs, and pictures only while someone looks."""

    def __init__(self, node: LifecycleNode, journal: Journal, config: NodeConfig) -> None:
        self._node = node
        self._journal = journal
        self._publishers: list[Any] = []
        self._tracks = self._publisher(Tracks, '~/tracks')
        self._keypoints = self._publisher(Keypoints, '~/keypoints')
        self._status = self._publisher(FrontendStatus, '~/status')
        self._debug_image = self._publisher(Image, '~/debug_image', visual_qos())
        self._cloud = self._publisher(PointCloud2, '~/tracks_cloud', visual_qos())
        self._markers = self._publisher(MarkerArray, '~/markers', visual_qos())
        self._history = TrackHistory(config.tail_length)
        self._track_markers = TrackMarkers(config.tail_length)
        self._epoch = -1

    def publish_tracks(self, results: Sequence[Result], header: Any) -> None:
        """Publish the tracks of a set, camera 0 first."""
        record = records.tracks_record(*results)
        self._tracks.publish(message_from_record(Tracks, record, header))

    def publish_keypoints(
        self, camera: int, result: Result, header: Any, weights: WeightsFile, config: NodeConfig
    ) -> None:
        """Publish keypoints with descriptors; nothing is made while nobody subscribes."""
        if self._keypoints.get_subscription_count() > 0:
            record = records.keypoints_record(
                result, weights, config.rectified, config.descriptor_type, camera
            )
            self._keypoints.publish(message_from_record(Keypoints, record, header))

    def publish_status(self, record: dict[str, Any], header: Any) -> None:
        self._status.publish(message_from_record(FrontendStatus, record, header))

    def publish_disabled(self, header: Any, counts: Counts) -> None:
        """Publish that an image came while the front end was disabled."""
        status = FrontendStatus(header=header, state=FrontendStatus.STATE_DISABLED)
        status.frames_received = counts.received
        status.frames_processed = counts.processed
        status.frames_dropped = counts.dropped
        for name in ('inlier_ratio', 'mean_age', 'median_flow', 'coverage', 'latency'):
            setattr(status, name, math.nan)
        for stage in ('decode', 'preprocess', 'inference', 'match', 'publish'):
            setattr(status, stage, math.nan)
        self._status.publish(status)

    def publish_visuals(
        self, image: ImageArray, result: Result, header: Any, config: NodeConfig
    ) -> None:
        """Publish picture, cloud and markers, each only if someone subscribes to it."""
        if result.epoch != self._epoch:
            self._epoch = result.epoch
            self._history.clear()
            self._track_markers.clear()
        if self._debug_image.get_subscription_count() > 0:
            self._debug_image.publish(self._picture(image, result, header, config))
        if self._cloud.get_subscription_count() > 0:
            self._cloud.publish(cloud_message(cloud_points(result), header))
        if self._markers.get_subscription_count() > 0:
            message = self._track_markers.message(result, header, config.tail_length)
            self._markers.publish(message)

    def close(self) -> None:
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()

    def _picture(
        self, image: ImageArray, result: Result, header: Any, config: NodeConfig
    ) -> Image:
        tracks = result.tracks
        self._history.resize(config.tail_length)
        self._history.update(tracks.ids, result.features.keypoints, tracks.lost_ids)
        return image_message(draw_tracks(image, self._history, tracks.ages), header)

    def _publisher(self, message_type: type, topic: str, qos: Any = None) -> Any:
        events = PublisherEventCallbacks(
            incompatible_qos=lambda event: self._journal.warn(
                f'QoS of {topic}', publisher_misfit(topic, event)
            )
        )
        publisher = self._node.create_lifecycle_publisher(
            message_type, topic, qos or output_qos(), event_callbacks=events
        )
        self._publishers.append(publisher)
        return publisher
