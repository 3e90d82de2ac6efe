"""The path of the camera through the rendered room."""

from __future__ import annotations

import numpy as np

from alike_ros.datasets.planes import Array


def camera_pose(time_s: float, roll_rate: float = 0.0) -> Array:
    """(4, 4) T_world_camera at a time: an endless smooth path that never stands still.

    It circles sideways and up and down; yaw and pitch add to the flow of that, never undo it.
    roll_rate: rad/s that the camera turns about its optical axis besides.
    """
    circle = 2 * np.pi * time_s / 7.0 + 2.2
    wander = 2 * np.pi * time_s / 9.1
    position = np.array(
        [
            1.9 + 0.6 * np.sin(wander),
            1.05 * np.sin(circle),
            1.45 + 0.5 * np.cos(circle),
        ]
    )
    yaw = 0.24 * np.sin(circle) + 0.06 * np.sin(wander)
    pitch = 0.14 * np.cos(circle) - 0.06
    roll = 0.05 * np.sin(2 * np.pi * time_s / 4.3) + roll_rate * time_s
    pose = np.eye(4)
    pose[:3, :3] = _optical_axes(yaw, pitch) @ _turn_about_z(roll)
    pose[:3, 3] = position
    return pose


def _optical_axes(yaw: float, pitch: float) -> Array:
    """Columns: right, down and forward of a camera that looks along yaw and pitch (up > 0)."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    return np.column_stack([right, np.cross(forward, right), forward])


def _turn_about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
