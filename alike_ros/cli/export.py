"""`alike export`: the network as a file for programs in other languages."""

from __future__ import annotations

import argparse
from pathlib import Path

from alike_ros.config import MODELS

NAME = 'export'
HELP = (
    'Write the network as an ONNX, OpenVINO or TensorRT file (docs/export.md has how to use it).'
)
FORMATS = {'.onnx': 'onnx', '.xml': 'openvino', '.engine': 'tensorrt'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('model', choices=MODELS, help='which network')
    parser.add_argument(
        'output', type=Path, metavar='OUT', help='file ending in .onnx, .xml or .engine'
    )
    parser.add_argument(
        '--format', choices=tuple(FORMATS.values()), help='default: by the ending of OUT'
    )
    parser.add_argument(
        '--weights', default='auto', metavar='FILE', help='auto, official, builtin or a file'
    )


def run(args: argparse.Namespace) -> int:
    """Write one file; exit code 0 says that it was checked."""
    from alike_ros.weights import find_weights

    try:
        from alike_ros.export import export
    except ImportError as error:
        from alike_ros.errors import BackendError

        raise BackendError(
            f'{error}. Install what writes files with: pip install alike_ros[onnx]'
        ) from error
    weights = find_weights(args.model, args.weights)
    chosen = args.format or FORMATS.get(args.output.suffix, 'onnx')
    reference = export(weights, chosen, args.output)
    print(
        f'{args.output}: {args.model}, weights {weights.sha256[:12]}…, equal to {reference} on a '
        'random image'
    )
    return 0
