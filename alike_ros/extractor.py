"""Image to `Features`: the front of everything that this package does."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from alike_ros.backends.base import open_backend
from alike_ros.backends.scene import Scene
from alike_ros.closing import Closing
from alike_ros.config import ExtractorConfig, Value, change_live
from alike_ros.errors import ImageError
from alike_ros.image import Prepared, from_source, prepare, to_source
from alike_ros.masks import fit_mask
from alike_ros.structures import Features, FloatArray
from alike_ros.weights import find_weights

log = logging.getLogger(__name__)

Masks = Sequence[np.ndarray | None]


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
        self._seen: dict[int, tuple[Scene, Prepared]] = {}
        self._sizes: list[tuple[int, int]] = []  # of the images of the last `infer…`

    @property
    def backend_name(self) -> str:
        return self._backend.name

    @property
    def device(self) -> str:
        return self._backend.device

    def extract(self, image: np.ndarray, mask: np.ndarray | None = None) -> Features:
        """Return the features of an image (H, W, 3) uint8 RGB or (H, W) uint8 grey.

        mask: (H, W) uint8, zero where no keypoint may lie; of another size it is scaled.

        Raises:
            ImageError: not such an image or mask.
            BackendError: the device failed.
        """
        return self.infer(self.prepare(image), mask)

    def extract_many(
        self, images: Sequence[np.ndarray], masks: Masks | None = None
    ) -> list[Features]:
        """Return what `extract` gives for each image; those of one size go as one batch.

        Raises:
            ImageError: one of them is not such an image or mask; then none is computed.
            BackendError: the device failed.
        """
        return self.infer_many([self.prepare(image) for image in images], masks)

    def prepare(self, image: np.ndarray) -> Prepared:
        """Do the part of `extract` that comes before the network."""
        return prepare(image, self.config.image_size_max, self.config.clahe_clip_limit)

    def infer(self, prepared: Prepared, mask: np.ndarray | None = None) -> Features:
        """Do the rest of `extract`: network, detection, descriptors, source pixels."""
        [features] = self.infer_many([prepared], [mask])
        return features

    def infer_many(
        self, prepared: Sequence[Prepared], masks: Masks | None = None, described: bool = True
    ) -> list[Features]:
        """Do the rest of `extract_many`.

        described: whether with descriptors; else they are (N, 0), for who asks `describe` for a
            few of them.
        """
        masks = [None] * len(prepared) if masks is None else masks
        if len(masks) != len(prepared):
            raise ImageError(
                f'expected a mask or None for each of {len(prepared)} images, got {len(masks)}'
            )
        fitted = [
            None if mask is None else fit_mask(mask, each.size)
            for each, mask in zip(prepared, masks, strict=True)
        ]
        features = [self._nothing(each.source_size) for each in prepared]
        self._seen, self._sizes = {}, [each.source_size for each in prepared]
        for rows in _of_one_size(prepared):
            batch = [prepared[row].pixels for row in rows]
            config = _scaled(self.config, prepared[rows[0]])
            found = self._backend.run(batch, config, [fitted[row] for row in rows], described)
            for row, each, scene in zip(rows, found, self._backend.scenes, strict=True):
                features[row] = to_source(each, prepared[row])
                self._seen[row] = scene, prepared[row]
        return features

    def describe(self, points: FloatArray, row: int = 0) -> Features:
        """Return the features at any points (N, 2) px of an image of the last `infer…`.

        row: which of `infer_many`'s. Sigmas are NaN; of a blank image descriptors are zero.
        """
        if row not in self._seen or not len(points):
            none = np.zeros(len(points), np.float32)
            blank = np.zeros((len(points), self._backend.dim), np.float32)
            return Features(points, none, blank, none, self._sizes[row])
        scene, prepared = self._seen[row]
        features = to_source(scene.describe(from_source(points, prepared)), prepared)
        return replace(features, keypoints=points)  # as given, not rounded there and back

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


def _of_one_size(prepared: Sequence[Prepared]) -> Iterable[list[int]]:
    """Return the rows of images that may go as one batch; blank ones need no network."""
    groups: dict[tuple[tuple[int, int], tuple[int, int]], list[int]] = {}
    for row, each in enumerate(prepared):
        if not each.is_blank:
            groups.setdefault((each.size, each.source_size), []).append(row)
    return groups.values()


def _scaled(config: ExtractorConfig, prepared: Prepared) -> ExtractorConfig:
    """Return the configuration with distances in pixels of `prepared`."""
    scale = prepared.size[0] / prepared.source_size[0]
    if scale == 1 or not (config.min_distance or config.cell_size):
        return config
    return replace(
        config,
        min_distance=config.min_distance * scale,
        cell_size=config.cell_size * scale,
    )
