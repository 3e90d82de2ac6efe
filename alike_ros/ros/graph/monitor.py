"""What a graph says about itself while it runs: progress, and who computes."""

from __future__ import annotations

import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from alike_ros.closing import Closing
from alike_ros.msg import FrontendStatus

QUIET_S = 2.0


class Monitor(Closing):
    """Listens to the status and the diagnostics of the front end, on its caller's thread."""

    def __init__(self) -> None:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('demo_monitor')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._node.create_subscription(FrontendStatus, 'frontend/status', self._on_status, 1000)
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._status: FrontendStatus | None = None
        self._identity = {'model': '', 'backend': '', 'device': '', 'weights_sha256': ''}
        self._last_s = time.monotonic()
        self._longest_gap_s = 0.0
        self._progress: tqdm | None = None
        self.frames = 0

    @property
    def silent_s(self) -> float:
        """Seconds since the last status, or since the start."""
        return time.monotonic() - self._last_s

    @property
    def sees_front_end(self) -> bool:
        """Whether the front end has been discovered and said who it is."""
        found = self._node.count_publishers('frontend/status') > 0
        return found and bool(self._identity['model'])

    def begin(self, frames: int) -> None:
        """Show a bar; `frames` is how many will come, 0 when not known."""
        self._last_s = time.monotonic()
        self._progress = tqdm(total=frames or None, unit='frame', desc='starting')

    def spin(self, timeout_s: float) -> None:
        """Handle a message, or wait for one as long as that."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def settle(self, sent: int) -> None:
        """Wait until every sent frame is accounted for, or nothing comes any more."""
        while self._accounted() < sent and self.silent_s < max(QUIET_S, 5 * self._longest_gap_s):
            self.spin(0.1)

    def identity(self) -> dict[str, str]:
        """Return model, backend, device and checksum of the weights as /diagnostics names them."""
        return self._identity

    def _accounted(self) -> int:
        status = self._status
        return status.frames_processed + status.frames_dropped if status else 0

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _on_status(self, status: FrontendStatus) -> None:
        if self.frames:
            self._longest_gap_s = max(self._longest_gap_s, self.silent_s)
        self.frames += 1
        self._last_s = time.monotonic()
        self._status = status
        if self._progress is not None:
            self._progress.set_description(_line(status), refresh=False)
            self._progress.update(self._accounted() - self._progress.n)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {entry.key: entry.value for entry in status.values}
            if 'weights sha256' in values:
                self._identity = {
                    'model': values['model'],
                    'backend': values['backend'],
                    'device': values['device'],
                    'weights_sha256': values['weights sha256'],
                }


def _line(status: FrontendStatus) -> str:
    return (
        f'{status.keypoints} keypoints, {status.tracked} tracked, '
        f'{status.frames_dropped} dropped, {status.latency * 1e3:.0f} ms'
    )
