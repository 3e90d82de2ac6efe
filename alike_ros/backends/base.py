"""The boundary between the front end and whatever computes the network.

It is sparse: an image goes in, the kept keypoints with their descriptors come out. The dense
descriptor map is never built (docs/design.md says why that is exact).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from alike_ros.backends.cuda import has_cuda
from alike_ros.backends.scene import Scene
from alike_ros.config import DetectorConfig, ExtractorConfig
from alike_ros.errors import BackendError
from alike_ros.structures import Features, ImageArray
from alike_ros.weights import WeightsFile

log = logging.getLogger(__name__)

ON_CPU = ('openvino', 'onnx', 'torch')  # by measured speed

# Backend: its module, its class, the packages it needs.
KNOWN = {
    'openvino': ('openvino_backend', 'OpenVinoBackend', ('openvino', 'onnx')),
    'onnx': ('onnx_backend', 'OnnxBackend', ('onnxruntime', 'onnx')),
    'torch': ('torch_backend', 'TorchBackend', ('torch',)),
    'tensorrt': ('tensorrt_backend', 'TensorRtBackend', ('tensorrt', 'onnxruntime', 'onnx')),
}


class Backend(Protocol):
    """Runs one network on one device; an instance belongs to one thread at a time."""

    name: str
    device: str
    dim: int
    scenes: list[Scene]  # the images of the last run, valid until the next

    def run(
        self,
        images: list[ImageArray],
        config: DetectorConfig,
        masks: Sequence[ImageArray | None] | None = None,
        described: bool = True,
    ) -> list[Features]:
        """Extract features of images (h, w, 3) uint8 RGB of one size, in px of those images.

        masks: (h, w) of each image, zero where no keypoint may lie; None for everywhere.
        described: whether with descriptors; else they are (N, 0), and `scenes` has them.
        """

    def close(self) -> None:
        """Free what the device holds."""


def open_backend(config: ExtractorConfig, weights: WeightsFile) -> Backend:
    """Return the backend for a configuration; its library is imported here, not before.

    Raises:
        BackendError: the library or the device is not there.
    """
    if config.backend == 'auto':
        name, reason = choose(config.device)
        log.info('backend %s: %s', name, reason)
        config = dataclasses.replace(config, backend=name)
    module, kind, packages = KNOWN[config.backend]
    try:
        backend = getattr(import_module(f'alike_ros.backends.{module}'), kind)
    except ImportError as error:
        raise BackendError(
            f'the backend {config.backend} needs {" and ".join(packages)}: {error}. '
            f'Install it with: pip install alike_ros[{config.backend}]'
        ) from error
    return backend(config, weights)


def choose(device: str) -> tuple[str, str]:
    """Return the backend that `auto` takes for a device, and why.

    Never tensorrt, which is silent for minutes when it meets an image size for the first time.

    Raises:
        BackendError: no backend is installed.
    """
    kind = device.partition(':')[0]
    installed = installed_backends()
    if kind == 'gpu':
        return 'openvino', f'the one that has the device {device}'
    if kind not in ('auto', 'cpu'):
        return 'torch', f'the fastest on {device}'
    if kind == 'auto' and 'torch' in installed and has_cuda():
        return 'torch', 'there is a CUDA device'
    if not installed:
        raise BackendError(
            'no library that can run the network is installed. '
            'Install one with: pip install alike_ros[openvino], or [onnx], or [torch]'
        )
    return installed[0], f'the fastest on a CPU of those installed ({", ".join(installed)})'


def installed_backends() -> list[str]:
    """Return the backends for a CPU whose packages can be found, the fastest first."""
    return [
        name
        for name in ON_CPU
        if all(find_spec(package) is not None for package in KNOWN[name][2])
    ]
