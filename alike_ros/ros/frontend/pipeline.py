"""One image, with or without its depth, from message to tracks."""

from __future__ import annotations

import time
from typing import Any

from alike_ros.config import NodeConfig
from alike_ros.frontend import FrontEnd
from alike_ros.image_message import depth_from_msg
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.processing import Arrival, Links, Look, Processing, of_topic
from alike_ros.structures import FloatArray


class Pipeline(Processing):
    """The node with one camera."""

    def __init__(self, frontend: FrontEnd, links: Links, config: NodeConfig, eye: Eye) -> None:
        super().__init__(frontend, links, config)
        self._one_camera = frontend
        self._eye = eye

    def _look(self, arrival: Arrival) -> Look:
        start_s = time.perf_counter()
        frame = self._eye.frame(arrival.msg, *map(_depth, arrival.others))
        decode_s = time.perf_counter() - start_s
        result = self._one_camera.process(frame, self._eye.camera_for(frame))
        return Look((frame,), (result,), (arrival.msg.header,), decode_s)


def _depth(msg: Any) -> FloatArray:
    with of_topic('depth/image'):
        return depth_from_msg(msg)
