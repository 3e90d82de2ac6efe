"""ALIKE in ONNX Runtime, on a CPU or a CUDA device."""

from __future__ import annotations

import numpy as np

from alike_ros.backends.host import GRAPHS, HostBackend
from alike_ros.backends.memory import keep_freed_memory
from alike_ros.backends.onnxruntime_library import ort
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
        keep_freed_memory()
        self._config = config
        self._sessions = {'whole': self._open('whole')}

    def infer(self, graph: str, inputs: dict[str, np.ndarray]) -> list[FloatArray]:
        if graph not in self._sessions:
            self._sessions[graph] = self._open(graph)
        return self._sessions[graph].run(None, inputs)

    def close(self) -> None:
        super().close()
        self._sessions.clear()

    def _open(self, graph: str) -> ort.InferenceSession:
        return self._session(GRAPHS[graph](self._layers).SerializeToString(), self._config)

    def _session(self, graph: bytes, config: ExtractorConfig) -> ort.InferenceSession:
        if config.precision != 'fp32':
            raise BackendError(
                f'the backend onnx computes in fp32, not in {config.precision}; '
                'openvino has bf16 and int8, torch has bf16'
            )
        self.device = 'cpu' if config.device == 'auto' else config.device
        return open_session(graph, config.device, config.threads)


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
    # CUDA's default would round the factors of convolutions to 10 bits.
    settings = {'device_id': number or '0', 'use_tf32': '0'} if kind == 'cuda' else {}
    return make_session(graph, device, threads, [(able[kind], settings)])


def make_session(
    graph: bytes, device: str, threads: int, providers: list[tuple[str, dict[str, str]]]
) -> ort.InferenceSession:
    """Return a session that the first of the providers takes part in."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it grows by doubling; no slower without
    # Threads that spin while they wait halve the rate on cores that others use too.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        session = ort.InferenceSession(graph, options, providers=providers)
    except RuntimeError as error:
        raise BackendError(f'ONNX Runtime cannot open {device}: {first_line(error)}') from error
    first = providers[0][0]
    if first not in session.get_providers():
        raise BackendError(f'ONNX Runtime cannot open {device}: its {first} does not load here')
    return session
