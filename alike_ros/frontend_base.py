"""From sets of images to the tracks of each camera, be it one or several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from alike_ros.camera import Camera
from alike_ros.config import DepthConfig, TrackerConfig, Value, change_live
from alike_ros.depth import depth_at, depth_scale
from alike_ros.extractor import Extractor
from alike_ros.image import Prepared
from alike_ros.masks import fit_mask
from alike_ros.results import Counters, Result, Timings
from alike_ros.structures import Features, FloatArray, Frame, ImageArray, Tracks, View
from alike_ros.tracking.choice import open_tracker


@dataclass(frozen=True)
class Seen:
    """One image of a set: its result, and what was detected in it before tracks were made.

    The descriptors of what was detected are (N, 0) where the tracker does not need them.
    """

    result: Result
    detected: Features


@dataclass(frozen=True)
class _Moment:
    """What all images of a set share; `inferred_s` is when the network was done."""

    dt: float
    clock_jumped: bool
    preprocess_s: float
    inference_s: float
    inferred_s: float


class FrontEndBase:
    """An extractor, and a tracker for each camera, on one stream of sets of images.

    A set that fails leaves everything as it was before it.
    """

    def __init__(
        self,
        extractor: Extractor,
        tracker: TrackerConfig | None,
        depth: DepthConfig,
        first: Counters | None = None,
        cameras: int = 1,
    ) -> None:
        first = first or Counters()
        self._depth = depth
        self.extractor = extractor
        self.epoch = first.epoch
        self._trackers = [open_tracker(tracker, first.track_id) for _ in range(cameras)]
        self._frame_seq = first.frame_seq
        self._last_stamp_ns: int | None = None

    def reset(self) -> None:
        """Forget all tracks and begin a new epoch; ids are not given again."""
        for tracker in self._trackers:
            tracker.reset()
        self._last_stamp_ns = None
        self.epoch += 1

    def successor(self) -> Counters:
        """Return where another front end goes on with the same stream, in a new epoch."""
        return Counters(self._frame_seq, self.epoch + 1, self._trackers[0].next_id)

    def configure(self, **parameters: Value) -> None:
        """Change live parameters of all parts; all of them, or none.

        Raises:
            ConfigError: as `Extractor.configure`.
        """
        tracker = _part(parameters, TrackerConfig)
        of_depth = _part(parameters, type(self._depth))
        change_live(self._trackers[0].config, tracker)
        depth = change_live(self._depth, of_depth)
        rest = parameters.keys() - tracker.keys() - of_depth.keys()
        self.extractor.configure(**{name: parameters[name] for name in rest})
        for each in self._trackers:
            each.configure(**tracker)
        self._depth = depth

    def close(self) -> None:
        """Free what the device holds."""
        self.extractor.close()

    def _see(self, frames: Sequence[Frame], cameras: Sequence[Camera | None]) -> list[Seen]:
        """Extract features of all images in one batch, and continue each camera's tracks.

        The first image's stamp is the set's.
        """
        started = time.perf_counter()
        prepared = [self.extractor.prepare(frame.image) for frame in frames]
        masks = list(map(_fitted_mask, frames, prepared))
        ready = time.perf_counter()
        described = self._trackers[0].needs_descriptors
        detected = self.extractor.infer_many(prepared, masks, described)
        inferred = time.perf_counter()
        clock_jumped = self._begin(frames[0].stamp_ns)
        moment = _Moment(
            self._dt(frames[0].stamp_ns), clock_jumped, ready - started, inferred - ready, inferred
        )
        results = [
            self._follow(row, frame, camera, detected[row], masks[row], moment)
            for row, (frame, camera) in enumerate(zip(frames, cameras, strict=True))
        ]
        self._frame_seq += 1
        self._last_stamp_ns = frames[0].stamp_ns
        return list(map(Seen, results, detected))

    def _begin(self, stamp_ns: int) -> bool:
        """Reset before a set that is older than the last one; say whether it is."""
        clock_jumped = self._last_stamp_ns is not None and stamp_ns < self._last_stamp_ns
        if clock_jumped:
            self.reset()
        return clock_jumped

    def _follow(
        self,
        row: int,
        frame: Frame,
        camera: Camera | None,
        detected: Features,
        mask: ImageArray | None,
        moment: _Moment,
    ) -> Result:
        view = View(frame.image, detected, partial(self.extractor.describe, row=row), mask)
        features, tracks = self._trackers[row].update(view, frame.stamp_ns)
        normalised, velocities = _motion(features, tracks, frame.stamp_ns, camera)
        depths = _depths(frame, features, self._depth)
        matched_s = time.perf_counter() - moment.inferred_s
        return Result(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            features=features,
            tracks=tracks,
            normalised=normalised,
            velocities=velocities,
            frame_seq=self._frame_seq,
            epoch=self.epoch,
            dt=moment.dt,
            clock_jumped=moment.clock_jumped,
            timings=Timings(moment.preprocess_s, moment.inference_s, matched_s),
            depths=depths,
        )

    def _dt(self, stamp_ns: int) -> float:
        if self._last_stamp_ns is None:
            return float('nan')
        return (stamp_ns - self._last_stamp_ns) * 1e-9


def _fitted_mask(frame: Frame, prepared: Prepared) -> ImageArray | None:
    """Return the mask in the image's size; it or a depth image that does not fit fails here."""
    if frame.depth is not None:
        depth_scale(frame.depth, prepared.source_size)
    return None if frame.mask is None else fit_mask(frame.mask, prepared.source_size)


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


def _depths(frame: Frame, features: Features, limits: DepthConfig) -> FloatArray | None:
    if frame.depth is None:
        return None
    return depth_at(
        frame.depth,
        features.keypoints,
        features.image_size,
        limits.min_depth,
        limits.max_depth,
    )


def _part(parameters: dict[str, Value], config: type[Any]) -> dict[str, Value]:
    names = {field.name for field in fields(config)}
    return {name: value for name, value in parameters.items() if name in names}
