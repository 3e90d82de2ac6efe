"""`alike eval odometry`: the trajectory that tracks give, against the true one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from alike_ros.cli.evals.inputs import add_outputs, identity_of
from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.odometry.config import OdometryConfig

if TYPE_CHECKING:
    from alike_ros.evaluation.path_errors import CameraPath
    from alike_ros.sources import Source

NAME = 'odometry'
HELP = (
    'Run a small monocular odometry on the tracks, and on those of GFTT + KLT, and compare '
    'both with the true poses (by evo, after alignment with scale).'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'input', nargs='?', default='', help='KITTI, TUM or EuRoC folder (default: the room)'
    )
    parser.add_argument('--no_klt', action='store_true', help='leave GFTT + KLT out')
    add_outputs(parser)
    add_options(parser, 'odometry', OdometryConfig)
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)
    add_options(parser, 'tracks', TrackerConfig)


def run(args: argparse.Namespace) -> int:
    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.path_errors import judge, odometry_table
    from alike_ros.sources import open_source

    limit_blas_threads()
    identity = identity_of(args.input, args)
    source = open_source(args.input)
    found = _trajectories(source, identity, args)
    assert source.truth is not None  # without it there are no trajectories
    errors = {name: judge(each, source.truth) for name, each in found.items()}
    if args.report:
        from alike_ros.evaluation.pages.odometry import odometry_page

        title = f'Odometry on {source.name}'
        odometry_page(title, found, errors, source.truth).write(args.report)
    numbers = {name: each.fields() for name, each in errors.items()}
    table = odometry_table(errors).markdown()
    print(json.dumps({source.name: numbers}, indent=2) if args.json else table)
    return 0


def _trajectories(
    source: Source, identity: dict[str, Any], args: argparse.Namespace
) -> dict[str, CameraPath]:
    """Return what the odometry finds with each front end, or found before."""
    from tqdm import tqdm

    from alike_ros.evaluation.cache import Cache, made_with
    from alike_ros.evaluation.odometry import camera_paths, learned, optical_flow
    from alike_ros.evaluation.path_errors import CameraPath
    from alike_ros.evaluation.trackers import Method

    config = config_from(args, OdometryConfig)
    ours = learned(config_from(args, ExtractorConfig), config_from(args, TrackerConfig))
    methods = {args.model: ours}
    if not args.no_klt:
        methods['gftt+klt'] = Method({'name': 'gftt+klt'}, lambda stack: optical_flow())

    def compute(names: list[str]) -> Mapping[str, CameraPath]:
        total = len(source) or None
        with ExitStack() as stack, tqdm(total=total, unit='frame', disable=None) as progress:
            opened = {name: methods[name].open(stack) for name in names}
            return camera_paths(source, opened, config, progress.update)

    shared = identity | {'odometry': asdict(config), 'made_with': made_with()}
    keys = {name: shared | {'method': method.identity} for name, method in methods.items()}
    return Cache(args.cache).get(keys, CameraPath, compute)
