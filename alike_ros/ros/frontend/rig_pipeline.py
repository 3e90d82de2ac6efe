"""One set of images of several cameras from messages to tracks."""

from __future__ import annotations

import time
from typing import Any

from alike_ros.config import NodeConfig
from alike_ros.rig_frontend import RigFrontEnd
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.geometry import Geometry
from alike_ros.ros.frontend.processing import Arrival, Links, Look, Processing, of_topic
from alike_ros.structures import Frame


class RigPipeline(Processing):
    """The node with several cameras."""

    def __init__(
        self,
        frontend: RigFrontEnd,
        links: Links,
        config: NodeConfig,
        eyes: tuple[Eye, ...],
        geometry: Geometry,
    ) -> None:
        super().__init__(frontend, links, config)
        self._rig = frontend
        self._eyes = eyes
        self._geometry = geometry

    def _look(self, arrival: Arrival) -> Look:
        messages = (arrival.msg, *arrival.others)
        start_s = time.perf_counter()
        frames = tuple(map(_frame, self._eyes, messages))
        decode_s = time.perf_counter() - start_s
        results = self._rig.process(frames, *self._geometry.at(frames))
        return Look(frames, results, tuple(msg.header for msg in messages), decode_s)


def _frame(eye: Eye, msg: Any) -> Frame:
    with of_topic(eye.topic):
        return eye.frame(msg)
