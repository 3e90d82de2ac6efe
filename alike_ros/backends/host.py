"""What the backends without PyTorch share: they run graphs, the rest happens on the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import repeat

import numpy as np
import onnx

from alike_ros.backends.descriptors import Descriptors, FirstLevel
from alike_ros.backends.first_level import FirstLevelAtPixels, in_map
from alike_ros.backends.graph import build_graph
from alike_ros.backends.scene import Scene
from alike_ros.backends.window_graphs import build_coarse, build_fine, build_head
from alike_ros.backends.windows import WindowedNetwork, fits_at_once
from alike_ros.config import DetectorConfig, ExtractorConfig
from alike_ros.errors import BackendError, first_line
from alike_ros.layers import Layers, read_layers
from alike_ros.stages import stage
from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.variants import round_up
from alike_ros.weights import WeightsFile

GRAPHS: dict[str, Callable[[Layers], onnx.ModelProto]] = {
    'whole': build_graph,
    'fine': build_fine,
    'coarse': build_coarse,
    'head': build_head,
}


class HostBackend(ABC):
    """Backend that computes detection and descriptors in numpy from what graphs return."""

    name: str
    device: str

    def __init__(self, config: ExtractorConfig, weights: WeightsFile) -> None:
        self._layers = read_layers(config.model, weights.path)
        self._descriptors = Descriptors(self._layers)
        self._padded = np.zeros((0, 0, 0, 3), np.uint8)
        self.scenes: list[Scene] = []
        self.dim = self._layers.variant.dim

    @abstractmethod
    def infer(self, graph: str, inputs: dict[str, np.ndarray]) -> list[FloatArray]:
        """Run one of `GRAPHS` and return its outputs in order; valid until it runs again."""

    def run(
        self,
        images: list[ImageArray],
        config: DetectorConfig,
        masks: Sequence[ImageArray | None] | None = None,
        described: bool = True,
    ) -> list[Features]:
        """Extract features; see `Backend.run`.

        Raises:
            BackendError: the device failed, for example for lack of memory.
        """
        height, width = images[0].shape[:2]
        try:
            self.scenes = [
                Scene(
                    np.ascontiguousarray(score[:height, :width]),
                    partial(self._descriptors.describe, first, levels),
                )
                for score, first, levels in self._maps(self._batch(images))
            ]
            return [
                scene.features(config, mask, described)
                for scene, mask in zip(self.scenes, masks or repeat(None), strict=False)
            ]
        except (RuntimeError, MemoryError) as error:
            raise BackendError(
                f'{self.device} failed on {len(images)} image(s) of shape {images[0].shape}: '
                f'{first_line(error)}. Use a smaller image_size_max or another device'
            ) from error

    def close(self) -> None:
        """Free the buffers."""
        self._padded = self._padded[:0]
        self.scenes = []

    def _maps(
        self, batch: ImageArray
    ) -> Iterator[tuple[FloatArray, FirstLevel, list[FloatArray]]]:
        """Yield for each image of (B, H, W, 3) its score map and its levels."""
        if fits_at_once(batch):
            scores, *levels = self.infer('whole', {'image': batch})
            for i, score in enumerate(scores):
                first, *coarser = (level[i] for level in levels)
                yield score, in_map(first), coarser
            return
        for image in batch:
            score, levels = self._windowed.maps(image[None])
            if len(batch) > 1:  # the next image goes into the same arrays
                score, levels = score.copy(), [level.copy() for level in levels]
            yield score[0], self._first_level.of(image), [level[0] for level in levels]

    @cached_property
    def _windowed(self) -> WindowedNetwork:
        return WindowedNetwork(self._layers.variant, self.infer)

    @cached_property
    def _first_level(self) -> FirstLevelAtPixels:
        return FirstLevelAtPixels(self._layers)

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
