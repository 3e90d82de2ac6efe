"""What the front end finds in an image."""

from __future__ import annotations

from dataclasses import dataclass

from alike_ros.structures import Features, FloatArray, Tracks


@dataclass(frozen=True)
class Timings:
    """Seconds that the stages of one image, or of one set of images, took."""

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
    timings: of the whole set, where the image is one of a set.
    depths: (N,) float32 m along the optical axis, NaN where not known; None when nothing
        measures depth.
    depth_sigmas: (N,) float32 m, standard deviations of `depths`; None when not known of any.
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
    depth_sigmas: FloatArray | None = None


@dataclass(frozen=True)
class Counters:
    """Where the numbers of a stream begin, so that a successor never repeats one."""

    frame_seq: int = 0
    epoch: int = 0
    track_id: int = 0
