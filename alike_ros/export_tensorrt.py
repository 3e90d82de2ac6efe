"""Engines of TensorRT 10: each for one GPU model and one version of TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alike_ros.backends.cuda import device_name
from alike_ros.errors import BackendError
from alike_ros.structures import ImageArray

# (batch, height, width, 3) that an engine takes at least, is tuned for, and takes at most.
PROFILE = ((1, 32, 32, 3), (1, 480, 640, 3), (4, 1088, 1920, 3))


def build_engine(graph: bytes) -> tuple[bytes, dict[str, str]]:
    """Return an engine of an ONNX graph, and what it runs on; fp32 without TF32.

    Raises:
        BackendError: TensorRT or a CUDA device is missing, or TensorRT refuses the graph.
    """
    trt = _tensorrt()
    log = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(graph):
        raise BackendError(f'TensorRT cannot read the graph: {parser.get_error(0).desc()}')
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    profile.set_shape('image', *PROFILE)
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BackendError('TensorRT built no engine; what it printed says why')
    return bytes(engine), {'tensorrt': trt.__version__, 'device': device_name(0)}


def run_engine(path: Path, batch: ImageArray) -> dict[str, np.ndarray]:
    """Return every output of an engine for a batch (B, H, W, 3)."""
    import torch

    trt = _tensorrt()
    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    context = engine.create_execution_context()
    context.set_input_shape('image', batch.shape)
    tensors = {'image': torch.from_numpy(batch).cuda()}
    for name in map(engine.get_tensor_name, range(engine.num_io_tensors)):
        if name != 'image':
            tensors[name] = torch.empty(tuple(context.get_tensor_shape(name)), device='cuda')
        context.set_tensor_address(name, tensors[name].data_ptr())
    if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
        raise BackendError(f'TensorRT cannot run {path.name}; what it printed says why')
    torch.cuda.synchronize()
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def _tensorrt() -> Any:
    try:
        import tensorrt
    except ImportError as error:
        raise BackendError(
            f'tensorrt is not installed: {error}. Install it with: pip install tensorrt'
        ) from error
    if not device_name(0):
        raise BackendError(
            'TensorRT needs a CUDA device to build and check an engine; '
            'there is none. Export to onnx here and build the engine where it will run'
        )
    return tensorrt
