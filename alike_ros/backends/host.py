"""What the backends without PyTorch share: they run a graph, the rest happens on the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from alike_ros.backends.descriptors import Descriptors
from alike_ros.config import DetectorConfig, ExtractorConfig
from alike_ros.detector import described_points, detect, to_features
from alike_ros.errors import BackendError, first_line
from alike_ros.layers import read_layers
from alike_ros.stages import stage
from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.variants import round_up
from alike_ros.weights import WeightsFile


@dataclass(frozen=True)
class Maps:
    """What the graph returns for a batch; valid until the next one.

    score: (B, H, W) in (0, 1).
    levels: four of (B, H/s, W/s, dim/4), s = 1, 2, 8, 32.
    """

    score: FloatArray
    levels: list[FloatArray]


class HostBackend(ABC):
    """Backend that computes detection and descriptors in numpy from what a graph returns."""

    name: str
    device: str

    def __init__(self, config: ExtractorConfig, weights: WeightsFile) -> None:
        self._layers = read_layers(config.model, weights.path)
        self._descriptors = Descriptors(self._layers)
        self._padded = np.zeros((0, 0, 0, 3), np.uint8)
        self.dim = self._layers.variant.dim

    @abstractmethod
    def infer(self, batch: ImageArray) -> Maps:
        """Run the graph on a batch (B, H, W, 3), H and W multiples of 32."""

    def run(self, images: list[ImageArray], config: DetectorConfig) -> list[Features]:
        """Extract features; see `Backend.run`.

        Raises:
            BackendError: the device failed, for example for lack of memory.
        """
        try:
            maps = self.infer(self._batch(images))
        except (RuntimeError, MemoryError) as error:
            raise BackendError(
                f'{self.device} failed on {len(images)} image(s) of shape {images[0].shape}: '
                f'{first_line(error)}. Use a smaller image_size_max or another device'
            ) from error
        height, width = images[0].shape[:2]
        return [
            self._features(score[:height, :width], [level[i] for level in maps.levels], config)
            for i, score in enumerate(maps.score)
        ]

    def close(self) -> None:
        """Free the buffers."""
        self._padded = self._padded[:0]

    def _features(
        self, score_map: FloatArray, levels: list[FloatArray], config: DetectorConfig
    ) -> Features:
        size = (score_map.shape[1], score_map.shape[0])
        detections = detect(np.ascontiguousarray(score_map), config)
        points = described_points(detections, config, size)
        return to_features(detections, self._descriptors.describe(levels, points), size)

    @stage('copy')
    def _batch(self, images: list[ImageArray]) -> ImageArray:
        """Return the images as one array whose sides are multiples of 32, zeros added."""
        height, width = images[0].shape[:2]
        shape = (len(images), round_up(height), round_up(width), 3)
        if len(images) == 1 and images[0].shape == shape[1:]:
            return images[0][None]
        if self._padded.shape != shape:
            self._padded = np.zeros(shape, np.uint8)
        else:
            self._padded[:, height:] = self._padded[:, :, width:] = 0
        self._padded[:, :height, :width] = images
        return self._padded
