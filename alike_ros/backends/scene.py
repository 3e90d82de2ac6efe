"""What a backend knows of one image once the network has run: the host's part of the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alike_ros.config import DetectorConfig
from alike_ros.detector import Detections, described_points, detect, scores_at, to_features
from alike_ros.structures import Features, FloatArray, ImageArray


@dataclass(frozen=True)
class Scene:
    """The score map (H, W) of an image, and the descriptors at points (N, 2) px of it."""

    score_map: FloatArray
    descriptors_at: Callable[[FloatArray], FloatArray]

    def features(
        self, config: DetectorConfig, mask: ImageArray | None, described: bool
    ) -> Features:
        """Return what is detected where the mask (H, W) is not zero.

        described: whether with descriptors; else they are (N, 0).
        """
        detections = detect(self.score_map, config, mask)
        if not described:
            nothing = np.zeros((len(detections.scores), 0), np.float32)
            return to_features(detections, nothing, self._size)
        return self._joined(detections, described_points(detections, config, self._size))

    def describe(self, points: FloatArray) -> Features:
        """Return the features at any points (N, 2) px of the image, in their order.

        Sigmas are NaN: how sure a place is that was not detected is for others to say.
        """
        last = np.array(self._size, np.float32) - 2
        unknown = np.full(len(points), np.nan, np.float32)
        detections = Detections(points, scores_at(self.score_map, points), unknown)
        return self._joined(detections, np.clip(points, 1, last))

    def _joined(self, detections: Detections, points: FloatArray) -> Features:
        return to_features(detections, self.descriptors_at(points), self._size)

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.score_map.shape
        return width, height
