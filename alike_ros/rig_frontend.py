"""Sets of images of several cameras in, features and tracks of the rig out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from alike_ros.camera import Camera
from alike_ros.config import StereoConfig, TrackerConfig, Value, change_live
from alike_ros.extractor import Extractor
from alike_ros.frontend_base import FrontEndBase, Seen
from alike_ros.results import Counters, Result
from alike_ros.rig_tracks import TrackLinker
from alike_ros.stereo import StereoMatches, match_stereo
from alike_ros.stereo_camera import StereoCamera
from alike_ros.structures import Features, FloatArray, Frame, Matches

Pairs = Mapping[tuple[int, int], StereoCamera]


class RigFrontEnd(FrontEndBase):
    """One extractor and a tracker for each camera; the same point has one id in all of them.

    All images of a set are one batch of the network where their sizes are the same.
    """

    def __init__(
        self,
        extractor: Extractor,
        cameras: int,
        tracker: TrackerConfig | None = None,
        stereo: StereoConfig | None = None,
        first: Counters | None = None,
    ) -> None:
        super().__init__(extractor, tracker, first, cameras)
        self._stereo = stereo or StereoConfig()
        self._linker = TrackLinker(cameras, self._trackers[0].next_id)

    def process(
        self, frames: Sequence[Frame], cameras: Sequence[Camera | None], pairs: Pairs
    ) -> tuple[Result, ...]:
        """Continue the tracks with one image of each camera; return a result for each.

        Ids are those of the rig, and the tracks that all cameras have given up stand in the
        first result's `lost_ids`. Depths are of tracks of the first camera of a pair: from the
        track of the other one under its id, else from what was detected in its image.

        pairs: (a, b), a < b, to the stereo camera that they are; others are not matched.

        Raises:
            ImageError: an image is not one that can be processed; then none is.
            BackendError: the device failed.
        """
        seen = self._see(frames, cameras)
        started = time.perf_counter()
        links: dict[tuple[int, int], Matches] = {}
        depths = [each.result.depths for each in seen]
        for (a, b), camera in sorted(pairs.items()):
            images = frames[a].image, frames[b].image
            depths[a] = known = _known(depths[a], len(seen[a].result.features))
            for features in _views_of(seen[b]):
                found = match_stereo(
                    camera, seen[a].result.features, features, self._stereo, images
                )
                links.setdefault((a, b), found.matches)  # the first are those of tracks
                _fill(known, found)
        tracks = self._linker.update([each.result.tracks for each in seen], links)
        lost_ids = [tracks.lost_ids, *([tracks.lost_ids[:0]] * (len(seen) - 1))]
        spent_s = time.perf_counter() - started
        return tuple(
            replace(
                each.result,
                tracks=replace(of_camera, lost_ids=lost),
                depths=depth,
                timings=replace(
                    each.result.timings, match=seen[-1].result.timings.match + spent_s
                ),
            )
            for each, of_camera, lost, depth in zip(
                seen, tracks.cameras, lost_ids, depths, strict=True
            )
        )

    def reset(self) -> None:
        """Forget all tracks and begin a new epoch; ids are not given again."""
        super().reset()
        self._linker.reset()

    def successor(self) -> Counters:
        """Return where another front end goes on with the same stream, in a new epoch."""
        return replace(super().successor(), track_id=self._linker.next_id)

    def configure(self, **parameters: Value) -> None:
        """Change live parameters of all parts; all of them, or none."""
        of_stereo = {field.name for field in fields(StereoConfig)}
        stereo = change_live(self._stereo, {k: v for k, v in parameters.items() if k in of_stereo})
        super().configure(**{k: v for k, v in parameters.items() if k not in of_stereo})
        self._stereo = stereo


def _views_of(seen: Seen) -> tuple[Features, ...]:
    """Return what a camera's image may be matched with: its tracks, then what was detected."""
    tracked = seen.result.features
    return (tracked,) if seen.detected is tracked else (tracked, seen.detected)


def _known(depths: FloatArray | None, count: int) -> FloatArray:
    return np.full(count, np.nan, np.float32) if depths is None else depths


def _fill(depths: FloatArray, found: StereoMatches) -> None:
    """Write the depths of matches where none is known yet."""
    measured, _ = found.depths_of_left(len(depths))
    unknown = np.isnan(depths)
    depths[unknown] = measured[unknown]
