"""What the odometry takes for granted, and when it doubts."""

from __future__ import annotations

from dataclasses import dataclass

from alike_ros.config import Checked, param


@dataclass(frozen=True)
class OdometryConfig(Checked):
    """Parameters of `MonocularOdometry`."""

    scale: float = param(
        1.0,
        'm. Distance between the two images that the map begins with: one camera cannot know it. '
        'Not used where the tracks have depths.',
        low=1e-6,
        high=1e6,
    )
    max_error: float = param(
        2.0, 'px. A track farther from its landmark than this is an outlier.', 0.1, 100.0
    )
    begin_angle: float = param(
        2.0,
        'deg. The two images that the map begins with see a quarter of their tracks from '
        'directions that differ by more than this.',
        low=0.1,
        high=90.0,
    )
    landmark_angle: float = param(
        0.7, 'deg. Least angle between the rays of a new landmark.', 0.01, 90.0
    )
    keyframe_share: float = param(
        0.8,
        'An image that sees less than this share of the landmarks of the last keyframe becomes '
        'the next one.',
        low=0.0,
        high=1.0,
    )
    keyframe_angle: float = param(
        1.0,
        'deg. So does one that sees the tracks of the last keyframe from directions that differ '
        'by more than this in the median.',
        low=0.01,
        high=90.0,
    )
    min_landmarks: int = param(
        15, 'An image that sees fewer landmarks than this has no pose.', 6, 1000
    )
    window: int = param(10, 'Keyframes that landmarks are computed from.', 2, 100)


@dataclass(frozen=True)
class FramesConfig(Checked):
    """How odometry_node publishes its poses."""

    odom_frame: str = param('odom', 'Frame of the poses: where the base was when the map began.')
    base_frame: str = param(
        '',
        "Frame that moves, such as base_link. Empty: the camera's optical frame, the frame_id of "
        'its images.',
    )
    camera_pose: str = param(
        '0 0 0 0 0 0',
        'm, rad. Pose x y z roll pitch yaw in base_frame of the camera, seen as a body: x '
        'forward, y left, z up. Rotations about the fixed axes x, then y, then z.',
    )
    publish_tf: bool = param(
        True, 'Publish odom_frame to base_frame on /tf; needs tf2_msgs. Off where another does.'
    )
    path_length: int = param(5000, 'Poses in the path: those of the last keyframes.', 1, 1000000)
