"""What the front end says of itself, second by second."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from alike_ros.msg import FrontendStatus
from alike_ros.ros.graph.monitor import Monitor
from alike_ros.ros.soak.samples import Sample
from alike_ros.ros.soak.usage import Usage

DROPPED = 'dropped: '


class Observer(Monitor):
    """A monitor that keeps all latencies, and makes samples.

    times_s, latencies_s: of every processed image, since `start`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.times_s: list[float] = []
        self.latencies_s: list[float] = []
        self._start_s = time.monotonic()
        self._dropped: Counter[str] = Counter()
        self._last_dropped: dict[str, int] = {}
        self._received = self._last_received = 0
        self._sampled = _Mark(0.0, 0, 0, 0.0)

    @property
    def node(self) -> Node:
        return self._node

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def start(self, cpu_s: float) -> None:
        """Begin to count seconds; `cpu_s` is what the front end has used by now."""
        self._start_s = time.monotonic()
        self.times_s.clear()
        self.latencies_s.clear()
        self._sampled = _Mark(0.0, 0, self._received, cpu_s)

    def sample(self, use: Usage, state: str, place: int, visitor: bool) -> Sample:
        """Return what happened since the last sample."""
        last, now_s = self._sampled, self.elapsed_s
        passed_s = max(now_s - last.time_s, 1e-3)
        latencies = np.array(self.latencies_s[last.processed :])
        finite = latencies[np.isfinite(latencies)]
        p50, p99 = np.percentile(finite, (50, 99)) * 1e3 if len(finite) else (np.nan, np.nan)
        self._sampled = _Mark(now_s, len(self.times_s), self._received, use.cpu_s)
        status = self._status or FrontendStatus()
        return Sample(
            time_s=now_s,
            state=state,
            place=place,
            visitor=visitor,
            usage=use,
            cpu=(use.cpu_s - last.cpu_s) / passed_s,
            received_rate=(self._received - last.received) / passed_s,
            processed_rate=len(latencies) / passed_s,
            latency_ms=(float(p50), float(p99)),
            keypoints=status.keypoints,
            tracked=status.tracked,
            dropped=dict(self._dropped),
        )

    def _on_status(self, status: FrontendStatus) -> None:
        super()._on_status(status)
        # configured anew, the front end counts from 0
        began_anew = status.frames_received < self._last_received
        self._received += status.frames_received - (0 if began_anew else self._last_received)
        self._last_received = status.frames_received
        if status.state != FrontendStatus.STATE_DISABLED:
            self.times_s.append(self.elapsed_s)
            self.latencies_s.append(status.latency)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        super()._on_diagnostics(message)
        for status in message.status:
            counts = {
                entry.key.removeprefix(DROPPED): int(entry.value)
                for entry in status.values
                if entry.key.startswith(DROPPED)
            }
            for cause, count in counts.items():
                before = self._last_dropped.get(cause, 0)
                self._dropped[cause] += count - (before if count >= before else 0)
            self._last_dropped |= counts


class _Mark:
    """Where the last sample ended."""

    def __init__(self, time_s: float, processed: int, received: int, cpu_s: float) -> None:
        self.time_s, self.processed = time_s, processed
        self.received, self.cpu_s = received, cpu_s
