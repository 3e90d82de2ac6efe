"""ALIKE in ONNX Runtime, on a CPU or a CUDA device."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from alike_ros.backends.graph import OUTPUTS, build_graph
from alike_ros.backends.host import HostBackend, Maps
from alike_ros.backends.memory import keep_freed_memory
from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError, first_line
from alike_ros.structures import FloatArray, ImageArray
from alike_ros.variants import LEVEL_STRIDES
from alike_ros.weights import WeightsFile

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxBackend(HostBackend):
    """One session for all image sizes; what it returns lies in arrays that are used again."""

    name = 'onnx'

    def __init__(self, config: ExtractorConfig, weights: WeightsFile) -> None:
        super().__init__(config, weights)
        if config.precision != 'fp32':
            raise BackendError(
                f'the backend onnx computes in fp32, not in {config.precision}; '
                'openvino and torch have bf16'
            )
        keep_freed_memory()
        self.device = 'cpu' if config.device == 'auto' else config.device
        self._session = open_session(
            build_graph(self._layers).SerializeToString(), config.device, config.threads
        )
        self._outputs: list[FloatArray] = []
        self._shape: tuple[int, ...] = ()

    def infer(self, batch: ImageArray) -> Maps:
        if batch.shape != self._shape:
            self._outputs = self._allocate(batch.shape)
            self._shape = batch.shape
        binding = self._session.io_binding()
        binding.bind_cpu_input('image', batch)
        for name, array in zip(OUTPUTS, self._outputs, strict=True):
            binding.bind_output(name, 'cpu', 0, np.float32, list(array.shape), array.ctypes.data)
        self._session.run_with_iobinding(binding)
        score, *levels = self._outputs
        return Maps(score, levels)

    def close(self) -> None:
        super().close()
        del self._session
        self._outputs = []

    def _allocate(self, shape: tuple[int, ...]) -> list[FloatArray]:
        count, height, width, _ = shape
        quarter = self.dim // 4
        levels = [(count, height // s, width // s, quarter) for s in LEVEL_STRIDES]
        return [np.empty(each, np.float32) for each in [(count, height, width), *levels]]


def open_session(graph: bytes, device: str, threads: int) -> ort.InferenceSession:
    """Return a session on a device; auto is the CPU.

    Raises:
        BackendError: the name is unknown or the device is not there.
    """
    kind, _, number = ('cpu' if device == 'auto' else device).partition(':')
    able = {name: p for name, p in PROVIDERS.items() if p in ort.get_available_providers()}
    if kind not in able or (number and not number.isdigit()):
        raise BackendError(
            f'ONNX Runtime has no device {device!r}, only {", ".join(able)}. Give auto, cpu, '
            'cuda or cuda:<number>, and install onnxruntime-gpu for CUDA'
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it grows by doubling; no slower without
    # Threads that spin while they wait halve the rate on cores that others use too.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    settings = {'device_id': number or '0'} if kind == 'cuda' else {}
    try:
        session = ort.InferenceSession(graph, options, providers=[(able[kind], settings)])
    except RuntimeError as error:
        raise BackendError(f'ONNX Runtime cannot open {device}: {first_line(error)}') from error
    if able[kind] not in session.get_providers():
        raise BackendError(
            f'ONNX Runtime cannot open {device}: its {able[kind]} does not load here'
        )
    return session
