"""What the node counts about itself, and how it is doing of late."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

WINDOW_S = 10.0

REPLACED = 'replaced by a newer image'
QUEUE_FULL = 'queue full'
BAD_IMAGE = 'bad image'
DISABLED = 'disabled'
FAILED = 'error'
STOPPED = 'waiting when deactivated'
UNMATCHED = 'without partner'


@dataclass(frozen=True)
class Counts:
    """Images since the node was configured; `dropped` is the sum over its causes.

    Of sets they are those of the first topic. unmatched: by topic, what found no partner.
    lost: sent while the node was active, and not received.
    """

    received: int = 0
    processed: int = 0
    dropped_by_cause: dict[str, int] = field(default_factory=dict)
    unmatched: dict[str, int] = field(default_factory=dict)
    lost: int = 0

    @property
    def dropped(self) -> int:
        return sum(self.dropped_by_cause.values())


@dataclass(frozen=True)
class Recent:
    """The last `WINDOW_S` seconds.

    rates: images a second, received and processed; `processed` counts the latter, `lost` those
        that were sent and not received.
    latency_s, turnaround_s: (p50, p99), from the image's stamp, and from its arrival at the
        node, to the moment its tracks were published; NaN without images.
    silence_s: time since the last image came; infinite when none ever did.
    """

    processed: int
    received_rate: float
    processed_rate: float
    latency_s: tuple[float, float]
    turnaround_s: tuple[float, float]
    dropped: dict[str, int]
    silence_s: float
    last_error: str
    clock_jumps: int
    repeated_stamps: int
    lost: int = 0


class Health:
    """Counts images; any thread may call any method.

    telling: held while counts are taken and published, so that they are published in the order
    in which they were taken.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.telling = threading.Lock()
        self._start_s = clock()
        self._received = 0
        self._processed = 0
        self._dropped: Counter[str] = Counter()
        self._unmatched: dict[str, int] = {}
        self._arrivals: deque[float] = deque(maxlen=10000)
        self._done: deque[tuple[float, float, float]] = deque(maxlen=10000)
        self._drops: deque[tuple[float, str]] = deque(maxlen=10000)
        self._lost = 0
        self._losses: deque[tuple[float, int]] = deque(maxlen=10000)
        self._jumps: deque[float] = deque(maxlen=100)
        self._repeats: deque[float] = deque(maxlen=100)
        self._error: tuple[float, str] = (-np.inf, '')
        self._last_arrival_s = -np.inf

    def received(self) -> None:
        with self._lock:
            self._received += 1
            self._last_arrival_s = self._clock()
            self._arrivals.append(self._last_arrival_s)

    def lost(self, images: int) -> None:
        """Count images that were sent and not received."""
        if images:
            with self._lock:
                self._lost += images
                self._losses.append((self._clock(), images))

    def processed(self, latency_s: float, turnaround_s: float) -> None:
        with self._lock:
            self._processed += 1
            self._done.append((self._clock(), latency_s, turnaround_s))
            self._error = (-np.inf, '')

    def dropped(self, cause: str, sentence: str = '', images: int = 1) -> None:
        """Count images that will not be processed; `sentence` says what was wrong with one."""
        if images == 0:
            return
        with self._lock:
            now_s = self._clock()
            self._dropped[cause] += images
            self._drops.extend([(now_s, cause)] * images)
            if sentence:
                self._error = (now_s, sentence)

    def unmatched(self, totals: dict[str, int]) -> None:
        """Take how many messages of each topic have found no partner so far."""
        with self._lock:
            self._unmatched = dict(totals)

    def clock_jumped(self) -> None:
        with self._lock:
            self._jumps.append(self._clock())

    def stamp_repeated(self) -> None:
        with self._lock:
            self._repeats.append(self._clock())

    def counts(self) -> Counts:
        with self._lock:
            return Counts(
                self._received,
                self._processed,
                dict(self._dropped),
                dict(self._unmatched),
                self._lost,
            )

    def recent(self) -> Recent:
        with self._lock:
            now_s = self._clock()
            since_s = now_s - WINDOW_S
            span_s = max(min(WINDOW_S, now_s - self._start_s), 1e-3)
            done = np.array([d for d in self._done if d[0] > since_s]).reshape(-1, 3)
            return Recent(
                processed=len(done),
                received_rate=sum(t > since_s for t in self._arrivals) / span_s,
                processed_rate=len(done) / span_s,
                latency_s=_percentiles(done[:, 1]),
                turnaround_s=_percentiles(done[:, 2]),
                dropped=dict(Counter(cause for t, cause in self._drops if t > since_s)),
                silence_s=now_s - self._last_arrival_s,
                last_error=self._error[1],
                clock_jumps=sum(t > since_s for t in self._jumps),
                lost=sum(images for t, images in self._losses if t > since_s),
                repeated_stamps=sum(t > since_s for t in self._repeats),
            )


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.nan, np.nan
    p50, p99 = np.percentile(values, (50, 99))
    return float(p50), float(p99)
