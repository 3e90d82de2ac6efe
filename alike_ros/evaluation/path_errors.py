"""How far the path of a camera strays from the true one, by evo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import AlikeError, BackendError
from alike_ros.evaluation.predictions import UNKNOWN
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.sources import GroundTruth

Array = NDArray[np.float64]

MIN_POSES = 3


@dataclass(frozen=True)
class CameraPath:
    """What the odometry said to K images.

    numbers: (K,) of the images for the ground truth; UNKNOWN where it has none. stamps_ns: (K,).
    located: (K,) whether the image got a pose. poses: (K, 4, 4) T_world_camera in the odometry's
    own world and unit.
    """

    numbers: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    located: NDArray[np.bool_]
    poses: Array


@dataclass(frozen=True)
class Aligned:
    """Located images with a true pose, after the similarity that brings them onto the truth.

    rows: (L,) of the trajectory. positions, true: (L, 3) m. scale: metres a unit of the odometry.
    ape_m: (L,) errors of the position. rpe_m, rpe_deg: (L - 1,) of the step to the next one.
    """

    rows: NDArray[np.intp]
    positions: Array
    true: Array
    scale: float
    ape_m: Array
    rpe_m: Array
    rpe_deg: Array


@dataclass(frozen=True)
class OdometryErrors:
    """Errors of a trajectory after the similarity (Sim(3)) that brings it onto the true one.

    frames: images given. located: those that got a pose.
    path_m: length of the true path over the located images.
    ape_m: RMSE of the position. rpe_m, rpe_deg: RMSE of the step from each located image to the
        next. scale: metres a unit of the odometry. NaN where fewer than 3 images have both poses.
    """

    frames: int
    located: int
    path_m: float
    ape_m: float
    rpe_m: float
    rpe_deg: float
    scale: float

    def fields(self) -> dict[str, Any]:
        """Return them as values that JSON can hold."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def judge(found: CameraPath, truth: GroundTruth) -> OdometryErrors:
    """Compare with the true poses; images that the truth does not have are left out."""
    frames, located = len(found.located), int(found.located.sum())
    aligned = align(found, truth)
    if aligned is None:
        return OdometryErrors(frames, located, *[np.nan] * 5)
    steps = np.linalg.norm(np.diff(aligned.true, axis=0), axis=1)
    return OdometryErrors(
        frames=frames,
        located=located,
        path_m=float(steps.sum()),
        ape_m=_rms(aligned.ape_m),
        rpe_m=_rms(aligned.rpe_m),
        rpe_deg=_rms(aligned.rpe_deg),
        scale=aligned.scale,
    )


def align(found: CameraPath, truth: GroundTruth) -> Aligned | None:
    """Bring a trajectory onto the true one; None below 3 images with both poses.

    Raises:
        AlikeError: the camera did not move.
        BackendError: evo is not installed.
    """
    rows, poses = [], []
    for row in np.flatnonzero(found.located & (found.numbers != UNKNOWN)).tolist():
        pose = truth.pose(int(found.numbers[row]))
        if pose is not None:
            rows.append(row)
            poses.append(pose)
    if len(rows) < MIN_POSES:
        return None
    metrics, evo = load_evo()
    seconds = found.stamps_ns[rows] * 1e-9
    path = evo.PoseTrajectory3D(poses_se3=list(found.poses[rows]), timestamps=seconds)
    true = evo.PoseTrajectory3D(poses_se3=poses, timestamps=seconds)
    try:
        _, _, scale = path.align(true, correct_scale=True)
    except Exception as error:  # evo's own of a camera that did not move
        raise AlikeError(f'the trajectories cannot be aligned: {error}') from error
    relation = metrics.PoseRelation

    def errors(metric: Any) -> Array:
        metric.process_data((true, path))
        return np.asarray(metric.error, np.float64)

    return Aligned(
        rows=np.array(rows, np.intp),
        positions=np.asarray(path.positions_xyz, np.float64),
        true=np.asarray(true.positions_xyz, np.float64),
        scale=float(scale),
        ape_m=errors(metrics.APE(relation.translation_part)),
        rpe_m=errors(metrics.RPE(relation.translation_part, 1, metrics.Unit.frames)),
        rpe_deg=errors(metrics.RPE(relation.rotation_angle_deg, 1, metrics.Unit.frames)),
    )


def odometry_table(found: Mapping[str, OdometryErrors]) -> Table:
    """Return a line for each front end."""
    heads = ('tracks', 'images with a pose', 'path', 'APE', 'RPE', 'RPE')
    rows = [
        (
            name,
            f'{each.located} of {each.frames}',
            known_or_dash(each.path_m, '.2f', ' m'),
            known_or_dash(1e3 * each.ape_m, '.1f', ' mm'),
            known_or_dash(1e3 * each.rpe_m, '.1f', ' mm'),
            known_or_dash(each.rpe_deg, '.3f', ' deg'),
        )
        for name, each in found.items()
    ]
    return Table(heads, rows)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def load_evo() -> tuple[Any, Any]:
    """Return evo's modules of metrics and trajectories.

    Raises:
        BackendError: it is not installed.
    """
    try:
        from evo.core import metrics, trajectory
    except Exception as error:  # evo raises a bare one on a Python that it does not support
        raise BackendError(
            f'trajectories are compared by evo, which does not import ({error}); '
            "install it: pip install 'alike_ros[evaluation]', or pip install evo"
        ) from error
    return metrics, trajectory
