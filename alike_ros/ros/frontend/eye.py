"""One camera of the node: its calibration, its masks, and its messages as frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alike_ros.camera import Camera
from alike_ros.image_message import image_from_msg
from alike_ros.ros.conversions import stamp_ns
from alike_ros.ros.frontend.calibration import CalibrationBook
from alike_ros.ros.frontend.masks import Masks
from alike_ros.structures import FloatArray, Frame


@dataclass(frozen=True)
class Eye:
    """What the topics of a camera fill, and the worker asks."""

    book: CalibrationBook
    masks: Masks
    topic: str = 'image'

    def frame(self, msg: Any, depth: FloatArray | None = None) -> Frame:
        """Return an image message with the depth (H, W) m and the mask that belong to it.

        Raises:
            ImageError: it is no image, or the mask of the file does not fit.
        """
        image = image_from_msg(msg)
        height, width = image.shape[:2]
        stamp = stamp_ns(msg.header)
        mask = self.masks.mask_for((width, height), stamp)
        return Frame(image, stamp, msg.header.frame_id, depth, mask)

    def camera_for(self, frame: Frame) -> Camera | None:
        """Return the calibration of a frame; see `CalibrationBook.camera_for`."""
        height, width = frame.image.shape[:2]
        return self.book.camera_for(frame.stamp_ns, (width, height))
