"""This package as a contestant: the extractor with any backend, and the paper's dense form."""

from __future__ import annotations

from typing import Any

import numpy as np

from alike_ros.benchmark.contestant import Extract, Outputs
from alike_ros.blas import limit_blas_threads
from alike_ros.config import ExtractorConfig
from alike_ros.detector import detect
from alike_ros.extractor import Extractor
from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.weights import find_weights


def open_extractor(backend: str = 'auto', **values: Any) -> Extract:
    """Return the extractor as users call it."""
    limit_blas_threads()  # as the node and the commands do
    extractor = Extractor(ExtractorConfig(backend=backend, **values))

    def extract(images: list[ImageArray]) -> list[Outputs]:
        return [_outputs(features) for features in extractor.extract_many(images)]

    return extract


def open_dense(**values: Any) -> Extract:
    """Return the dense form: every map at full size, sampled at the keypoints.

    It keeps its memory, as the backends do: what remains is the difference in arithmetic.
    """
    import torch

    from alike_ros.backends.memory import keep_freed_memory
    from alike_ros.network import load_network

    config = ExtractorConfig(**values)
    keep_freed_memory()
    network = load_network(config.model, find_weights(config.model, config.weights).path)
    network = network.to(config.device)

    @torch.inference_mode()
    def extract(images: list[ImageArray]) -> list[Outputs]:
        return [_dense(network, image, config) for image in images]

    return extract


def _dense(network: Any, image: ImageArray, config: ExtractorConfig) -> Outputs:
    import torch
    import torch.nn.functional as F

    height, width = image.shape[:2]
    pixels = torch.from_numpy(image).to(config.device).permute(2, 0, 1)[None] / 255.0
    padded = F.pad(pixels, (0, -width % 32, 0, -height % 32))
    scores, descriptors = (x[:, :, :height, :width] for x in network(padded))
    descriptors = F.normalize(descriptors, dim=1)  # (1, dim, h, w)
    found = detect(np.ascontiguousarray(scores[0, 0].cpu().numpy()), config)
    points = torch.from_numpy(found.keypoints).to(descriptors)
    grid = points / points.new_tensor([width - 1, height - 1]) * 2 - 1
    rows = F.grid_sample(descriptors, grid[None, None], align_corners=True)[0, :, 0].T
    rows = F.normalize(rows, dim=1)  # (N, dim)
    return Outputs(found.keypoints, _host(rows))


def _host(tensor: Any) -> FloatArray:
    return tensor.cpu().numpy()


def _outputs(features: Features) -> Outputs:
    return Outputs(features.keypoints, features.descriptors)
