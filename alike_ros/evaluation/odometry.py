"""How far a small odometry strays with the tracks of a front end, against true poses, by evo.

One odometry for every front end, so that what differs is the tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import AlikeError, BackendError, CameraError, DatasetError, ImageError
from alike_ros.evaluation.klt import FlowTracker
from alike_ros.evaluation.predictions import UNKNOWN
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.evaluation.trackers import Method, identity_of_ours, opened_front_end
from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.monocular import Estimate, MonocularOdometry, State
from alike_ros.odometry.sightings import Sightings, sightings_from_tracks
from alike_ros.records import tracks_record
from alike_ros.sources import GroundTruth, Source
from alike_ros.structures import Frame

Array = NDArray[np.float64]
See = Callable[[Frame, Camera], Sightings]

MIN_POSES = 3
FLOW_SIGMA_PX = 0.5  # of corners, which tell none

logger = logging.getLogger(__name__)


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


def camera_paths(
    source: Source,
    front_ends: Mapping[str, See],
    config: OdometryConfig | None = None,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, CameraPath]:
    """Run the odometry on the same images with the tracks of each front end.

    `progress` is called after each image.

    Raises:
        CameraError, DatasetError: the source has no calibration, or no true poses.
        BackendError: evo, by which they are to be judged, is not installed.
    """
    _evo()
    camera = source.camera
    if camera is None:
        raise CameraError(f'{source.name} has no calibration, which odometry needs')
    if source.truth is None:
        raise DatasetError(
            f'{source.name} has no true poses to compare with; give a KITTI, TUM or EuRoC folder '
            'with its ground truth, or the room'
        )
    odometries = {name: MonocularOdometry(config) for name in front_ends}
    estimates: dict[str, list[tuple[int, Estimate]]] = {name: [] for name in front_ends}
    for number, frame in _numbered(source):
        for name, see in front_ends.items():
            try:
                estimate = odometries[name].update(see(frame, camera))
            except ImageError as error:
                logger.warning('%s: left out an image: %s', name, error)
                continue
            estimates[name].append((number, estimate))
        progress()
    return {name: camera_path(found) for name, found in estimates.items()}


def camera_path(estimates: Sequence[tuple[int, Estimate]]) -> CameraPath:
    """Return estimates, each with the number of its image, as arrays."""
    return CameraPath(
        np.array([number for number, _ in estimates], np.int64),
        np.array([each.stamp_ns for _, each in estimates], np.int64),
        np.array([each.state is State.TRACKING for _, each in estimates], bool),
        np.array([each.pose for _, each in estimates], np.float64).reshape(-1, 4, 4),
    )


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
    metrics, evo = _evo()
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


def learned(extractor: ExtractorConfig, tracker: TrackerConfig) -> Method[See]:
    """Return the tracks of a front end of ours."""

    def begin(stack: ExitStack) -> See:
        front_end = opened_front_end(extractor, tracker, stack)

        def see(frame: Frame, camera: Camera) -> Sightings:
            result = front_end.process(frame, camera)
            return sightings_from_tracks(SimpleNamespace(**tracks_record(result)), frame.stamp_ns)

        return see

    return Method(identity_of_ours(extractor, tracker), begin)


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


def _numbered(source: Source) -> Iterator[tuple[int, Frame]]:
    """Yield each frame with its number for the truth; unreadable ones are left out."""
    index_of = getattr(source, 'index_of', None)
    for count, frame in enumerate(source):
        number = count if index_of is None else index_of(frame.stamp_ns)
        yield (UNKNOWN if number is None else number), frame


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _evo() -> tuple[Any, Any]:
    try:
        from evo.core import metrics, trajectory
    except Exception as error:  # evo raises a bare one on a Python that it does not support
        raise BackendError(
            f'trajectories are compared by evo, which does not import ({error}); '
            "install it: pip install 'alike_ros[evaluation]', or pip install evo"
        ) from error
    return metrics, trajectory
