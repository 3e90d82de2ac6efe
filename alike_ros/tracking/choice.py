"""Which tracker a configuration asks for."""

from __future__ import annotations

from typing import ClassVar, Protocol

from alike_ros.config import TrackerConfig, Value
from alike_ros.structures import Features, Tracks, View
from alike_ros.tracking.by_descriptor import DescriptorTracker
from alike_ros.tracking.hybrid import HybridTracker


class Tracker(Protocol):
    """Carries ids from image to image of one stream."""

    config: TrackerConfig
    next_id: int
    needs_descriptors: ClassVar[bool]  # of all that is detected; else it asks for some

    def update(self, view: View, stamp_ns: int) -> tuple[Features, Tracks]:
        """Return what is published of the next image: features and, row by row, their tracks."""

    def configure(self, **parameters: Value) -> None:
        """Change live parameters; see `Extractor.configure`."""

    def reset(self) -> None:
        """Forget all tracks; their ids are not given again."""


def open_tracker(config: TrackerConfig | None = None, next_id: int = 0) -> Tracker:
    """Return the tracker of a configuration, which gives ids from `next_id` on."""
    config = config or TrackerConfig()
    kind = HybridTracker if config.tracker == 'hybrid' else DescriptorTracker
    return kind(config, next_id)
