"""ALIKE in TensorRT, through ONNX Runtime's provider of it.

An engine belongs to one GPU model and one version of TensorRT. Building it takes minutes, so it
is kept on disk. A new image size outside of those met before makes ONNX Runtime build it again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import tensorrt  # loads the libraries that the provider looks for

from alike_ros.backends.cuda import device_name
from alike_ros.backends.onnx_backend import OnnxBackend, make_session
from alike_ros.backends.onnxruntime_library import ort
from alike_ros.caches import compiled_folder
from alike_ros.config import ExtractorConfig
from alike_ros.errors import BackendError

PROVIDER = 'TensorrtExecutionProvider'


class TensorRtBackend(OnnxBackend):
    """OnnxBackend on a CUDA device; what TensorRT cannot compute there, CUDA does."""

    name = 'tensorrt'

    def _session(self, graph: bytes, config: ExtractorConfig) -> ort.InferenceSession:
        if config.precision not in ('fp32', 'fp16'):
            raise BackendError(
                f'the backend tensorrt computes in fp32 or fp16, not in {config.precision}; '
                'choose one of them'
            )
        self.device = 'cuda' if config.device == 'auto' else config.device
        kind, _, number = self.device.partition(':')
        known = kind == 'cuda' and (number or '0').isdigit()
        name = device_name(int(number or 0)) if known else ''
        if not name or PROVIDER not in ort.get_available_providers():
            raise BackendError(
                f'TensorRT cannot use the device {config.device!r}: it needs a CUDA device and '
                f'an onnxruntime-gpu with {PROVIDER}, of which there is '
                f'{name or "no such device"} and {", ".join(ort.get_available_providers())}. '
                'Give auto, cuda or cuda:<number>, or another backend'
            )
        if config.precision == 'fp32':  # of the whole process: the provider has no option for it
            os.environ.setdefault('NVIDIA_TF32_OVERRIDE', '0')
        settings = {
            'device_id': number or '0',
            'trt_fp16_enable': str(config.precision == 'fp16'),
        }
        folder = _cache_folder(graph, f'{name} {config.precision}')
        if folder is not None:
            settings |= {
                'trt_engine_cache_enable': 'True',
                'trt_engine_cache_path': str(folder),
            }
        cuda = {'device_id': number or '0', 'use_tf32': '0'}
        providers = [(PROVIDER, settings), ('CUDAExecutionProvider', cuda)]
        return make_session(graph, self.device, config.threads, providers)


def _cache_folder(graph: bytes, target: str) -> Path | None:
    """Return the folder for this graph with these weights on this target."""
    versions = f'{ort.__version__} {tensorrt.__version__}'
    key = hashlib.sha256(graph + f'{versions} {target}'.encode()).hexdigest()[:16]
    return compiled_folder('tensorrt', key)
