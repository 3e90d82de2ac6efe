"""Where no keypoint may lie: a mask of a file, and the newest of a topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alike_ros.errors import ImageError
from alike_ros.image_message import image_from_msg
from alike_ros.masks import combine_masks, fit_mask, read_mask
from alike_ros.ros.frontend.journal import Journal
from alike_ros.structures import ImageArray


class Masks:
    """The masks of one camera; one thread adds, another asks."""

    def __init__(self, journal: Journal, path: str = '') -> None:
        """`path` is of the file; empty for none.

        Raises:
            ImageError: the file is no mask.
        """
        self._journal = journal
        self._static = read_mask(Path(path).expanduser()) if path else None
        self._newest: ImageArray | None = None
        self._fitting: ImageArray | None = None  # the newest that fitted an image

    def add(self, msg: Any) -> None:
        """Take a sensor_msgs/Image, mono8."""
        try:
            self._newest = fit_mask(image_from_msg(msg), (msg.width, msg.height))
        except ImageError as error:
            self._journal.warn('mask', f'A mask was skipped: {error}')

    def mask_for(self, image_size: tuple[int, int]) -> ImageArray | None:
        """Return the mask of an image (width, height), None when there is none.

        Of the topic it is the newest that fits; a newer one that does not is warned of.

        Raises:
            ImageError: the file's does not fit.
        """
        return combine_masks([self._static, self._dynamic(image_size)], image_size)

    def _dynamic(self, image_size: tuple[int, int]) -> ImageArray | None:
        for mask in (self._newest, self._fitting):
            if mask is None:
                continue
            try:
                fitted = fit_mask(mask, image_size)
            except ImageError as error:
                self._journal.warn('mask size', f'A mask of the topic is left out: {error}')
            else:
                self._fitting = mask
                return fitted
        return None
