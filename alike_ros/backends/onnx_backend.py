"""ALIKE in ONNX Runtime, on a CPU or a CUDA device."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from alike_ros.backends.host import GRAPHS, HostBackend
from alike_ros.backends.memory import keep_freed_memory
from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError, first_line
from alike_ros.structures import FloatArray
from alike_ros.weights import WeightsFile

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxBackend(HostBackend):
    """One session a graph, for all image sizes."""

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
        self._threads = config.threads
        self._sessions = {'whole': self._open('whole')}

    def infer(self, graph: str, inputs: dict[str, np.ndarray]) -> list[FloatArray]:
        if graph not in self._sessions:
            self._sessions[graph] = self._open(graph)
        return self._sessions[graph].run(None, inputs)

    def close(self) -> None:
        super().close()
        self._sessions.clear()

    def _open(self, graph: str) -> ort.InferenceSession:
        content = GRAPHS[graph](self._layers).SerializeToString()
        return open_session(content, self.device, self._threads)


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
