"""Image to `Features`: the front of everything that this package does."""

from __future__ import annotations

import logging

import numpy as np

from alike_ros.backends.base import open_backend
from alike_ros.closing import Closing
from alike_ros.config import ExtractorConfig, Value, change_live
from alike_ros.image import Prepared, prepare, to_source
from alike_ros.structures import Features
from alike_ros.weights import find_weights

log = logging.getLogger(__name__)


class Extractor(Closing):
    """Extracts ALIKE features from images of any size, grey or colour.

    Parameters are those of `ExtractorConfig`, given as one object or by name:
    `Extractor(model='alike-t', device='cpu', top_k=-1)`.

    Raises:
        ConfigError: a parameter has a value that it cannot have.
        WeightsError: the weights are missing or damaged.
        BackendError: the library or the device is not there.
    """

    def __init__(self, config: ExtractorConfig | None = None, /, **parameters: Value) -> None:
        self.config = config or ExtractorConfig(**parameters)  # type: ignore[arg-type]
        self.weights = find_weights(self.config.model, self.config.weights)
        log.info('%s', self.weights)
        self._backend = open_backend(self.config, self.weights)

    @property
    def backend_name(self) -> str:
        return self._backend.name

    @property
    def device(self) -> str:
        return self._backend.device

    def extract(self, image: np.ndarray) -> Features:
        """Return the features of an image (H, W, 3) uint8 RGB or (H, W) uint8 grey.

        Raises:
            ImageError: not such an image.
            BackendError: the device failed.
        """
        return self.infer(self.prepare(image))

    def prepare(self, image: np.ndarray) -> Prepared:
        """Do the part of `extract` that comes before the network."""
        return prepare(image, self.config.image_size_max)

    def infer(self, prepared: Prepared) -> Features:
        """Do the rest of `extract`: network, detection, descriptors, source pixels."""
        if prepared.is_blank:
            return self._nothing(prepared.source_size)
        [features] = self._backend.run([prepared.pixels], self.config)
        return to_source(features, prepared)

    def configure(self, **parameters: Value) -> None:
        """Change live parameters; nothing changes when one of them is refused.

        Raises:
            ConfigError: a value that cannot be, or a parameter that needs a new extractor.
        """
        self.config = change_live(self.config, parameters)

    def close(self) -> None:
        """Free what the device holds; the extractor is of no use afterwards."""
        self._backend.close()

    def _nothing(self, image_size: tuple[int, int]) -> Features:
        none = np.zeros(0, np.float32)
        return Features(
            none.reshape(0, 2),
            none,
            none.reshape(0, self._backend.dim),
            none,
            image_size,
        )
