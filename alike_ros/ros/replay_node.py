"""Node `replay`: any sequence of images as `image` and `camera_info`, at any speed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from alike_ros.camera import camera_info_fields
from alike_ros.config import _Checked as Checked
from alike_ros.config import param
from alike_ros.errors import DatasetError
from alike_ros.image_message import image_fields
from alike_ros.msg import FrontendStatus
from alike_ros.prefetch import Prefetch
from alike_ros.ros.conversions import message_from_record
from alike_ros.ros.parameters import declare, read
from alike_ros.ros.process import Task, run
from alike_ros.sources import Source, open_source
from alike_ros.structures import Frame
from alike_ros.timeline import Timeline, Unanswered

CLOCK_PERIOD_S = 0.02
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
        5.0, 's. Longest wait at the end until every reliable image has arrived.', 0.0, 3600.0
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


class Replay:
    """One run of the node: waits for subscribers, sends the frames, writes the report."""

    def __init__(self, node: ReplayNode, task: Task) -> None:
        self._node = node
        self._task = task
        self._config = node.config
        self._live = node.config.input.startswith('camera')
        keep = self._live or self._config.stamps == 'original'
        self._timeline = Timeline(0.0 if self._live else self._config.rate, keep)
        self._started_s = 0.0
        self._sent = 0
        self._late = 0

    def run(self) -> None:
        """Send the whole sequence.

        Raises:
            DatasetError: it cannot be read, or holds no image.
        """
        source = open_source(self._config.input, self._config.topic)
        camera = source.camera
        if self._live:
            self._wait_for_subscribers(camera is not None)
        while not self._task.stopped:
            self._send_pass(source, camera)
            if not self._sent and not self._task.stopped:
                raise DatasetError(f'{source.name} holds no image that can be read')
            if not self._config.loop or self._live:
                break
            self._timeline.next_pass()
        self._finish(source)

    def _send_pass(self, source: Source, camera: Any) -> None:
        frames = Prefetch(self._until_duration(source), self._config.read_ahead)
        try:
            if not self._timeline.started and not self._live:
                self._wait_for(lambda: frames.wait_full(0.0), 'reading ahead')
                self._wait_for_subscribers(camera is not None)
            for frame in frames:
                if not self._await_turn(frame):
                    return
                self._send(frame, camera)
        finally:
            frames.close()

    def _until_duration(self, source: Source) -> Iterator[Frame]:
        first_ns = None
        for frame in source:
            first_ns = frame.stamp_ns if first_ns is None else first_ns
            if 0 < self._config.duration <= (frame.stamp_ns - first_ns) * 1e-9:
                return
            yield frame

    def _await_turn(self, frame: Frame) -> bool:
        """Wait until a frame may be sent; False when the process is to stop."""
        if not self._timeline.started:
            self._timeline.start(frame.stamp_ns, time.time_ns())
            self._started_s = time.monotonic()
        if not self._config.rate:
            self._await_answers(self._config.in_flight - 1)
        self._task.spin(0.0)
        return not self._task.stopped

    def _send(self, frame: Frame, camera: Any) -> None:
        stamp_ns, due_s = self._timeline.add(frame.stamp_ns)
        self._sleep_until(due_s, stamp_ns)
        if self._task.stopped:
            return
        self._late += self._config.rate > 0 and self._elapsed_s() - due_s > 0.01
        self._node.publish(frame, stamp_ns, camera)
        self._sent += 1

    def _sleep_until(self, due_s: float, stamp_ns: int) -> None:
        rate = self._config.rate
        while (left_s := due_s - self._elapsed_s()) > 0 and not self._task.stopped:
            self._task.spin(min(left_s, CLOCK_PERIOD_S))
            left_s = max(0.0, due_s - self._elapsed_s())
            if left_s > 0:
                self._node.tell_time(stamp_ns - round(left_s * rate * 1e9))

    def _await_answers(self, allowed: int) -> None:
        unanswered, limit_s = self._node.unanswered, self._config.answer_timeout
        until_s = time.monotonic() + limit_s
        while len(unanswered) > allowed and not self._task.stopped:
            self._task.spin(min(0.1, until_s - time.monotonic()))
            if time.monotonic() > until_s and len(unanswered) > allowed:
                unanswered.give_up()
                until_s = time.monotonic() + limit_s
                self._node.get_logger().warning(
                    f'no answer on {ANSWERS} to an image in {limit_s:g} s; going on without it'
                )

    def _wait_for_subscribers(self, with_camera: bool) -> None:
        wanted, node = self._config.wait_for_subscribers, self._node
        topic = node.image.topic_name
        what = f'{wanted} subscriber{"" if wanted == 1 else "s"} of {topic}'
        self._wait_for(lambda: _matched(node.image) >= wanted, what)
        if not self._config.rate:
            self._wait_for(lambda: node.count_publishers(ANSWERS) > 0, f'a publisher of {ANSWERS}')
        if with_camera and wanted:
            self._wait_for(lambda: _matched(node.camera_info) >= wanted, 'camera_info', 2.0)

    def _wait_for(self, ready: Any, what: str, limit_s: float = float('inf')) -> None:
        began_s = time.monotonic()
        tell_s = began_s + 5.0
        while not ready() and not self._task.stopped and time.monotonic() - began_s < limit_s:
            self._task.spin(0.02)
            if time.monotonic() > tell_s:
                self._node.get_logger().info(f'waiting: {what}')
                tell_s = float('inf')

    def _finish(self, source: Source) -> None:
        if not self._config.rate:
            self._await_answers(0)
        wall_s = self._elapsed_s()
        for publisher in (self._node.camera_info, self._node.image):
            _await_arrival(publisher, self._config.hold)
        self._node.get_logger().info(f'sent {self._sent} images of {source.name}')
        if self._config.report:
            report = self._report(source, wall_s)
            Path(self._config.report).write_text(json.dumps(report, indent=2) + '\n')

    def _report(self, source: Source, wall_s: float) -> dict[str, Any]:
        return {
            'source': source.name,
            'frames_sent': self._sent,
            'frames_late': int(self._late),
            'unanswered': self._node.unanswered.given_up,
            'stamp_offset_ns': self._timeline.offset_ns,
            'rate': self._config.rate,
            'wall_s': round(wall_s, 6),
            'interrupted': self._task.stopped,
        }

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s


def _matched(publisher: Publisher) -> int:
    return publisher.get_subscription_count()


def _await_arrival(publisher: Publisher, limit_s: float) -> None:
    if limit_s > 0 and hasattr(publisher, 'wait_for_all_acked'):
        publisher.wait_for_all_acked(Duration(seconds=limit_s))


def _time(stamp_ns: int) -> Time:
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def main() -> int:
    """Replay until the end or a signal; 0, or 1 when the input cannot be read."""
    return run(ReplayNode, lambda node, task: Replay(node, task).run())


if __name__ == '__main__':
    sys.exit(main())
