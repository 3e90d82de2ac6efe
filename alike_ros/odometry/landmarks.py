"""The map: points by the ids of their tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alike_ros.odometry.adjustment import Bundle, adjust
from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.sightings import Sightings
from alike_ros.odometry.views import Array, angles, errors, transform, triangulate


@dataclass(frozen=True)
class Keyframe:
    """An image with its pose (4, 4) T_world_camera."""

    pose: Array
    sightings: Sightings


@dataclass(frozen=True)
class Landmarks:
    """ids: (N,) uint64, increasing. points: (N, 3) in the world."""

    ids: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    points: Array = field(default_factory=lambda: np.zeros((0, 3)))

    def __len__(self) -> int:
        return len(self.ids)

    def seen_in(self, sightings: Sightings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows (M,) here and in the sightings of the landmarks seen."""
        _, rows, seen = np.intersect1d(
            self.ids, sightings.ids, assume_unique=True, return_indices=True
        )
        return rows, seen

    def only(self, ids: NDArray[np.uint64], invert: bool = False) -> Landmarks:
        """Return those with, or without, these ids."""
        rows = np.isin(self.ids, ids, invert=invert)
        return Landmarks(self.ids[rows], self.points[rows])

    def updated(self, ids: NDArray[np.uint64], points: Array) -> Landmarks:
        """Return these with points set or added."""
        kept = self.only(ids, invert=True)
        ids = np.concatenate([kept.ids, ids])
        order = np.argsort(ids)
        return Landmarks(ids[order], np.concatenate([kept.points, points])[order])


def points_from_depth(keyframe: Keyframe) -> Landmarks:
    """Return the tracks of one image whose depths are known."""
    sightings = keyframe.sightings
    rows = np.isfinite(sightings.depths) & (sightings.depths > 0)
    rays = np.column_stack([sightings.rays[rows], np.ones(rows.sum())])
    points = transform(keyframe.pose, rays * sightings.depths[rows, None])
    return Landmarks().updated(sightings.ids[rows], points)


def points_from_views(keyframes: list[Keyframe], config: OdometryConfig) -> Landmarks:
    """Triangulate the tracks of the last keyframe that others see from elsewhere.

    Those whose rays are too parallel, or that miss the point in any of them, are left out.
    """
    newest = keyframes[-1].sightings
    poses = np.array([keyframe.pose for keyframe in keyframes])
    rays, sigmas = _rays_of(keyframes, newest.ids)
    wide = np.flatnonzero(angles(poses, rays) > np.radians(config.landmark_angle))
    points = triangulate(poses, rays[:, wide], sigmas[:, wide])
    worst = np.nan_to_num(errors(poses, rays[:, wide], points)).max(axis=0)
    good = np.isfinite(points).all(axis=1) & (worst < config.max_error * newest.pixel)
    return Landmarks().updated(newest.ids[wide[good]], points[good])


def adjusted(
    keyframes: list[Keyframe], landmarks: Landmarks, rounds: int, fixed: int
) -> tuple[list[Keyframe], Landmarks]:
    """Fit poses, but for the first `fixed`, and landmarks to all rays of the keyframes."""
    rays, sigmas = _rays_of(keyframes, landmarks.ids)
    rows = np.isfinite(rays).all(axis=2).sum(axis=0) > 1
    bundle = Bundle(np.array([keyframe.pose for keyframe in keyframes]), landmarks.points[rows])
    bundle = adjust(bundle, rays[:, rows], sigmas[:, rows], rounds, fixed)
    points = landmarks.points.copy()
    points[rows] = bundle.points
    poses = zip(bundle.poses, keyframes, strict=True)
    return [Keyframe(pose, k.sightings) for pose, k in poses], Landmarks(landmarks.ids, points)


def _rays_of(keyframes: list[Keyframe], ids: NDArray[np.uint64]) -> tuple[Array, Array]:
    """Rays (K, N, 2) of tracks, NaN where unseen, and their sigmas (K, N)."""
    rays = np.full((len(keyframes), len(ids), 2), np.nan)
    sigmas = np.ones(rays.shape[:2])
    for row, keyframe in enumerate(keyframes):
        _, there, here = np.intersect1d(
            keyframe.sightings.ids, ids, assume_unique=True, return_indices=True
        )
        rays[row, here] = keyframe.sightings.rays[there]
        sigmas[row, here] = keyframe.sightings.sigmas[there]
    return rays, sigmas
