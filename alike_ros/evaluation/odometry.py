"""How far a small odometry strays with the tracks of a front end, against true poses, by evo.

One odometry for every front end, so that what differs is the tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.errors import AlikeError, BackendError, CameraError, DatasetError, ImageError
from alike_ros.evaluation.klt import FlowTracker
from alike_ros.frontend import FrontEnd
from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.monocular import Estimate, MonocularOdometry, State
from alike_ros.odometry.sightings import Sightings, sightings_from_tracks
from alike_ros.records import tracks_record
from alike_ros.sources import Source
from alike_ros.structures import Frame

Array = NDArray[np.float64]
See = Callable[[Frame, Camera], Sightings]

MIN_POSES = 3
FLOW_SIGMA_PX = 0.5  # of corners, which tell none

logger = logging.getLogger(__name__)


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


def compare(
    source: Source,
    front_ends: Mapping[str, See],
    config: OdometryConfig | None = None,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, OdometryErrors]:
    """Run the odometry on the same images with the tracks of each front end.

    `progress` is called after each image.

    Raises:
        CameraError, DatasetError: the source has no calibration, or no true poses.
        BackendError: evo is not installed.
    """
    _evo()
    camera, truth = source.camera, source.truth
    if camera is None:
        raise CameraError(f'{source.name} has no calibration, which odometry needs')
    if truth is None:
        raise DatasetError(
            f'{source.name} has no true poses to compare with; give a KITTI, TUM or EuRoC folder '
            'with its ground truth, or the room'
        )
    odometries = {name: MonocularOdometry(config) for name in front_ends}
    estimates: dict[str, list[Estimate]] = {name: [] for name in front_ends}
    poses: dict[int, Array | None] = {}
    for index, frame in _numbered(source):
        poses[frame.stamp_ns] = truth.pose(index)
        for name, see in front_ends.items():
            try:
                estimates[name].append(odometries[name].update(see(frame, camera)))
            except ImageError as error:
                logger.warning('%s: left out an image: %s', name, error)
        progress()
    return {name: judge(found, poses) for name, found in estimates.items()}


def judge(estimates: Sequence[Estimate], truth: Mapping[int, Array | None]) -> OdometryErrors:
    """Compare with the true T_world_camera by stamp; images without one are left out."""
    located = [e for e in estimates if e.state is State.TRACKING]
    known = [(e, true) for e in located if (true := truth.get(e.stamp_ns)) is not None]
    if len(known) < MIN_POSES:
        return OdometryErrors(len(estimates), len(located), *[np.nan] * 5)
    metrics, trajectory = _evo()
    seconds = np.array([e.stamp_ns for e, _ in known]) * 1e-9
    found = trajectory.PoseTrajectory3D(poses_se3=[e.pose for e, _ in known], timestamps=seconds)
    true = trajectory.PoseTrajectory3D(poses_se3=[p for _, p in known], timestamps=seconds)
    try:
        _, _, scale = found.align(true, correct_scale=True)
    except Exception as error:  # evo's own of a camera that did not move
        raise AlikeError(f'the trajectories cannot be aligned: {error}') from error
    relation = metrics.PoseRelation

    def rmse(metric: Any) -> float:
        metric.process_data((true, found))
        return float(metric.get_statistic(metrics.StatisticsType.rmse))

    return OdometryErrors(
        frames=len(estimates),
        located=len(located),
        path_m=float(true.path_length),
        ape_m=rmse(metrics.APE(relation.translation_part)),
        rpe_m=rmse(metrics.RPE(relation.translation_part, 1, metrics.Unit.frames)),
        rpe_deg=rmse(metrics.RPE(relation.rotation_angle_deg, 1, metrics.Unit.frames)),
        scale=float(scale),
    )


def learned(front_end: FrontEnd) -> See:
    """Return the tracks of a front end of ours."""

    def see(frame: Frame, camera: Camera) -> Sightings:
        result = front_end.process(frame, camera)
        return sightings_from_tracks(SimpleNamespace(**tracks_record(result)), frame.stamp_ns)

    return see


def optical_flow(tracker: FlowTracker | None = None) -> See:
    """Return the tracks of corners by optical flow."""
    tracker = tracker or FlowTracker()

    def see(frame: Frame, camera: Camera) -> Sightings:
        tracks = tracker.update(frame.image)
        u, v = tracks.keypoints.T
        x, y = camera.normalise(tracks.keypoints).T
        count = len(tracks.ids)
        fields = SimpleNamespace(
            id=tracks.ids,
            camera_id=np.zeros(count, np.uint8),
            u=u,
            v=v,
            x=x,
            y=y,
            sigma=np.full(count, FLOW_SIGMA_PX),
            depth=np.full(count, np.nan),
        )
        return sightings_from_tracks(fields, frame.stamp_ns)

    return see


def _numbered(source: Source) -> Any:
    """Yield each frame with its number for the truth; unreadable ones are left out."""
    index_of = getattr(source, 'index_of', None)
    for count, frame in enumerate(source):
        yield (count if index_of is None else index_of(frame.stamp_ns)), frame


def _evo() -> tuple[Any, Any]:
    try:
        from evo.core import metrics, trajectory
    except Exception as error:  # evo raises a bare one on a Python that it does not support
        raise BackendError(
            f'trajectories are compared by evo, which does not import ({error}); '
            "install it: pip install 'alike_ros[evaluation]', or pip install evo"
        ) from error
    return metrics, trajectory
