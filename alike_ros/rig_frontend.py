"""Sets of images of several cameras in, features and tracks of the rig out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from alike_ros.camera import Camera
from alike_ros.config import StereoConfig, TrackerConfig
from alike_ros.extractor import Extractor
from alike_ros.frontend_base import FrontEndBase, Seen
from alike_ros.results import Counters, Result
from alike_ros.rig_tracks import TrackLinker
from alike_ros.stereo import StereoMatches, match_stereo
from alike_ros.stereo_camera import StereoCamera
from alike_ros.structures import Features, Frame, Matches

Pairs = Mapping[tuple[int, int], StereoCamera]


class RigFrontEnd(FrontEndBase):
    """One extractor and a tracker for each camera; the same point has one id in all of them.

    All images of a set are one batch of the network where their sizes are the same.
    """

    _depth: StereoConfig

    def __init__(
        self,
        extractor: Extractor,
        cameras: int,
        tracker: TrackerConfig | None = None,
        stereo: StereoConfig | None = None,
        first: Counters | None = None,
    ) -> None:
        super().__init__(extractor, tracker, stereo or StereoConfig(), first, cameras)
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
        links, results = self._match(seen, frames, pairs)
        tracks = self._linker.update([each.result.tracks for each in seen], links)
        first, *others = tracks.cameras
        of_cameras = (replace(first, lost_ids=tracks.lost_ids), *others)
        timings = seen[-1].result.timings  # until the last camera's tracks
        timings = replace(timings, match=timings.match + time.perf_counter() - started)
        return tuple(
            replace(result, tracks=of_camera, timings=timings)
            for result, of_camera in zip(results, of_cameras, strict=True)
        )

    def _match(
        self, seen: Sequence[Seen], frames: Sequence[Frame], pairs: Pairs
    ) -> tuple[dict[tuple[int, int], Matches], list[Result]]:
        """Return the matches of tracks by pair, and the results with the depths that they give."""
        links: dict[tuple[int, int], Matches] = {}
        results = [each.result for each in seen]
        for (a, b), camera in sorted(pairs.items()):
            images = frames[a].image, frames[b].image
            features = seen[a].result.features
            for others in self._views_of(seen[b], b):
                found = match_stereo(camera, features, others, self._depth, images)
                links.setdefault((a, b), found.matches)  # the first are those of tracks
                results[a] = _filled(results[a], found)
        return links, results

    def _views_of(self, seen: Seen, camera: int) -> Iterator[Features]:
        """Yield what a camera's image may be matched with: its tracks, then what was detected."""
        yield seen.result.features
        if seen.detected is not seen.result.features:
            described = self.extractor.describe(seen.detected.keypoints, camera)
            yield replace(seen.detected, descriptors=described.descriptors)

    def reset(self) -> None:
        """Forget all tracks and begin a new epoch; ids are not given again."""
        super().reset()
        self._linker.reset()

    def successor(self) -> Counters:
        """Return where another front end goes on with the same stream, in a new epoch."""
        return replace(super().successor(), track_id=self._linker.next_id)


def _filled(result: Result, found: StereoMatches) -> Result:
    """Return the result with the depths of matches where none is known yet."""
    unknown = np.full(len(result.features), np.nan, np.float32)
    depths = unknown if result.depths is None else result.depths
    sigmas = unknown if result.depth_sigmas is None else result.depth_sigmas
    measured, measured_sigmas = found.depths_of_left(len(depths))
    new = np.isnan(depths)
    return replace(
        result,
        depths=np.where(new, measured, depths),
        depth_sigmas=np.where(new, measured_sigmas, sigmas),
    )
