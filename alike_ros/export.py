"""Write the network to a file for other programs, and prove the file before it gets its name.

docs/export.md says what the file expects and what is to be done with what it returns.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from alike_ros.backends.graph import OUTPUTS, build_graph
from alike_ros.backends.graph_writer import OPSET
from alike_ros.errors import BackendError
from alike_ros.layers import read_layers
from alike_ros.resources import version
from alike_ros.structures import FloatArray, ImageArray
from alike_ros.weights import WeightsFile

SUFFIXES = {'onnx': '.onnx', 'openvino': '.xml', 'tensorrt': '.engine'}
TOLERANCE = 1e-3  # of features; scores lie in [0, 1] and agree to a tenth of that
SHAPE = (2, 64, 96, 3)  # of the batch that a file is checked with

Outputs = list[FloatArray]


def export(weights: WeightsFile, file_format: str, path: Path) -> str:
    """Write a file of one of the formats of `SUFFIXES` and return what it was checked against.

    An OpenVINO model is two files: .xml and, beside it, .bin; so is an engine of TensorRT, with
    .json for what it says about itself. An older file is only replaced by one that was checked.

    Raises:
        WeightsError: the weights are not of the model.
        BackendError: a library is missing, or the file computes something else.
        OSError: the file cannot be written.
    """
    if path.suffix != SUFFIXES[file_format]:
        raise BackendError(
            f'a file of {file_format} ends in {SUFFIXES[file_format]}, got {path.name}'
        )
    layers = read_layers(weights.model, weights.path)
    content = build_graph(layers, metadata(weights), with_matrices=True).SerializeToString()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        if file_format == 'onnx':
            written.write_bytes(content)
        elif file_format == 'tensorrt':
            _save_tensorrt(content, written, metadata(weights))
        else:
            _save_openvino(content, written, metadata(weights))
        reference = _check(written, file_format, content, weights)
        for file in sorted(Path(folder).iterdir()):
            file.replace(path.with_suffix(file.suffix))
    return reference


def metadata(weights: WeightsFile) -> dict[str, str]:
    """Return what a file says about itself."""
    return {
        'model': weights.model,
        'weights_sha256': weights.sha256,
        'opset': str(OPSET),
        'alike_ros_version': version(),
    }


def _save_openvino(content: bytes, path: Path, about: dict[str, str]) -> None:
    try:
        from alike_ros.backends.openvino_library import ov
    except ImportError as error:
        raise _missing('openvino', error) from error
    model = ov.Core().read_model(content)
    for name, value in about.items():
        model.set_rt_info(value, name)
    ov.save_model(model, path, compress_to_fp16=False)


def _save_tensorrt(content: bytes, path: Path, about: dict[str, str]) -> None:
    from alike_ros.export_tensorrt import build_engine

    engine, target = build_engine(content)
    path.write_bytes(engine)
    path.with_suffix('.json').write_text(json.dumps(about | target, indent=2) + '\n')


def _check(path: Path, file_format: str, content: bytes, weights: WeightsFile) -> str:
    """Compare the file with PyTorch, or else the graph in the other runtime; return which."""
    batch = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    if file_format == 'tensorrt':
        _compare(_run_tensorrt(path, batch), _run_torch(weights, batch), 'torch')
        return 'torch'
    runtimes: dict[str, Callable[[bytes | Path, ImageArray], Outputs]] = {
        name: run
        for name, run in (('onnxruntime', _run_onnxruntime), ('openvino', _run_openvino))
        if find_spec(name)
    }
    own = 'onnxruntime' if file_format == 'onnx' else 'openvino'
    runner = own if own in runtimes else next(iter(runtimes), '')
    others = [name for name in runtimes if name != runner]
    if find_spec('torch'):
        reference, expected = 'torch', _run_torch
    elif runner and others:
        reference, expected = others[0], lambda weights, batch: runtimes[others[0]](content, batch)
    else:
        raise BackendError(
            'nothing to check the file with; install two of torch, openvino and onnxruntime'
        )
    if not runner:
        raise _missing(own)
    _compare(runtimes[runner](path, batch), expected(weights, batch), reference)
    return reference


def _compare(outputs: Outputs, expected: Outputs, reference: str) -> None:
    for name, got, wanted in zip(OUTPUTS, outputs, expected, strict=True):
        limit = TOLERANCE / 10 if name == 'score' else TOLERANCE
        deviation = np.abs(got - wanted).max() if got.shape == wanted.shape else np.inf
        if not deviation <= limit:
            raise BackendError(
                f'the file deviates from {reference} by {deviation:.2g} in {name}, allowed is '
                f'{limit:.2g}; nothing was kept'
            )


def _run_onnxruntime(model: bytes | Path, batch: ImageArray) -> Outputs:
    from alike_ros.backends.onnxruntime_library import ort

    source = model if isinstance(model, bytes) else str(model)
    session = ort.InferenceSession(source, providers=['CPUExecutionProvider'])
    return session.run(list(OUTPUTS), {'image': batch})


def _run_openvino(model: bytes | Path, batch: ImageArray) -> Outputs:
    from alike_ros.backends.openvino_library import ov

    settings = {'INFERENCE_PRECISION_HINT': 'f32'}
    core = ov.Core()
    compiled = core.compile_model(core.read_model(model), 'CPU', settings)
    results = compiled(batch)
    return [results[name] for name in OUTPUTS]


def _run_tensorrt(path: Path, batch: ImageArray) -> Outputs:
    from alike_ros.export_tensorrt import run_engine

    results = run_engine(path, batch)
    return [results[name] for name in OUTPUTS]


def _run_torch(weights: WeightsFile, batch: ImageArray) -> Outputs:
    import torch

    from alike_ros.network import load_network

    network = load_network(weights.model, weights.path)
    with torch.inference_mode():
        image = torch.from_numpy(batch).permute(0, 3, 1, 2) / 255
        score_map, _ = network(image)
        levels = network.pyramid(image)
    rows = [level.permute(0, 2, 3, 1).numpy() for level in levels]
    return [score_map[:, 0].numpy(), *rows]


def _missing(package: str, error: ImportError | None = None) -> BackendError:
    return BackendError(
        f'{package} is not installed{f": {error}" if error else ""}. '
        f'Install it with: pip install {package}'
    )
