"""The course of a replay: when each frame is sent, and what is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.publisher import Publisher

from alike_ros.errors import DatasetError
from alike_ros.ros.process import Task
from alike_ros.ros.replay.prefetch import Prefetch
from alike_ros.ros.replay.publisher import ANSWERS, ReplayNode
from alike_ros.ros.replay.timeline import Timeline
from alike_ros.sources import Source, open_source
from alike_ros.structures import Frame

CLOCK_PERIOD_S = 0.02
LATE_S = 0.01
INTERRUPTED_HOLD_S = 1.0  # a launch file kills what does not end in time


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
        self._late += self._config.rate > 0 and self._elapsed_s() - due_s > LATE_S
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
            self._wait_for(lambda: _matched(node.camera_info) >= wanted, 'camera_info', 0.5)

    def _wait_for(
        self, ready: Callable[[], bool], what: str, limit_s: float = float('inf')
    ) -> None:
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
        hold_s = self._config.hold
        if self._task.stopped:
            hold_s = min(hold_s, INTERRUPTED_HOLD_S)
        for publisher in (self._node.camera_info, self._node.image):
            _await_arrival(publisher, hold_s)
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
