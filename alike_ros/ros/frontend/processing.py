"""One set of images from messages to published tracks, on the worker's thread."""

from __future__ import annotations

import dataclasses
import math
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from alike_ros import records
from alike_ros.config import ExtractorConfig, NodeConfig, StereoConfig, TrackerConfig, Value
from alike_ros.errors import BackendError, ImageError
from alike_ros.frontend_base import FrontEndBase
from alike_ros.geometry import inlier_ratio
from alike_ros.results import Result
from alike_ros.ros.frontend import health as causes
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.outputs import Outputs
from alike_ros.ros.parameters import part_for
from alike_ros.structures import Frame


@dataclass(frozen=True)
class Arrival:
    """An image message and when it came (`time.monotonic`, s).

    others: messages of the same set, in the order of `image_topics`.
    """

    msg: Any
    received_s: float
    others: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Look:
    """A set of images and what was found in it; row i of every tuple is of camera i."""

    frames: tuple[Frame, ...]
    results: tuple[Result, ...]
    headers: tuple[Any, ...]
    decode_s: float


@dataclass(frozen=True)
class Links:
    """What a pipeline publishes on, counts in and tells; clock: the node's, may be simulated."""

    outputs: Outputs
    health: Health
    journal: Journal
    clock: Any


@contextmanager
def of_topic(topic: str) -> Iterator[None]:
    """Name the topic in what is wrong with one image of a set."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f'{topic}: {error}') from error


class Processing(ABC):
    """Converts, computes, publishes; a set of images that cannot be is counted and skipped."""

    def __init__(self, frontend: FrontEndBase, links: Links, config: NodeConfig) -> None:
        self._frontend = frontend
        self._outputs = links.outputs
        self._health = links.health
        self._journal = links.journal
        self._clock = links.clock
        self._config = config
        self._publish_s = math.nan

    def configure(self, values: dict[str, Value]) -> None:
        """Change live parameters of any part."""
        library: dict[str, Value] = {}
        for config in (ExtractorConfig, TrackerConfig, StereoConfig):
            library |= part_for(config, values)
        if library:
            self._frontend.configure(**library)
        self._config = dataclasses.replace(self._config, **part_for(NodeConfig, values))

    def handle(self, arrival: Arrival) -> None:
        """Process one image; never raises."""
        try:
            look = self._process(arrival)
        except ImageError as error:
            self._journal.warn('bad image', f'An image was skipped: {error}')
            self._health.dropped(causes.BAD_IMAGE, str(error))
        except BackendError as error:
            self._journal.error('backend', f'An image was lost: {error}')
            self._health.dropped(causes.FAILED, str(error))
        except Exception as error:  # whatever it is, the next image may fare better
            self._report(error, 'An image was lost to an error')
            self._health.dropped(causes.FAILED, f'{type(error).__name__}: {error}')
        else:
            self._show(look)

    @abstractmethod
    def _look(self, arrival: Arrival) -> Look:
        """Convert and compute."""

    def _process(self, arrival: Arrival) -> Look:
        look = self._look(arrival)
        first = look.results[0]
        if first.clock_jumped:
            self._report_jump(first.stamp_ns)
        elif first.dt == 0:
            self._report_repeated(first.stamp_ns)
        self._publish(look, arrival.received_s)
        return look

    def _publish(self, look: Look, received_s: float) -> None:
        first, header = look.results[0], look.headers[0]
        start_s = time.perf_counter()
        self._outputs.publish_tracks(look.results, header)
        latency_s = self._latency_s(first.stamp_ns)
        turnaround_s = time.monotonic() - received_s
        weights = self._frontend.extractor.weights
        for camera, (result, of_camera) in enumerate(zip(look.results, look.headers, strict=True)):
            self._outputs.publish_keypoints(camera, result, of_camera, weights, self._config)
        spent_s = time.perf_counter() - start_s
        share = self._inlier_ratio(first)
        start_s = time.perf_counter()
        with self._health.telling:
            status = self._status(first, look.decode_s, latency_s, share)
            self._outputs.publish_status(status, header)
            self._health.processed(latency_s, turnaround_s)
        self._publish_s = spent_s + time.perf_counter() - start_s

    def _show(self, look: Look) -> None:
        start_s = time.perf_counter()
        image, result, header = look.frames[0].image, look.results[0], look.headers[0]
        try:
            self._outputs.publish_visuals(image, result, header, self._config)
        except Exception as error:  # a picture is not worth the tracks
            self._report(error, 'A picture of the tracks could not be published')
        self._publish_s += time.perf_counter() - start_s

    def _status(
        self, result: Result, decode_s: float, latency_s: float, inlier_ratio: float
    ) -> dict[str, Any]:
        counts = self._health.counts()
        return records.status_record(
            result,
            received=counts.received,
            processed=counts.processed + 1,
            dropped=counts.dropped,
            decode_s=decode_s,
            publish_s=self._publish_s,
            latency_s=latency_s,
            inlier_ratio=inlier_ratio,
        )

    def _inlier_ratio(self, result: Result) -> float:
        if not self._config.inlier_check:
            return math.nan
        found = np.flatnonzero(result.tracks.previous >= 0)
        return inlier_ratio(result.tracks.last_keypoints[found], result.features.keypoints[found])

    def _latency_s(self, stamp: int) -> float:
        """Seconds since a stamp by the node's clock; NaN when either is not set (0)."""
        now_ns = self._clock.now().nanoseconds
        return (now_ns - stamp) / 1e9 if now_ns and stamp else math.nan

    def _report_jump(self, stamp: int) -> None:
        self._health.clock_jumped()
        self._journal.warn(
            'clock',
            f'The clock jumped back (image stamped {stamp / 1e9:.3f} s is older than the one '
            'before): the tracker was reset.',
        )

    def _report_repeated(self, stamp: int) -> None:
        self._health.stamp_repeated()
        self._journal.warn(
            'equal stamps',
            f'An image has the stamp of the one before ({stamp / 1e9:.3f} s): dt is 0 and '
            'velocities are NaN; the driver must stamp each image.',
        )

    def _report(self, error: Exception, what: str) -> None:
        kind = type(error).__name__
        if self._journal.first(f'traceback of {kind}'):
            self._journal.error(f'first {kind}', f'{what}:\n{traceback.format_exc()}')
        else:
            self._journal.error(f'{kind}', f'{what}: {kind}: {error}')
