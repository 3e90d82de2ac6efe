"""The first images of a map: two and those between, or one where depths are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.landmarks import (
    Keyframe,
    Landmarks,
    adjusted,
    points_from_depth,
    points_from_views,
)
from alike_ros.odometry.localisation import locate
from alike_ros.odometry.sightings import Array, Sightings, common
from alike_ros.odometry.two_view import relative_pose
from alike_ros.odometry.views import angles

LEAST_IMAGES = 4  # two between: one may by chance agree with a wrong pose
MOST_BETWEEN = 8  # so that the adjustment stays quick
LEAST_SHARE = 0.7  # of the tracks of the two images that have to agree
LEAST_SHARE_BETWEEN = 0.5  # of the landmarks that an image between them sees
ROUNDS = 10  # of adjustment
NEAR = 75  # percentile of the angles that tells the parallax: far points have none

Map = tuple[list[Keyframe], Landmarks]


def begin_with_depth(sightings: Sightings, pose: Array, config: OdometryConfig) -> Map | None:
    """Return a metric map of one image at a pose; None when it knows too few depths."""
    keyframe = Keyframe(pose, sightings)
    landmarks = points_from_depth(keyframe)
    return ([keyframe], landmarks) if len(landmarks) >= config.min_landmarks else None


def begin_with_parallax(
    earlier: Sequence[Sightings],
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
    if np.percentile(between, NEAR) < np.radians(config.begin_angle):
        return None
    step[:3, 3] *= baseline(sightings)
    first, last = Keyframe(pose, sightings), Keyframe(pose @ step, newest)
    landmarks = points_from_views([first, last], config)
    if len(landmarks) < max(config.min_landmarks, LEAST_SHARE * len(rows)):
        return None
    keyframes = _with_those_between(first, last, earlier, landmarks, config)
    if len(keyframes) < LEAST_IMAGES:
        return None
    landmarks = points_from_views(keyframes, config)
    keyframes = _with_baseline(
        adjusted(keyframes, landmarks, ROUNDS, fixed=1)[0], baseline(sightings)
    )
    return keyframes, points_from_views(keyframes, config)


def _with_baseline(keyframes: list[Keyframe], length: float) -> list[Keyframe]:
    """Return the keyframes with the last one as far from the first as said."""
    origin = keyframes[0].pose[:3, 3]
    scale = length / np.linalg.norm(keyframes[-1].pose[:3, 3] - origin)
    scaled = []
    for keyframe in keyframes:
        pose = keyframe.pose.copy()
        pose[:3, 3] = origin + scale * (pose[:3, 3] - origin)
        scaled.append(Keyframe(pose, keyframe.sightings))
    return scaled


def _with_those_between(
    first: Keyframe,
    last: Keyframe,
    images: Sequence[Sightings],
    landmarks: Landmarks,
    config: OdometryConfig,
) -> list[Keyframe]:
    """Locate the images between two; none when most landmarks do not fit into one of them.

    Two images of a plane, or two that are close together, have more than one explanation; the
    wrong one does not fit a third image.
    """
    keyframes = [first]
    inside = [image for image in images if image.stamp_ns > first.sightings.stamp_ns]
    for sightings in inside[:: -(-len(inside) // MOST_BETWEEN) or 1]:
        rows, seen = landmarks.seen_in(sightings)
        found = locate(
            landmarks.points[rows],
            sightings.rays[seen],
            sightings.sigmas[seen],
            config.max_error * sightings.pixel,
        )
        if found is None or found.inliers.mean() < LEAST_SHARE_BETWEEN:
            return []
        keyframes.append(Keyframe(found.pose, sightings))
    return [*keyframes, last]
