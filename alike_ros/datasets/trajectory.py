"""Poses over time, and the ground truth that datasets with poses give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import DatasetError

Array = NDArray[np.float64]

MAX_GAP_NS = 100_000_000


@dataclass(frozen=True)
class Trajectory:
    """Poses in order of time.

    stamps_ns: (N,) int64, increasing.
    positions: (N, 3) m in the world.
    quaternions: (N, 4) x y z w, unit; from the body's frame to the world's.
    """

    stamps_ns: NDArray[np.int64]
    positions: Array
    quaternions: Array

    def at(self, stamp_ns: int, max_gap_ns: int = MAX_GAP_NS) -> Array | None:
        """(4, 4) T_world_body, positions linear and rotations by SLERP in between.

        None before the first and after the last pose, and between two that are further apart
        than `max_gap_ns`.
        """
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after < len(self.stamps_ns) and self.stamps_ns[after] == stamp_ns:
            return pose_matrix(self.positions[after], self.quaternions[after])
        if after in (0, len(self.stamps_ns)):
            return None
        before = after - 1
        gap = int(self.stamps_ns[after] - self.stamps_ns[before])
        if gap > max_gap_ns:
            return None
        part = float(stamp_ns - self.stamps_ns[before]) / gap
        position = (1 - part) * self.positions[before] + part * self.positions[after]
        rotation = slerp(self.quaternions[before], self.quaternions[after], part)
        return pose_matrix(position, rotation)


def slerp(a: Array, b: Array, part: float) -> Array:
    """Return the unit quaternion at `part` (0 to 1) of the shorter turn from a to b."""
    cosine = float(a @ b)
    if cosine < 0:
        b, cosine = -b, -cosine
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-8:
        return a
    mixed: Array = (np.sin((1 - part) * angle) * a + np.sin(part * angle) * b) / np.sin(angle)
    return mixed


def pose_matrix(position: Array, quaternion: Array) -> Array:
    """(4, 4) from a position (3,) and a unit quaternion x y z w."""
    x, y, z, w = quaternion
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = position
    return pose


def quaternion(rotation: Array) -> Array:
    """Return the unit quaternion x y z w, w >= 0, of a rotation matrix (3, 3)."""
    m = rotation
    # Four times the products of the components with the largest one stand in one row.
    products = np.array(
        [
            [
                1 + m[0, 0] - m[1, 1] - m[2, 2],
                m[0, 1] + m[1, 0],
                m[0, 2] + m[2, 0],
                m[2, 1] - m[1, 2],
            ],
            [
                m[0, 1] + m[1, 0],
                1 - m[0, 0] + m[1, 1] - m[2, 2],
                m[1, 2] + m[2, 1],
                m[0, 2] - m[2, 0],
            ],
            [
                m[0, 2] + m[2, 0],
                m[1, 2] + m[2, 1],
                1 - m[0, 0] - m[1, 1] + m[2, 2],
                m[1, 0] - m[0, 1],
            ],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + np.trace(m)],
        ]
    )
    row: Array = products[int(np.argmax(np.diag(products)))]
    return row / np.linalg.norm(row) * (-1.0 if row[3] < 0 else 1.0)


def trajectory_from_rows(rows: Sequence[tuple[int, list[float]]], path: Path) -> Trajectory:
    """From (stamp_ns, [x, y, z, qx, qy, qz, qw]) in any order; `path` is for the message."""
    if not rows:
        raise DatasetError(f'{path} holds no poses; take the file as the dataset ships it')
    rows = sorted(rows, key=lambda row: row[0])
    values = np.array([row[1] for row in rows], np.float64)
    lengths = np.linalg.norm(values[:, 3:], axis=1)
    if not np.isfinite(values).all() or (np.abs(lengths - 1) > 0.01).any():
        raise DatasetError(
            f'{path} holds poses whose quaternions are not of unit length; expected '
            'x y z qx qy qz qw after the stamp: take the file as the dataset ships it'
        )
    stamps = np.array([row[0] for row in rows], np.int64)
    return Trajectory(stamps, values[:, :3], values[:, 3:] / lengths[:, None])


@dataclass(frozen=True)
class PoseTruth:
    """Ground truth of a dataset that knows poses but no depth: transfers are all NaN.

    poses: (4, 4) T_world_camera of the optical frame for each frame, or None.
    """

    poses: Sequence[Array | None]

    def pose(self, index: int) -> Array | None:
        return self.poses[index]

    def transfer(self, points: NDArray[np.floating], index_a: int, index_b: int) -> Array:
        return np.full((len(points), 2), np.nan)
