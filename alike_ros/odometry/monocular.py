"""Poses of one moving camera from its tracks, image by image.

Two images far enough apart begin a map (essential matrix, triangulation, adjusted once with those
between them); later ones are located by the landmarks that they see (PnP), and the keyframes among
them add landmarks. Errors add up: nothing is adjusted later, no loop is closed. An estimator does
better; this proves its input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from alike_ros.odometry.beginning import begin_with_depth, begin_with_parallax
from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.landmarks import (
    Keyframe,
    Landmarks,
    points_from_depth,
    points_from_views,
)
from alike_ros.odometry.localisation import Location, about_pose, locate
from alike_ros.odometry.sightings import Array, Sightings, common
from alike_ros.odometry.views import angles

MAX_WAITING = 60  # images kept to begin a map with
SPEED_MEMORY = 0.8  # share of the old speed in the new
TURN_RATE = 0.5  # rad/s, that a camera may turn by unseen


class State(Enum):
    """What the odometry does with an image."""

    INITIALISING = 'initialising'  # no map yet: more parallax is needed
    TRACKING = 'tracking'
    LOST = 'lost'  # too few landmarks seen; a new map is begun where the last pose was


@dataclass(frozen=True)
class Estimate:
    """The answer to one image.

    pose: (4, 4) T_world_camera, m; the world is the optical frame of the image that the
        first map begins with. While initialising or lost the last pose known.
    covariance: (6, 6) as in `Location`, of the pose among the landmarks; NaN unless tracking.
    drift: (6, 6) alike, of the landmarks in the world: what the keyframes before added up. It
        does not know by how much the scale is wrong.
    inliers: landmarks that agree with the pose.
    """

    stamp_ns: int
    state: State
    pose: Array
    covariance: Array
    drift: Array
    inliers: int
    landmarks: int
    is_keyframe: bool


class MonocularOdometry:
    """Give it every image of one camera in order of time.

    Where depths are known, the first image begins the map and it is metric. After a loss the
    new map has the speed before the loss, which is a guess.
    """

    def __init__(self, config: OdometryConfig | None = None) -> None:
        self.config = config or OdometryConfig()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next map begins at the world's origin."""
        self._landmarks = Landmarks()
        self._keyframes: deque[Keyframe] = deque(maxlen=self.config.window)
        self._waiting: deque[Sightings] = deque(maxlen=MAX_WAITING)
        self._pose = np.eye(4)
        self._stamp_ns: int | None = None
        self._drift = np.zeros((6, 6))
        self._speed: float | None = None  # m/s
        self._seen_at_keyframe = 0
        self._was_tracking = False

    def update(self, sightings: Sightings) -> Estimate:
        """Locate the next image."""
        location = self._locate(sightings)
        if location is not None:
            return self._go_on(sightings, location)
        if self._begin(sightings) and (location := self._locate(sightings)) is not None:
            count = int(location.inliers.sum())
            return self._estimate(sightings, State.TRACKING, location.covariance, count, True)
        self._waiting.append(sightings)
        state = State.LOST if self._was_tracking else State.INITIALISING
        return self._estimate(sightings, state, np.full((6, 6), np.nan), 0)

    def _locate(self, sightings: Sightings) -> Location | None:
        rows, seen = self._landmarks.seen_in(sightings)
        if len(rows) < self.config.min_landmarks:
            return None
        location = locate(
            self._landmarks.points[rows],
            sightings.rays[seen],
            sightings.sigmas[seen],
            self.config.max_error * sightings.pixel,
        )
        if location is None or location.inliers.sum() < self.config.min_landmarks:
            return None
        self._landmarks = self._landmarks.only(
            self._landmarks.ids[rows[~location.inliers]], invert=True
        )
        return location

    def _go_on(self, sightings: Sightings, location: Location) -> Estimate:
        self._waiting.clear()
        self._move(sightings.stamp_ns, location.pose)
        count = int(location.inliers.sum())
        wanted = self._wants_keyframe(sightings, count)
        found = self._estimate(sightings, State.TRACKING, location.covariance, count, wanted)
        if wanted:
            self._drift = self._drift + location.covariance
            self._add_keyframe(sightings)
        return found

    def _wants_keyframe(self, sightings: Sightings, count: int) -> bool:
        """Whether much went out of view since the last keyframe, or looks different."""
        if count < self.config.keyframe_share * self._seen_at_keyframe:
            return True
        last = self._keyframes[-1]
        rows, rows_now = common(last.sightings, sightings)
        rays = np.array([last.sightings.rays[rows], sightings.rays[rows_now]])
        between = angles(np.array([last.pose, self._pose]), rays)
        return bool(np.median(between) > np.radians(self.config.keyframe_angle))

    def _move(self, stamp_ns: int, pose: Array) -> None:
        if self._stamp_ns is not None and stamp_ns > self._stamp_ns:
            way = float(np.linalg.norm(pose[:3, 3] - self._pose[:3, 3]))
            speed = way / ((stamp_ns - self._stamp_ns) * 1e-9)
            old = speed if self._speed is None else self._speed
            self._speed = SPEED_MEMORY * old + (1 - SPEED_MEMORY) * speed
        self._pose, self._stamp_ns = pose, stamp_ns

    def _add_keyframe(self, sightings: Sightings) -> None:
        """Compute the landmarks in view again, and forget those out of the window."""
        self._keyframes.append(Keyframe(self._pose, sightings))
        measured = points_from_depth(self._keyframes[-1]).only(self._landmarks.ids, invert=True)
        found = points_from_views(list(self._keyframes), self.config)
        self._landmarks = self._landmarks.updated(measured.ids, measured.points)
        self._landmarks = self._landmarks.updated(found.ids, found.points)
        self._landmarks = self._landmarks.only(
            np.concatenate([keyframe.sightings.ids for keyframe in self._keyframes])
        )
        self._seen_at_keyframe = len(self._landmarks.seen_in(sightings)[0])

    def _begin(self, sightings: Sightings) -> bool:
        """Try to begin a map with this image, where the camera was seen last."""
        found = begin_with_depth(sightings, self._pose, self.config) or begin_with_parallax(
            self._waiting, sightings, self._pose, self._baseline_to(sightings), self.config
        )
        if found is None:
            return False
        keyframes, self._landmarks = found
        self._keyframes = deque(keyframes, maxlen=self.config.window)
        self._drift = self._drift + self._drift_of_gap(sightings)
        self._pose, self._stamp_ns = keyframes[-1].pose, sightings.stamp_ns
        self._seen_at_keyframe = len(self._landmarks)
        self._was_tracking = True
        self._waiting.clear()
        return True

    def _baseline_to(self, newest: Sightings) -> Callable[[Sightings], float]:
        """Say how far the camera went since an image: the scale given, or the speed it had."""

        def baseline(sightings: Sightings) -> float:
            elapsed_s = (newest.stamp_ns - sightings.stamp_ns) * 1e-9
            way = (self._speed or 0.0) * elapsed_s
            return way if way > 0 else self.config.scale

        return baseline

    def _drift_of_gap(self, sightings: Sightings) -> Array:
        """(6, 6) covariance of staying where it was lost, while the camera may have gone on."""
        if self._stamp_ns is None:
            return np.zeros((6, 6))
        gap_s = (sightings.stamp_ns - self._stamp_ns) * 1e-9
        way = (self._speed or 0.0) * gap_s
        turned = np.diag([0.0] * 3 + [(TURN_RATE * gap_s) ** 2] * 3)
        at_pose = np.diag([way**2] * 3 + [0.0] * 3) + turned
        back = about_pose(self._pose, inverse=True)
        return back @ at_pose @ back.T

    def _estimate(
        self,
        sightings: Sightings,
        state: State,
        covariance: Array,
        inliers: int,
        is_keyframe: bool = False,
    ) -> Estimate:
        return Estimate(
            stamp_ns=sightings.stamp_ns,
            state=state,
            pose=self._pose,
            covariance=covariance,
            drift=self._drift,
            inliers=inliers,
            landmarks=len(self._landmarks),
            is_keyframe=is_keyframe,
        )
