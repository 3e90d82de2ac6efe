"""Lens distortion on the plane z = 1, and its inverse to full accuracy.

`distort`, `undistort`: OpenCV's polynomial and rational models, plumb_bob among them.
`distort_fisheye`, `undistort_fisheye`: the equidistant model. Points are (N, 2) float64.
"""

from __future__ import annotations

import cv2
import numpy as np

_STEPS = 30
_CONVERGED = 1e-9  # on the plane z = 1: about a millionth of a pixel
_ORIGIN = np.zeros(3)


def distort(rays: np.ndarray, distortion: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Apply OpenCV's polynomial model to (N, 2) on z = 1; also its (N, 2, 2) Jacobian."""
    scene = np.column_stack([rays, np.ones(len(rays))])
    points, jacobian = cv2.projectPoints(
        scene[:, None], _ORIGIN, _ORIGIN, np.eye(3), np.array(distortion)
    )
    # Columns 3 and 4 are the derivatives by a shift in x and y, which on z = 1 is the ray's own.
    return points.reshape(-1, 2), jacobian[:, 3:5].reshape(-1, 2, 2)


def undistort(distorted: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """Invert `distort` by Newton's method; NaN where it does not converge or has folded over.

    OpenCV's own inverse stops after five rounds, up to a pixel short at the corners.
    """
    rays = distorted.copy()
    error = np.full(len(rays), np.inf)
    folded = np.zeros(len(rays), bool)
    active = np.flatnonzero(np.isfinite(distorted).all(axis=1))
    for _ in range(_STEPS):
        if not len(active):
            break
        again, jacobian = distort(rays[active], distortion)
        residual = again - distorted[active]
        (a, b), (c, d) = jacobian.transpose(1, 2, 0)
        determinant = a * d - b * c
        error[active] = np.abs(residual).max(axis=1)
        # Beyond a fold an axis is mirrored (determinant < 0), or both are (trace < 0).
        folded[active] = ~((determinant > 0) & (a + d > 0))
        x, y = residual.T
        adjugate = np.stack([d * x - b * y, a * y - c * x], axis=1)  # times the residual
        going = (error[active] > _CONVERGED / 1e3) & (np.abs(determinant) > 1e-9)
        active = active[going]
        rays[active] -= adjugate[going] / determinant[going, None]
    rays[~(error < _CONVERGED) | folded] = np.nan
    return rays


def distort_fisheye(rays: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    radius = np.linalg.norm(rays, axis=1, keepdims=True)
    angle, _ = _fisheye_angle(np.arctan(radius), distortion)
    return rays * np.divide(angle, radius, out=np.ones_like(radius), where=radius > 0)


def _fisheye_angle(
    theta: np.ndarray, distortion: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distorted angle (rad) of the equidistant model and its derivative by theta."""
    powers = np.array([1.0, *(distortion or (0.0,) * 4)])
    odd = np.arange(1, 10, 2)
    return (theta**odd) @ powers[:, None], (theta ** (odd - 1) * odd) @ powers[:, None]


def undistort_fisheye(distorted: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """Invert `distort_fisheye` by Newton's method on the angle; NaN from 90 degrees on."""
    wanted = np.linalg.norm(distorted, axis=1, keepdims=True)
    theta = np.minimum(wanted, np.pi / 2)
    for _ in range(_STEPS):
        angle, slope = _fisheye_angle(theta, distortion)
        theta = theta - np.divide(angle - wanted, slope, where=slope > 0, out=np.zeros_like(slope))
        theta = np.clip(theta, 0, np.pi)
    angle, slope = _fisheye_angle(theta, distortion)
    good = (np.abs(angle - wanted) < _CONVERGED) & (slope > 0) & (theta < np.pi / 2 - 1e-6)
    scale = np.divide(np.tan(theta), wanted, out=np.ones_like(wanted), where=wanted > 0)
    return np.where(good, distorted * scale, np.nan)
