"""Bundle adjustment of a few images: Levenberg-Marquardt with the points eliminated (Schur)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from alike_ros.odometry.localisation import cross_matrices
from alike_ros.odometry.views import Array, errors, inverse

HUBER = 1.5  # sigmas; beyond it an error counts in proportion only
DAMPING = 1e-4
ENOUGH = 1e-3  # relative gain of a round, below which it is the last


@dataclass(frozen=True)
class Bundle:
    """poses: (K, 4, 4) T_world_camera. points: (N, 3)."""

    poses: Array
    points: Array


def adjust(bundle: Bundle, rays: Array, sigmas: Array, rounds: int, fixed: int = 1) -> Bundle:
    """Move poses and points to where the rays (K, N, 2), NaN where unseen, fit best.

    sigmas: (K, N). The first `fixed` poses stay; with one, the scale is left to the damping. A
    round that makes it worse is taken back, and one that gains little is the last.
    """
    least = cost(bundle, rays, sigmas)
    damping = DAMPING
    for _ in range(rounds):
        changed = _step(bundle, rays, sigmas, damping, fixed)
        changed_cost = cost(changed, rays, sigmas)
        gain = least - changed_cost
        if gain > 0:
            bundle, least, damping = changed, changed_cost, damping / 10
        else:
            damping *= 100
        if 0 < gain < ENOUGH * least:
            break
    return bundle


def _step(bundle: Bundle, rays: Array, sigmas: Array, damping: float, fixed: int) -> Bundle:
    """Return the bundle after one damped Gauss-Newton step."""
    residuals, by_pose, by_point = _linearised(bundle, rays, sigmas)
    by_pose = by_pose[fixed:]
    count, total = by_pose.shape[:2]
    of_poses = np.einsum('knia,knib->kab', by_pose, by_pose)
    of_points = np.einsum('knia,knib->nab', by_point, by_point)
    across = np.einsum('knia,knib->kanb', by_pose, by_point[fixed:]).reshape(6 * count, total, 3)
    towards_poses = np.einsum('knia,kni->ka', by_pose, residuals[fixed:]).ravel()
    towards_points = np.einsum('knia,kni->na', by_point, residuals)
    inverted = np.linalg.inv(of_points + damping * _diagonals(of_points) + 1e-12 * np.eye(3))
    normal = np.zeros((6 * count, 6 * count))
    for k, block in enumerate(of_poses + damping * _diagonals(of_poses)):
        normal[6 * k : 6 * k + 6, 6 * k : 6 * k + 6] = block
    eliminated = np.einsum('anx,nxy->any', across, inverted)
    normal -= eliminated.reshape(6 * count, -1) @ across.reshape(6 * count, -1).T
    right = towards_poses - np.einsum('any,ny->a', eliminated, towards_points)
    moves = np.linalg.lstsq(normal, right, rcond=None)[0]
    shifts = np.einsum(
        'nxy,ny->nx', inverted, towards_points - np.einsum('anx,a->nx', across, moves)
    )
    poses = bundle.poses.copy()
    for k, move in enumerate(moves.reshape(-1, 6), fixed):
        poses[k] = _moved(poses[k], move)
    return Bundle(poses, bundle.points + shifts)


def _linearised(bundle: Bundle, rays: Array, sigmas: Array) -> tuple[Array, Array, Array]:
    """Weighted residuals (K, N, 2), and what steps of poses (…, 6) and points (…, 3) change."""
    to_cameras = np.array([inverse(pose) for pose in bundle.poses])
    turns = to_cameras[:, :3, :3]
    inside = np.einsum('kij,nj->kni', turns, bundle.points) + to_cameras[:, None, :3, 3]
    x, y, depth = np.moveaxis(inside, 2, 0)
    seen = np.isfinite(rays).all(axis=2) & (depth > 1e-6)
    depth = np.where(seen, depth, 1.0)
    residuals = np.where(seen[..., None], rays - inside[..., :2] / depth[..., None], 0.0)
    weights = seen / sigmas
    sizes = np.linalg.norm(residuals, axis=2) * weights
    weights = weights * np.sqrt(HUBER / np.maximum(sizes, HUBER))
    projection = np.zeros((*seen.shape, 2, 3))
    projection[..., 0, 0] = projection[..., 1, 1] = 1 / depth
    projection[..., 0, 2], projection[..., 1, 2] = -x / depth**2, -y / depth**2
    by_point = (projection @ turns[:, None]) * weights[..., None, None]  # (K, N, 2, 3)
    by_pose = np.concatenate([-by_point, by_point @ cross_matrices(bundle.points)], axis=3)
    return residuals * weights[..., None], by_pose, by_point


def cost(bundle: Bundle, rays: Array, sigmas: Array) -> float:
    """Return the sum of Huber's function of the reprojection errors in sigmas."""
    sizes = errors(bundle.poses, rays, bundle.points) / sigmas
    sizes = sizes[~np.isnan(sizes)]
    far = 2 * HUBER * np.minimum(sizes, 1e9) - HUBER**2
    return float(np.where(sizes < HUBER, np.minimum(sizes, HUBER) ** 2, far).sum())


def _moved(pose: Array, move: Array) -> Array:
    """Apply a perturbation (translation, rotation) from the left, as in `Location`."""
    turn = np.asarray(cv2.Rodrigues(move[3:])[0])
    result = pose.copy()
    result[:3, :3] = turn @ pose[:3, :3]
    result[:3, 3] = turn @ pose[:3, 3] + move[:3]
    return result


def _diagonals(matrices: Array) -> Array:
    return np.einsum('nii->ni', matrices)[..., None] * np.eye(matrices.shape[-1])
