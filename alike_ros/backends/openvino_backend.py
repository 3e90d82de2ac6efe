"""ALIKE in OpenVINO, on a CPU or a GPU of Intel."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import OrderedDict
from pathlib import Path

import numpy as np

from alike_ros.backends.host import GRAPHS, HostBackend
from alike_ros.backends.memory import keep_freed_memory
from alike_ros.backends.openvino_library import ov
from alike_ros.backends.quantised import Steps, activation_steps, quantise
from alike_ros.caches import compiled_folder
from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError, first_line
from alike_ros.structures import FloatArray
from alike_ros.weights import WeightsFile

log = logging.getLogger(__name__)

COMPILED_KEPT = 6  # graphs, each for one image size
SLOW_TO_COMPILE = {'GPU', 'NPU'}
# As a device names what it can; and what the graph, or of int8 the rest of it, is computed in.
PRECISIONS = {'fp32': 'FP32', 'bf16': 'BF16', 'fp16': 'FP16', 'int8': 'INT8'}
HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16', 'int8': 'f32'}

Key = tuple[str, tuple[tuple[int, ...], ...]]  # a graph and the shapes of its inputs


class OpenVinoBackend(HostBackend):
    """Compiles the network for each image size, which is twice as fast as open sizes."""

    name = 'openvino'

    def __init__(self, config: ExtractorConfig, weights: WeightsFile) -> None:
        super().__init__(config, weights)
        keep_freed_memory()
        self._core = ov.Core()
        self._target = open_device(self._core, config.device)
        self.device = self._target.lower().replace('.', ':')
        self._requests: OrderedDict[Key, ov.InferRequest] = OrderedDict()
        self._settings: dict[str, str | int] = {
            'INFERENCE_PRECISION_HINT': _precision(self._core, self._target, config.precision),
            'PERFORMANCE_HINT': 'LATENCY',
        }
        self._steps: Steps | None = None
        if config.precision == 'int8':  # 0.1 s: keeping them on disk would gain nothing
            self._steps = activation_steps(GRAPHS['whole'](self._layers))
        if self._target == 'CPU' and config.threads:
            self._settings['INFERENCE_NUM_THREADS'] = config.threads

    def infer(self, graph: str, inputs: dict[str, np.ndarray]) -> list[FloatArray]:
        request = self._request(graph, inputs)
        request.infer(inputs, share_inputs=True, share_outputs=True)
        return [tensor.data for tensor in request.output_tensors]

    def close(self) -> None:
        super().close()
        self._requests.clear()

    def _request(self, graph: str, inputs: dict[str, np.ndarray]) -> ov.InferRequest:
        key = graph, tuple(array.shape for array in inputs.values())
        if key not in self._requests:
            while len(self._requests) >= COMPILED_KEPT:
                self._requests.popitem(last=False)
            shapes = {name: list(array.shape) for name, array in inputs.items()}
            self._requests[key] = self._compile(graph, shapes).create_infer_request()
        self._requests.move_to_end(key)
        return self._requests[key]

    def _compile(self, graph: str, shapes: dict[str, list[int]]) -> ov.CompiledModel:
        """Compile a graph for the shapes of its inputs.

        Only what compiles slowly is kept on disk: for a CPU, reading it back takes as long
        (0.06 s). A cache that cannot be used is removed, and made again by the next start.
        """
        network = GRAPHS[graph](self._layers)
        if self._steps is not None:
            network = quantise(network, self._steps)
        content = network.SerializeToString()
        model = self._core.read_model(content)
        model.reshape(shapes)
        slow = self._target.partition('.')[0] in SLOW_TO_COMPILE
        folder = self._cache_folder(content) if slow else None
        if folder is not None:
            cached = self._settings | {'CACHE_DIR': str(folder)}
            try:
                return self._core.compile_model(model, self._target, cached)
            except RuntimeError as error:
                log.warning('removing the cache %s: %s', folder, first_line(error))
                shutil.rmtree(folder, ignore_errors=True)
        return self._core.compile_model(model, self._target, self._settings)

    def _cache_folder(self, graph: bytes) -> Path | None:
        """Return the folder for a graph with its weights, this version and this device."""
        device = self._core.get_property(self._target, 'FULL_DEVICE_NAME')
        key = hashlib.sha256(graph + f'{ov.__version__} {device}'.encode())
        return compiled_folder('openvino', key.hexdigest()[:16])


def open_device(core: ov.Core, name: str) -> str:
    """Return OpenVINO's name of a device; auto is the CPU.

    Raises:
        BackendError: the name is unknown or the device is not there.
    """
    kind, _, number = ('cpu' if name == 'auto' else name).partition(':')
    target = kind.upper() + (f'.{number}' if number else '')
    available = core.available_devices
    if target not in {*available, *(each.partition('.')[0] for each in available)}:
        raise BackendError(
            f'OpenVINO has no device {name!r}, only {", ".join(available)}. Give auto, cpu, gpu '
            'or gpu:<number>'
        )
    return target


def _precision(core: ov.Core, target: str, precision: str) -> str:
    """Return OpenVINO's name; by itself it would take bf16 on a CPU that has it."""
    capabilities = core.get_property(target, 'OPTIMIZATION_CAPABILITIES')
    able = {
        name: capability
        for name, capability in PRECISIONS.items()
        if capability in capabilities and (name != 'int8' or target == 'CPU')
    }
    if precision not in able:
        raise BackendError(
            f'OpenVINO computes in {", ".join(able)} on {target}, not in {precision}; choose one '
            'of them'
        )
    return HINTS[precision]
