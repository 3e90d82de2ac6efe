"""What the replay node publishes: `image`, `camera_info` and `/clock`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from alike_ros.camera import camera_info_fields
from alike_ros.config import Checked, param
from alike_ros.image_message import image_fields
from alike_ros.msg import FrontendStatus
from alike_ros.ros.conversions import message_from_record
from alike_ros.ros.parameters import declare, read
from alike_ros.ros.replay.timeline import Unanswered
from alike_ros.structures import Frame

ANSWERS = 'frontend/status'


@dataclass(frozen=True)
class ReplayConfig(Checked):
    """What is replayed, and how."""

    input: str = param(
        '',
        'Image folder, movie, camera0, KITTI, TUM or EuRoC folder, or bag; empty is the rendered '
        'room.',
    )
    topic: str = param('', 'Image topic of a bag; empty is its first.')
    rate: float = param(
        1.0,
        'Factor on the recorded time; 0 sends the next image when the front end answered the '
        'former with its status.',
        low=0.0,
        high=1000.0,
    )
    in_flight: int = param(1, 'With rate 0: images that may be unanswered.', 1, 1000)
    answer_timeout: float = param(10.0, 's. With rate 0: longest wait for an answer.', 0.1, 3600.0)
    loop: bool = param(False, 'Start again at the end.')
    duration: float = param(
        0.0, 's of recorded time after which a pass ends; 0: its end.', 0.0, 1e6
    )
    publish_clock: bool = param(False, 'Publish /clock from the stamps that are sent.')
    stamps: str = param(
        'original',
        'original: as recorded; with loop they jump back. now: the first image is stamped now, '
        'the spacing stays, and a loop goes on growing.',
        choices=('original', 'now'),
    )
    frame_id: str = param('', 'Frame id of the images; empty: as recorded.')
    reliability: str = param(
        'reliable', 'Of both publishers.', choices=('reliable', 'best_effort')
    )
    wait_for_subscribers: int = param(1, 'Subscribers of image that are waited for.', 0, 1000)
    read_ahead: int = param(30, 'Images decoded ahead, also before the start.', 1, 100000)
    hold: float = param(
        5.0,
        's. Longest wait at the end until every reliable image has arrived; after a signal 1 s.',
        0.0,
        3600.0,
    )
    report: str = param('', 'JSON file written at the end; empty writes none.')


class ReplayNode(Node):
    """Publishers of a sequence, and the answers of the front end."""

    def __init__(self) -> None:
        super().__init__('replay')
        declare(self, ReplayConfig)
        self.config = read(self, ReplayConfig)
        self.unanswered = Unanswered()
        reliable = self.config.reliability == 'reliable'
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=100,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        )
        self.image = self.create_publisher(Image, 'image', qos)
        self.camera_info = self.create_publisher(CameraInfo, 'camera_info', qos)
        self._clock_publisher: Publisher | None = None
        if self.config.publish_clock:
            self._clock_publisher = self.create_publisher(Clock, '/clock', 10)
        if not self.config.rate:
            self.create_subscription(FrontendStatus, ANSWERS, self._on_status, 1000)

    def publish(self, frame: Frame, stamp_ns: int, camera: Any) -> None:
        """Publish the clock, the calibration and the image, all with this stamp."""
        self.tell_time(stamp_ns)
        frame_id = self.config.frame_id or frame.frame_id
        header = Header(stamp=_time(stamp_ns), frame_id=frame_id)
        if camera is not None:
            fields = camera_info_fields(camera)
            self.camera_info.publish(message_from_record(CameraInfo, fields, header))
        self.image.publish(message_from_record(Image, image_fields(frame.image), header))
        if not self.config.rate:
            self.unanswered.sent(stamp_ns)

    def tell_time(self, stamp_ns: int) -> None:
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=_time(stamp_ns)))

    def _on_status(self, status: FrontendStatus) -> None:
        stamp = status.header.stamp
        self.unanswered.answered(stamp.sec * 1_000_000_000 + stamp.nanosec)


def _time(stamp_ns: int) -> Time:
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)
