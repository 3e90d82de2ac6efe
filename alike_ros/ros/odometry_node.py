"""Node `odometry`: poses of the camera from the front end's tracks."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals()

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TransformStamped, Vector3
from nav_msgs.msg import Odometry, Path
from rclpy.node import Node
from std_msgs.msg import Header

from alike_ros.datasets.trajectory import quaternion
from alike_ros.msg import Tracks
from alike_ros.odometry.config import FramesConfig, OdometryConfig
from alike_ros.odometry.frames import Motion, RobotFrames
from alike_ros.odometry.monocular import Estimate, MonocularOdometry, State
from alike_ros.odometry.numbering import Numbering
from alike_ros.odometry.sightings import sightings_from_tracks
from alike_ros.ros.conversions import stamp_ns
from alike_ros.ros.frontend.journal import Journal, guarded
from alike_ros.ros.frontend.qos import deep_qos, output_qos, visual_qos
from alike_ros.ros.parameters import declare, read
from alike_ros.ros.process import Task, run

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # not among the wheels of PyPI
    TFMessage = None

TRACKS = 'frontend/tracks'
SIGNAL_LATENCY_S = 0.1  # a signal is looked at so often
UNKNOWN = 1e6  # variance of what is not known


class OdometryNode(Node):
    """Publishes a pose for each image that has one; when lost, nothing."""

    def __init__(self) -> None:
        super().__init__('odometry')
        declare(self, OdometryConfig, FramesConfig)
        self._config = read(self, FramesConfig)
        self._odometry = MonocularOdometry(read(self, OdometryConfig))
        self._frames = RobotFrames(self._config)
        self._numbering = Numbering()
        self._path: deque[PoseStamped] = deque(maxlen=self._config.path_length)
        self._state = State.INITIALISING
        self._last_ns: int | None = None
        self._journal = Journal(self.get_logger())
        self._odometry_pub = self.create_publisher(Odometry, '~/odometry', output_qos())
        self._path_pub = self.create_publisher(Path, '~/path', visual_qos())
        self._tf_pub = self._tf_publisher()
        self.create_subscription(
            Tracks, TRACKS, guarded(self._journal, self._on_tracks), deep_qos()
        )

    def _tf_publisher(self) -> Any:
        if not self._config.publish_tf:
            return None
        if TFMessage is None:
            self.get_logger().warning(
                'No tf is published: tf2_msgs is not installed '
                '(apt install ros-$ROS_DISTRO-tf2-msgs), or set publish_tf to false.'
            )
            return None
        return self.create_publisher(TFMessage, '/tf', deep_qos())

    def _on_tracks(self, tracks: Any) -> None:
        stamp = stamp_ns(tracks.header)
        if self._last_ns is not None and stamp < self._last_ns:
            self._start_over()
        self._last_ns = stamp
        sightings = self._numbering.unique(sightings_from_tracks(tracks, stamp), tracks.frame_seq)
        if len(tracks.id) and not len(sightings):
            self._journal.warn(
                'calibration',
                'The tracks have no x and y: give the front end a camera_info of its images.',
            )
        estimate = self._odometry.update(sightings)
        self._tell(estimate)
        if estimate.state is State.TRACKING:
            self._publish(estimate, tracks.header)

    def _start_over(self) -> None:
        self.get_logger().info('the clock jumped back: a new path begins')
        self._odometry.reset()
        self._frames.reset()
        self._path.clear()

    def _tell(self, estimate: Estimate) -> None:
        """Log the changes of the state."""
        if estimate.state is self._state:
            return
        self._state = estimate.state
        if estimate.state is State.LOST:
            self._frames.reset()
            self._journal.warn(
                'lost',
                'Lost: too few tracks fit the map, as after a fast turn, in the dark or before a '
                'blank wall. A new map is begun at the last pose, its scale guessed.',
            )
        else:
            self.get_logger().info(f'{estimate.state.value}, {estimate.landmarks} landmarks')

    def _publish(self, estimate: Estimate, header: Any) -> None:
        motion = self._frames.motion(estimate)
        placed = Header(stamp=header.stamp, frame_id=self._config.odom_frame)
        child = self._config.base_frame or header.frame_id
        message = odometry_message(motion, placed, child)
        self._odometry_pub.publish(message)
        if self._tf_pub is not None:
            self._tf_pub.publish(TFMessage(transforms=[transform_message(message)]))
        if estimate.is_keyframe:
            self._path.append(PoseStamped(header=placed, pose=message.pose.pose))
            self._path_pub.publish(Path(header=placed, poses=list(self._path)))


def odometry_message(motion: Motion, header: Header, child_frame: str) -> Odometry:
    """Return the message; a velocity that is not known is 0 with a large variance."""
    message = Odometry(header=header, child_frame_id=child_frame)
    message.pose.pose = _pose(motion.pose)
    message.pose.covariance = motion.covariance.ravel()
    if motion.velocity is None:
        message.twist.covariance = (UNKNOWN * np.eye(6)).ravel()
        return message
    x, y, z, roll, pitch, yaw = motion.velocity.tolist()
    message.twist.twist.linear = Vector3(x=x, y=y, z=z)
    message.twist.twist.angular = Vector3(x=roll, y=pitch, z=yaw)
    message.twist.covariance = motion.velocity_covariance.ravel()
    return message


def transform_message(odometry: Odometry) -> TransformStamped:
    """Return the same pose for tf."""
    result = TransformStamped(header=odometry.header, child_frame_id=odometry.child_frame_id)
    place = odometry.pose.pose.position
    result.transform.translation = Vector3(x=place.x, y=place.y, z=place.z)
    result.transform.rotation = odometry.pose.pose.orientation
    return result


def _pose(pose: np.ndarray) -> Pose:
    x, y, z = pose[:3, 3].tolist()
    qx, qy, qz, qw = quaternion(pose[:3, :3]).tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def work(_: OdometryNode, task: Task) -> None:
    """Serve until a signal."""
    while not task.stopped:
        task.spin(SIGNAL_LATENCY_S)


def main() -> int:
    """Run until a signal; 0, or 1 when it cannot start."""
    return run(OdometryNode, work)


if __name__ == '__main__':
    sys.exit(main())
