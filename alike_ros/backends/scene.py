"""What a backend knows of one image once the network has run: the host's part of the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alike_ros.config import DetectorConfig
from alike_ros.detector import Detections, described_points, detect, inspect, to_features
from alike_ros.structures import Features, FloatArray, ImageArray


@dataclass(frozen=True)
class Scene:
    """The score map (H, W) of an image, and the descriptors at points (N, 2) px of it."""

    score_map: FloatArray
    descriptors_at: Callable[[FloatArray], FloatArray]

    def features(self, config: DetectorConfig, mask: ImageArray | None) -> Features:
        """Return what is detected where the mask (H, W) is not zero."""
        detections = detect(self.score_map, config, mask)
        return self._joined(detections, described_points(detections, config, self._size))

    def describe(self, points: FloatArray) -> Features:
        """Return the features at any points (N, 2) px of the image, in their order."""
        last = np.array(self._size, np.float32) - 2
        return self._joined(inspect(self.score_map, points), np.clip(points, 1, last))

    def _joined(self, detections: Detections, points: FloatArray) -> Features:
        return to_features(detections, self.descriptors_at(points), self._size)

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.score_map.shape
        return width, height
