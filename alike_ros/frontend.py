"""Images in, features and tracks out: the one path of node, command line and evaluation."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

import numpy as np

from alike_ros.camera import Camera
from alike_ros.config import TrackerConfig, Value, change_live
from alike_ros.depth import depth_at, depth_scale
from alike_ros.extractor import Extractor
from alike_ros.masks import fit_mask
from alike_ros.structures import Features, FloatArray, Frame, Tracks, View
from alike_ros.tracking.choice import open_tracker


@dataclass(frozen=True)
class Timings:
    """Seconds that the stages of one image took."""

    preprocess: float
    inference: float
    match: float


@dataclass(frozen=True)
class Result:
    """What the front end found in one image; row i of every array is the same keypoint.

    normalised: (N, 2) float32 on the plane z = 1 of the optical frame, undistorted; NaN without
        calibration.
    velocities: (N, 2) float32 1/s, change of `normalised` since the track was last seen; NaN
        when it is new or no time has passed.
    frame_seq: images processed before this one.
    epoch: resets before this image.
    dt: s since the image before; NaN for the first of an epoch.
    clock_jumped: the stamp lies before the last one, so the tracker was reset.
    depths: (N,) float32 m along the optical axis, NaN where not known; None when nothing
        measures depth.
    """

    stamp_ns: int
    frame_id: str
    features: Features
    tracks: Tracks
    normalised: FloatArray
    velocities: FloatArray
    frame_seq: int
    epoch: int
    dt: float
    clock_jumped: bool
    timings: Timings
    depths: FloatArray | None = None


@dataclass(frozen=True)
class Counters:
    """Where the numbers of a stream begin, so that a successor never repeats one."""

    frame_seq: int = 0
    epoch: int = 0
    track_id: int = 0


class FrontEnd:
    """Extractor and tracker on one stream of images.

    An image that fails leaves everything as it was before it.
    """

    def __init__(
        self,
        extractor: Extractor,
        tracker: TrackerConfig | None = None,
        first: Counters | None = None,
    ) -> None:
        first = first or Counters()
        self.extractor = extractor
        self.epoch = first.epoch
        self._tracker = open_tracker(tracker, first.track_id)
        self._frame_seq = first.frame_seq
        self._last_stamp_ns: int | None = None

    def process(self, frame: Frame, camera: Camera | None = None) -> Result:
        """Extract features and continue the tracks.

        Raises:
            ImageError: the image is not one that can be processed, or its depth or mask is not
                of its size.
            BackendError: the device failed.
        """
        started = time.perf_counter()
        prepared = self.extractor.prepare(frame.image)
        if frame.depth is not None:
            depth_scale(frame.depth, prepared.source_size)  # to fail before anything changes
        mask = None if frame.mask is None else fit_mask(frame.mask, prepared.source_size)
        ready = time.perf_counter()
        detected = self.extractor.infer(prepared, mask)
        inferred = time.perf_counter()
        clock_jumped = self._last_stamp_ns is not None and frame.stamp_ns < self._last_stamp_ns
        if clock_jumped:
            self.reset()
        view = View(frame.image, detected, self.extractor.describe, mask)
        features, tracks = self._tracker.update(view, frame.stamp_ns)
        normalised, velocities = _motion(features, tracks, frame.stamp_ns, camera)
        depths = _depths(frame, features)
        matched = time.perf_counter()
        result = Result(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            features=features,
            tracks=tracks,
            normalised=normalised,
            velocities=velocities,
            frame_seq=self._frame_seq,
            epoch=self.epoch,
            dt=self._dt(frame.stamp_ns),
            clock_jumped=clock_jumped,
            timings=Timings(ready - started, inferred - ready, matched - inferred),
            depths=depths,
        )
        self._frame_seq += 1
        self._last_stamp_ns = frame.stamp_ns
        return result

    def reset(self) -> None:
        """Forget all tracks and begin a new epoch; ids are not given again."""
        self._tracker.reset()
        self._last_stamp_ns = None
        self.epoch += 1

    def successor(self) -> Counters:
        """Return where another front end goes on with the same stream, in a new epoch."""
        return Counters(self._frame_seq, self.epoch + 1, self._tracker.next_id)

    def configure(self, **parameters: Value) -> None:
        """Change live parameters of extractor and tracker; all of them, or none.

        Raises:
            ConfigError: as `Extractor.configure`.
        """
        of_tracker = {field.name for field in fields(TrackerConfig)}
        tracker = {k: v for k, v in parameters.items() if k in of_tracker}
        rest = {k: v for k, v in parameters.items() if k not in of_tracker}
        change_live(self._tracker.config, tracker)
        self.extractor.configure(**rest)
        self._tracker.configure(**tracker)

    def close(self) -> None:
        """Free what the device holds."""
        self.extractor.close()

    def _dt(self, stamp_ns: int) -> float:
        if self._last_stamp_ns is None:
            return float('nan')
        return (stamp_ns - self._last_stamp_ns) * 1e-9


def _motion(
    features: Features, tracks: Tracks, stamp_ns: int, camera: Camera | None
) -> tuple[FloatArray, FloatArray]:
    """Return normalised positions (N, 2) and their velocities (N, 2) 1/s."""
    unknown = np.full((len(features), 2), np.nan, np.float32)
    if camera is None:
        return unknown, unknown
    normalised = camera.normalise(features.keypoints)
    velocities = unknown.copy()
    elapsed = (stamp_ns - tracks.last_stamps_ns) * 1e-9  # s
    moved = (tracks.ages > 1) & (elapsed > 0)
    steps = normalised[moved] - camera.normalise(tracks.last_keypoints[moved])
    velocities[moved] = steps / elapsed[moved, None]
    return normalised, velocities


def _depths(frame: Frame, features: Features) -> FloatArray | None:
    if frame.depth is None:
        return None
    return depth_at(frame.depth, features.keypoints, features.image_size)
