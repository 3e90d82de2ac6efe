"""The first two images of a map, or the first one where depths are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.landmarks import (
    Keyframe,
    Landmarks,
    points_from_depth,
    points_from_views,
)
from alike_ros.odometry.sightings import Array, Sightings, common
from alike_ros.odometry.two_view import relative_pose
from alike_ros.odometry.views import angles

Map = tuple[list[Keyframe], Landmarks]


def begin_with_depth(sightings: Sightings, pose: Array, config: OdometryConfig) -> Map | None:
    """Return a metric map of one image at a pose; None when it knows too few depths."""
    keyframe = Keyframe(pose, sightings)
    landmarks = points_from_depth(keyframe)
    return ([keyframe], landmarks) if len(landmarks) >= config.min_landmarks else None


def begin_with_parallax(
    earlier: Iterable[Sightings],
    newest: Sightings,
    pose: Array,
    baseline: Callable[[Sightings], float],
    config: OdometryConfig,
) -> Map | None:
    """Return a map of the newest image and the earliest one that shares enough tracks with it.

    pose: of that earlier image. baseline: how far it is from the newest one, m. None while the
    two are too close together, as in a pure rotation, or do not agree.
    """
    for sightings in earlier:
        rows, rows_newest = common(sightings, newest)
        if len(rows) >= 2 * config.min_landmarks:
            break
    else:
        return None
    a, b = sightings.rays[rows], newest.rays[rows_newest]
    found = relative_pose(a, b, config.max_error * newest.pixel)
    if found is None:
        return None
    step, agreeing = found
    between = angles(np.array([np.eye(4), step]), np.array([a[agreeing], b[agreeing]]))
    if np.median(between) < np.radians(config.begin_angle):
        return None
    step[:3, 3] *= baseline(sightings)
    keyframes = [Keyframe(pose, sightings), Keyframe(pose @ step, newest)]
    landmarks = points_from_views(keyframes, config)
    if len(landmarks) < max(config.min_landmarks, len(rows) / 2):
        return None
    return keyframes, landmarks
