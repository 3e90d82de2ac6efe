"""Tracks as VINS-Fusion and VINS-Mono read them from their own feature trackers.

Both take a sensor_msgs/PointCloud whose channels they read by position. What they do not check,
and what ends or corrupts them otherwise, is kept here: see docs/consumers.md.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.consumers.config import BridgeConfig
from alike_ros.consumers.vins_points import Numbers, choose, consistent, observations
from alike_ros.structures import FloatArray

EXACT_IN_FLOAT32 = 1 << 24  # ids travel as float32

Channels = tuple[tuple[str, FloatArray], ...]


@dataclass(frozen=True)
class Cloud:
    """A sensor_msgs/PointCloud without header; row i of every array is the same observation.

    points: (N, 3) float32 on the plane z = 1 of the camera's optical frame, undistorted.
    channels: names and (N,) values; the estimators read them by position.
    """

    points: FloatArray
    channels: Channels


@dataclass(frozen=True)
class Step:
    """What to publish for one Tracks message; a restart and a cloud never come together.

    They are two topics, so a cloud sent with the restart might arrive before it and be lost.
    """

    restart: bool = False
    cloud: Cloud | None = None
    warning: str = ''


class VinsEncoder(ABC):
    """Turns a stream of Tracks messages (rclpy's or rosbags') into steps, in order.

    An estimator takes the observations of one id for those of consecutive messages: it counts
    them from the first on. So an id here ends with the first message that it is not in, also when
    the track comes back; whatever was lost on the way does no harm either.
    """

    restart_topic: str
    cameras: int

    def __init__(self, config: BridgeConfig, id_limit: int = EXACT_IN_FLOAT32) -> None:
        self._config = config
        self._numbers = Numbers(id_limit // self.cameras)
        self._epoch: int | None = None
        self._frame_seq = 0
        self._stamp_ns = self._sent_ns = -math.inf

    def encode(self, tracks: Any) -> Step:
        """Return what to publish for the next Tracks message of the stream."""
        stamp_ns = tracks.header.stamp.sec * 10**9 + tracks.header.stamp.nanosec
        if self._jumped(stamp_ns, tracks):
            self._numbers.forget()
            self._sent_ns = -math.inf
            return Step(restart=True)
        if stamp_ns <= self._sent_ns or stamp_ns - self._sent_ns < self._interval_ns:
            return Step()
        table = observations(tracks)
        known = table[np.isfinite(table['x']) & np.isfinite(table['y'])]
        if len(table) and not len(known):
            return Step(
                warning='The tracks have no normalised coordinates, so the estimator gets '
                'nothing: give the front end a camera_info of the calibrated camera.'
            )
        if not self._tells(tracks):
            return Step()
        self._sent_ns = stamp_ns
        return Step(cloud=self._cloud(self._usable(known)))

    @property
    def _interval_ns(self) -> float:
        """A tenth less than the parameter says: stamps jitter."""
        return self._config.min_interval * 0.9e9

    def _jumped(self, stamp_ns: int, tracks: Any) -> bool:
        gap_s = (stamp_ns - self._stamp_ns) * 1e-9
        jumped = self._epoch is not None and (
            tracks.epoch != self._epoch
            or tracks.frame_seq < self._frame_seq  # the front end was started again
            or not 0 <= gap_s <= self._config.max_gap
        )
        self._stamp_ns, self._epoch, self._frame_seq = stamp_ns, tracks.epoch, tracks.frame_seq
        return jumped

    def _cloud(self, table: NDArray[np.void]) -> Cloud:
        config = self._config
        left = table[table['camera'] == 0]
        left = left[consistent(left, self._numbers.sent, config.max_epipolar_error)]
        left = left[choose(left, self._numbers.sent, config.max_points, config.spacing)]
        numbers = dict(zip(left['id'].tolist(), self._numbers.number(left), strict=True))
        right = table[(table['camera'] > 0) & (table['camera'] < self.cameras)]
        right = right[np.isin(right['id'], left['id'])]
        both = np.concatenate([left, right])  # left before right of the same id
        ids = np.array([numbers[track] for track in both['id'].tolist()], np.int64)
        ones = np.ones(len(both), np.float32)
        points = np.column_stack([both['x'], both['y'], ones])  # (N, 3)
        return Cloud(points, self._channels(ids, both))

    def _tells(self, tracks: Any) -> bool:
        """Whether the estimator can use a message of this image, were it empty."""
        return True

    def _usable(self, table: NDArray[np.void]) -> NDArray[np.void]:
        return table

    @abstractmethod
    def _channels(self, ids: NDArray[np.int64], table: NDArray[np.void]) -> Channels: ...


class VinsFusion(VinsEncoder):
    """Nine channels: with more than five, its node reads the last three, the true position."""

    restart_topic = '/vins_restart'
    cameras = 2

    def _channels(self, ids: NDArray[np.int64], table: NDArray[np.void]) -> Channels:
        zeros = np.zeros(len(table), np.float32)
        return (
            ('id', ids.astype(np.float32)),
            ('camera_id', table['camera'].astype(np.float32)),
            *_motion(table),
            ('gx', zeros),
            ('gy', zeros),
            ('gz', zeros),
        )


class VinsMono(VinsEncoder):
    """Five channels, and only points that were seen before."""

    restart_topic = '/feature_tracker/restart'

    def __init__(self, config: BridgeConfig, id_limit: int = EXACT_IN_FLOAT32) -> None:
        self.cameras = config.cameras
        super().__init__(config, id_limit)

    def _tells(self, tracks: Any) -> bool:
        return not math.isnan(tracks.dt)

    def _usable(self, table: NDArray[np.void]) -> NDArray[np.void]:
        return table[table['age'] > 1]

    def _channels(self, ids: NDArray[np.int64], table: NDArray[np.void]) -> Channels:
        places = ids * self.cameras + table['camera']
        return (('id_of_point', places.astype(np.float32)), *_motion(table))


def _motion(table: NDArray[np.void]) -> Channels:
    """Pixels, and velocities with 0 for unknown, as the estimators' own trackers write it."""
    velocities = [np.nan_to_num(table[n], nan=0.0, posinf=0.0, neginf=0.0) for n in ('vx', 'vy')]
    return (
        ('u', np.ascontiguousarray(table['u'])),
        ('v', np.ascontiguousarray(table['v'])),
        ('velocity_x', velocities[0]),
        ('velocity_y', velocities[1]),
    )
