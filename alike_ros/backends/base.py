"""The boundary between the front end and whatever computes the network.

It is sparse: an image goes in, the kept keypoints with their descriptors come out. The dense
descriptor map is never built (docs/design.md says why that is exact).
"""

from __future__ import annotations

from typing import Protocol

from alike_ros.config import DetectorConfig, ExtractorConfig
from alike_ros.errors import BackendError
from alike_ros.structures import Features, ImageArray
from alike_ros.weights import WeightsFile


class Backend(Protocol):
    """Runs one network on one device; an instance belongs to one thread at a time."""

    name: str
    device: str
    dim: int

    def run(self, images: list[ImageArray], config: DetectorConfig) -> list[Features]:
        """Extract features of images (h, w, 3) uint8 RGB of one size, in px of those images."""

    def close(self) -> None:
        """Free what the device holds."""


def open_backend(config: ExtractorConfig, weights: WeightsFile) -> Backend:
    """Return the backend for a configuration; its library is imported here, not before.

    Raises:
        BackendError: the library or the device is not there.
    """
    try:
        from alike_ros.backends.torch_backend import TorchBackend
    except ImportError as error:
        raise BackendError(
            f'PyTorch cannot be imported: {error}. Install it with: pip install alike_ros[torch]'
        ) from error
    return TorchBackend(config, weights)
