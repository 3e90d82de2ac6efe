"""Paths of a camera by the tracks of front ends.

One small odometry for every front end, so that what differs is the tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import CameraError, DatasetError, ImageError
from alike_ros.evaluation.klt import FlowTracker
from alike_ros.evaluation.path_errors import CameraPath, load_evo
from alike_ros.evaluation.predictions import UNKNOWN
from alike_ros.evaluation.trackers import Method, identity_of_ours, opened_front_end
from alike_ros.odometry.config import OdometryConfig
from alike_ros.odometry.monocular import Estimate, MonocularOdometry, State
from alike_ros.odometry.sightings import Sightings, sightings_from_tracks
from alike_ros.records import tracks_record
from alike_ros.sources import Source
from alike_ros.structures import Frame

Array = NDArray[np.float64]
See = Callable[[Frame, Camera], Sightings]

FLOW_SIGMA_PX = 0.5  # of corners, which tell none

logger = logging.getLogger(__name__)


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
    load_evo()
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
