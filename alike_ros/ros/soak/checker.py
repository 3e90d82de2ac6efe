"""A process that subscribes to a front end like any user and checks everything it publishes.

`python -m alike_ros.ros.soak.checker --report FILE`; ends with SIGINT. With --pictures it also
subscribes to what is made only while someone looks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from alike_ros.config import TrackerConfig, parameters
from alike_ros.msg import FrontendStatus, Keypoints, Tracks
from alike_ros.ros.process import Task, run
from alike_ros.ros.soak.consistency import Consistency
from alike_ros.ros.soak.life import Limits, stamp_of

SETTLE_S = 1.5  # after which keypoints, status and changed parameters of an image have come
REPORT_PERIOD_S = 0.5
DEPTH = QoSProfile(depth=1000)
PICTURES = {'debug_image': Image, 'tracks_cloud': PointCloud2, 'markers': MarkerArray}
_ANY = next(  # what max_lost_frames may be
    Limits(int(p.low or 0), int(p.high or 0))
    for p in parameters(TrackerConfig)
    if p.name == 'max_lost_frames'
)
KEPT = 300  # images whose tracks wait for a status


class Checker(Node):
    """Holds messages until all of an image have come, then checks them in their order."""

    def __init__(self, pictures: bool) -> None:
        super().__init__('checker')
        self.consistency = Consistency()
        self.pictures = 0
        self._tracks: deque[tuple[float, Any]] = deque()
        self._statuses: deque[tuple[float, Any]] = deque()
        self._keypoints: dict[int, Any] = {}
        self._checked: dict[int, Any] = {}
        self._limits = [(0.0, _ANY)]  # from when on, what
        for name, kind, take in (
            ('tracks', Tracks, self._on_tracks),
            ('keypoints', Keypoints, self._on_keypoints),
            ('status', FrontendStatus, self._on_status),
        ):
            self.create_subscription(kind, f'frontend/{name}', take, DEPTH)
        self._values = self.create_client(GetParameters, 'frontend/get_parameters')
        self._answer: Any = None
        self.create_subscription(ParameterEvent, '/parameter_events', self._on_parameters, 1000)
        for name, kind in PICTURES.items() if pictures else ():
            self.create_subscription(kind, f'frontend/{name}', self._on_picture, 1)

    def ask(self) -> None:
        """Ask for max_lost_frames, until it is answered; its changes are heard."""
        known = len(self._limits) > 1
        if self._answer is not None and self._answer.done() and not known:
            [value] = self._answer.result().values
            self._limits.append(
                (time.monotonic(), Limits(value.integer_value, value.integer_value))
            )
        elif not known and self._values.service_is_ready():
            request = GetParameters.Request(names=['max_lost_frames'])
            self._answer = self._values.call_async(request)

    def settle(self, wait_s: float = SETTLE_S) -> None:
        """Check what came at least so long ago."""
        until_s = time.monotonic() - wait_s
        while self._tracks and self._tracks[0][0] <= until_s:
            came_s, tracks = self._tracks.popleft()
            stamp = stamp_of(tracks)
            self.consistency.image(tracks, self._keypoints.pop(stamp, None), self._limit(came_s))
            self._checked[stamp] = tracks
        while self._statuses and self._statuses[0][0] <= until_s:
            _, status = self._statuses.popleft()
            self.consistency.status(status, self._checked.pop(stamp_of(status), None))
        for kept in (self._checked, self._keypoints):
            while len(kept) > KEPT:
                kept.pop(next(iter(kept)))

    def report(self) -> dict[str, Any]:
        return {**self.consistency.report(), 'pictures': self.pictures}

    def _limit(self, came_s: float) -> Limits:
        """Return what max_lost_frames was about when a message came."""
        before = [limit for at_s, limit in self._limits if at_s < came_s - SETTLE_S][-1:]
        about = [limit for at_s, limit in self._limits if abs(at_s - came_s) <= SETTLE_S]
        both = before + about
        return Limits(min(one.low for one in both), max(one.high for one in both))

    def _on_tracks(self, tracks: Tracks) -> None:
        self._tracks.append((time.monotonic(), tracks))

    def _on_keypoints(self, keypoints: Keypoints) -> None:
        self._keypoints[stamp_of(keypoints)] = keypoints

    def _on_status(self, status: FrontendStatus) -> None:
        self._statuses.append((time.monotonic(), status))

    def _on_parameters(self, event: ParameterEvent) -> None:
        for parameter in event.changed_parameters:
            if parameter.name == 'max_lost_frames' and event.node.endswith('/frontend'):
                value = parameter.value.integer_value
                self._limits.append((time.monotonic(), Limits(value, value)))

    def _on_picture(self, _: Any) -> None:
        self.pictures += 1


def main() -> int:
    """Check until a signal comes; 0, whatever was found: the report says it."""
    parser = argparse.ArgumentParser(prog='checker', description=__doc__.partition('\n')[0])
    parser.add_argument('--report', type=Path, required=True)
    parser.add_argument('--pictures', action='store_true')
    args = parser.parse_args(remove_ros_args(sys.argv)[1:])
    return run(lambda: Checker(args.pictures), lambda node, task: _work(node, task, args.report))


def _work(checker: Checker, task: Task, report: Path) -> None:
    due_s = time.monotonic()
    while not task.stopped:
        task.spin(0.1)
        if time.monotonic() > due_s:
            due_s = time.monotonic() + REPORT_PERIOD_S
            checker.ask()
            checker.settle()
            _write(report, checker.report())
    checker.settle(0.0)
    _write(report, checker.report())


def _write(path: Path, report: dict[str, Any]) -> None:
    """Replace the file at once: it is read while the run goes on."""
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps(report, indent=2) + '\n')
    partial.replace(path)


if __name__ == '__main__':
    sys.exit(main())
