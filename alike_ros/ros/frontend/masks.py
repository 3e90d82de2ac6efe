"""Where no keypoint may lie: a mask of a file, and the newest of a topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alike_ros.errors import ImageError
from alike_ros.image_message import image_from_msg
from alike_ros.masks import combine_masks, fit_mask, read_mask
from alike_ros.ros.conversions import stamp_ns
from alike_ros.ros.frontend.journal import Journal
from alike_ros.structures import ImageArray

Stamped = tuple[int, ImageArray]


class Masks:
    """The masks of one camera; one thread adds, another asks."""

    def __init__(
        self, journal: Journal, path: str = '', max_age_s: float = 0.0, topic: str = 'mask'
    ) -> None:
        """`path` is of the file, empty for none; `max_age_s` of the topic's masks, 0 for none.

        Raises:
            ImageError: the file is no mask.
        """
        self._refused = self._unfit = ''
        self._journal = journal
        self._topic = topic
        self._static = read_mask(Path(path).expanduser()) if path else None
        self._max_age_s = max_age_s
        self._newest: Stamped | None = None
        self._fitting: Stamped | None = None  # the newest that fitted an image

    def add(self, msg: Any) -> None:
        """Take a sensor_msgs/Image, mono8."""
        try:
            mask = fit_mask(image_from_msg(msg), (msg.width, msg.height))
        except ImageError as error:
            self._refused = f'a message of {self._topic} was skipped: {error}'
            self._journal.warn('mask', self._refused)
        else:
            self._newest, self._refused = (stamp_ns(msg.header), mask), ''

    @property
    def trouble(self) -> str:
        """Why the newest mask of the topic does not hold; empty when it does, or none came."""
        return self._refused or self._unfit

    def mask_for(self, image_size: tuple[int, int], stamp: int) -> ImageArray | None:
        """Return the mask of an image (width, height) of a time (ns), None when there is none.

        Of the topic it is the newest that fits, unless its stamp is too far from the image's; a
        newer one that does not fit is warned of. A stamp of 0 is near to all.

        Raises:
            ImageError: the file's does not fit.
        """
        self._unfit, dynamic = self._dynamic(image_size, stamp)
        return combine_masks([self._static, dynamic], image_size)

    def _dynamic(self, image_size: tuple[int, int], stamp: int) -> tuple[str, ImageArray | None]:
        """Return what is wrong with the newest mask, and the mask that holds."""
        unfit = ''
        for known in (self._newest, self._fitting):
            if known is None:
                continue
            try:
                fitted = fit_mask(known[1], image_size)
            except ImageError as error:
                unfit = f'the newest of {self._topic} is left out: {error}'
                self._journal.warn('mask size', unfit)
            else:
                self._fitting = known
                too_old = self._too_old(known[0], stamp)
                return (too_old, None) if too_old else (unfit, fitted)
        return unfit, None

    def _too_old(self, mask_ns: int, image_ns: int) -> str:
        age_s = (image_ns - mask_ns) / 1e9
        if not (self._max_age_s and mask_ns and image_ns and abs(age_s) > self._max_age_s):
            return ''
        trouble = (
            f'the newest of {self._topic} is {abs(age_s):.1f} s '
            f'{"older" if age_s > 0 else "newer"} than the image and hides nothing any more '
            f'(mask_max_age is {self._max_age_s:g} s): does its publisher still run?'
        )
        self._journal.warn('mask age', trouble)
        return trouble
