"""Poses and rays of several images: where the points are that they see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDS = 3  # of weighting by depth


def inverse(pose: Array) -> Array:
    """(4, 4) T_b_a of a rigid T_a_b."""
    result = np.eye(4)
    result[:3, :3] = pose[:3, :3].T
    result[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return result


def transform(pose: Array, points: Array) -> Array:
    """Map points (N, 3) of frame b to frame a by T_a_b."""
    mapped: Array = points @ pose[:3, :3].T + pose[:3, 3]
    return mapped


def triangulate(poses: Array, rays: Array, sigmas: Array) -> Array:
    """Return the points (N, 3) of least reprojection error.

    poses: (K, 4, 4) T_world_camera. rays: (K, N, 2) on z = 1; NaN where an image does not see a
    point. sigmas: (K, N) of the rays. NaN for points that are not determined.
    """
    to_cameras = np.array([inverse(pose) for pose in poses])  # (K, 4, 4)
    seen = np.asarray(np.isfinite(rays).all(axis=2))  # (K, N)
    known = np.where(seen[..., None], rays, 0.0)
    # A point X has x * (row 3 of P) X = (row 1 of P) X, and so for y.
    rows = known[..., None] * to_cameras[:, None, None, 2] - to_cameras[:, None, :2]
    weights = np.where(seen, 1 / np.where(seen, sigmas, 1.0), 0.0)  # (K, N)
    depths = np.ones(seen.shape)
    points = np.full((rays.shape[1], 3), np.nan)
    for _ in range(ROUNDS):
        points = _solve(rows * (weights / depths)[..., None, None])
        depths = np.einsum('kj,nj->kn', to_cameras[:, 2, :3], points) + to_cameras[:, 2, 3, None]
        depths = np.where(np.isfinite(depths), np.maximum(np.abs(depths), 1e-9), 1.0)
    return points


def errors(poses: Array, rays: Array, points: Array) -> Array:
    """(K, N) distances on z = 1 between rays and points; inf behind a camera, NaN where unseen."""
    to_cameras = np.array([inverse(pose) for pose in poses])
    inside = np.einsum('kij,nj->kni', to_cameras[:, :3, :3], points) + to_cameras[:, None, :3, 3]
    front = inside[..., 2] > 1e-9
    depths = np.where(front, inside[..., 2], 1.0)
    distances = np.linalg.norm(inside[..., :2] / depths[..., None] - rays, axis=2)
    return np.where(front | np.isnan(distances), distances, np.inf)


def angles(poses: Array, rays: Array) -> Array:
    """(N,) rad, largest angle between the ray of the last image and one of another."""
    ones = np.ones((*rays.shape[:2], 1))
    directions = np.einsum('kij,knj->kni', poses[:, :3, :3], np.concatenate([rays, ones], axis=2))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    chords = np.linalg.norm(directions - directions[-1], axis=2)  # (K, N), precise where small
    return 2 * np.arcsin(np.clip(np.nan_to_num(chords).max(axis=0) / 2, 0, 1))


def _solve(rows: Array) -> Array:
    """Least squares of rows (K, N, 2, 4) for points (N, 3); NaN where singular."""
    stacked = rows.transpose(1, 0, 2, 3).reshape(rows.shape[1], -1, 4)  # (N, 2K, 4)
    a, b = stacked[..., :3], -stacked[..., 3]
    squared = a.transpose(0, 2, 1) @ a  # (N, 3, 3)
    scale = np.trace(squared, axis1=1, axis2=2) / 3
    regular = np.linalg.det(squared) > 1e-18 * scale**3
    squared = np.where(regular[:, None, None], squared, np.eye(3))
    points = np.linalg.solve(squared, (a.transpose(0, 2, 1) @ b[..., None]))[..., 0]
    return np.where(regular[:, None], points, np.nan)
