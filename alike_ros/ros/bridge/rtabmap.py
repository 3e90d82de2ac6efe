"""Images with their keypoints to rtabmap, as rtabmap_msgs/RGBDImage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from alike_ros.camera import camera_from_info
from alike_ros.consumers.config import BridgeConfig
from alike_ros.consumers.rtabmap import (
    KEYPOINT_ANGLE,
    KEYPOINT_SIZE,
    LocalFeatures,
    local_features,
)
from alike_ros.errors import ConfigError
from alike_ros.image_message import depth_from_msg
from alike_ros.msg import Keypoints
from alike_ros.ros.bridge.stamps import KEPT, SameStamp
from alike_ros.ros.conversions import typed_array
from alike_ros.ros.frontend.journal import Journal, guarded
from alike_ros.ros.frontend.qos import deep_qos, output_qos

IMAGE, CAMERA_INFO, DEPTH, KEYPOINTS = 'image', 'camera_info', 'depth/image', 'frontend/keypoints'


class RtabmapBridge:
    """Publishes each image that has keypoints, together with them."""

    def __init__(self, node: Node, journal: Journal, config: BridgeConfig) -> None:
        """Subscribe and advertise.

        Raises:
            ConfigError: rtabmap_msgs is not installed.
        """
        self._messages = _rtabmap_messages()
        self._journal = journal
        topics = {IMAGE: Image, CAMERA_INFO: CameraInfo, KEYPOINTS: Keypoints}
        if config.depth:
            topics[DEPTH] = Image
        self._same_stamp = SameStamp(topics, self._publish, self._warn_missing)
        self._images = node.create_publisher(self._messages.RGBDImage, 'rgbd_image', output_qos())
        for topic, take in takers(self._same_stamp, topics).items():
            qos = deep_qos() if topic == KEYPOINTS else _sensor_qos()
            node.create_subscription(topics[topic], topic, guarded(journal, take), qos)

    def _publish(self, found: dict[str, Any]) -> None:
        image, info, keypoints = found[IMAGE], found[CAMERA_INFO], found[KEYPOINTS]
        camera = camera_from_info(info, keypoints.rectified)
        if camera is not None and camera.distortion:
            self._journal.warn_once(
                'distorted',
                'rtabmap takes images for rectified, and these are not: give both nodes the '
                'rectified images, and set rectified of the front end.',
            )
        depth = found.get(DEPTH)
        features = local_features(
            keypoints, camera, None if depth is None else depth_from_msg(depth)
        )
        message = self._messages.RGBDImage(header=image.header, rgb=image, rgb_camera_info=info)
        if depth is not None:
            message.depth, message.depth_camera_info = depth, info
        self._write_features(message, features)
        self._images.publish(message)

    def _write_features(self, message: Any, features: LocalFeatures) -> None:
        keypoint, point2, point3 = (
            self._messages.KeyPoint,
            self._messages.Point2f,
            self._messages.Point3f,
        )
        pairs = zip(features.keypoints.tolist(), features.responses.tolist(), strict=True)
        message.key_points = [
            keypoint(
                pt=point2(x=x, y=y),
                size=KEYPOINT_SIZE,
                angle=KEYPOINT_ANGLE,
                response=response,
                class_id=-1,
            )
            for (x, y), response in pairs
        ]
        message.points = [point3(x=x, y=y, z=z) for x, y, z in features.points.tolist()]
        message.descriptors = typed_array(features.descriptors)

    def _warn_missing(self, topics: set[str]) -> None:
        self._journal.warn(
            'stamps',
            f'rtabmap gets nothing: for the last {KEPT} stamps no message came on '
            f'{" and ".join(sorted(topics))} beside the others; all of them need the stamp of '
            'the image.',
        )


def takers(same_stamp: SameStamp, topics: Iterable[str]) -> dict[str, Callable[[Any], None]]:
    """Return what takes the messages of each topic.

    Of several cameras, the keypoints of all have one stamp: those of camera 0, which has the
    depths of a stereo pair, are the image's.
    """

    def take_keypoints(message: Any) -> None:
        if message.camera_id == 0:
            same_stamp.add(KEYPOINTS, message)

    return {
        topic: take_keypoints if topic == KEYPOINTS else partial(same_stamp.add, topic)
        for topic in topics
    }


def _rtabmap_messages() -> Any:
    try:
        import rtabmap_msgs.msg
    except ImportError as error:
        distribution = os.environ.get('ROS_DISTRO', 'jazzy')
        raise ConfigError(
            f'consumer rtabmap needs rtabmap_msgs, which is not in this environment: '
            f'apt install ros-{distribution}-rtabmap-msgs, or source its workspace'
        ) from error
    return rtabmap_msgs.msg


def _sensor_qos() -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.BEST_EFFORT
    )
