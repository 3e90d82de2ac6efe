"""One set of images of several cameras from messages to tracks."""

from __future__ import annotations

import time
from typing import Any

from alike_ros.config import ExtractorConfig, NodeConfig, StereoConfig, TrackerConfig
from alike_ros.errors import CameraError
from alike_ros.rig_frontend import Pairs, RigFrontEnd
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.outputs import Outputs
from alike_ros.ros.frontend.processing import Arrival, Look, Processing
from alike_ros.stereo_camera import stereo_from_infos


class RigPipeline(Processing):
    """The node with a stereo pair."""

    _library_configs = (ExtractorConfig, TrackerConfig, StereoConfig)

    def __init__(
        self,
        frontend: RigFrontEnd,
        outputs: Outputs,
        eyes: tuple[Eye, ...],
        health: Health,
        journal: Journal,
        config: NodeConfig,
        clock: Any,
    ) -> None:
        """`eyes` are left and right."""
        super().__init__(frontend, outputs, health, journal, config, clock)
        self._rig = frontend
        self._eyes = eyes
        self._infos: tuple[Any, ...] = ()
        self._pairs: Pairs = {}

    def _look(self, arrival: Arrival) -> Look:
        messages = (arrival.msg, *arrival.others)
        start_s = time.perf_counter()
        frames = tuple(eye.frame(msg) for eye, msg in zip(self._eyes, messages, strict=True))
        decode_s = time.perf_counter() - start_s
        cameras = [eye.camera_for(frame) for eye, frame in zip(self._eyes, frames, strict=True)]
        calibrated = all(camera is not None for camera in cameras)
        pairs = self._pairs_at([frame.stamp_ns for frame in frames]) if calibrated else {}
        results = self._rig.process(frames, cameras, pairs)
        return Look(frames, results, tuple(msg.header for msg in messages), decode_s)

    def _pairs_at(self, stamps: list[int]) -> Pairs:
        """Return the pair that the camera_info of both cameras describe, none if they do not."""
        infos = tuple(
            eye.book.info_for(stamp) for eye, stamp in zip(self._eyes, stamps, strict=True)
        )
        if not all(a is b for a, b in zip(infos, self._infos or [None] * 2, strict=True)):
            self._infos, self._pairs = infos, self._pairs_of(infos)
        return self._pairs

    def _pairs_of(self, infos: tuple[Any, ...]) -> Pairs:
        left, right = infos
        try:
            pair = stereo_from_infos(left, right, self._config.rectified)
        except CameraError as error:
            self._journal.warn(
                'stereo pair', f'There are no stereo matches and no depths: {error}'
            )
            return {}
        return {} if pair is None else {(0, 1): pair}
