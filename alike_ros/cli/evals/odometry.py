"""`alike eval odometry`: the trajectory that tracks give, against the true one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.odometry.config import OdometryConfig

if TYPE_CHECKING:
    from alike_ros.evaluation.odometry import OdometryErrors

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
    parser.add_argument('--json', action='store_true', help='print JSON')
    add_options(parser, 'odometry', OdometryConfig)
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)
    add_options(parser, 'tracks', TrackerConfig)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.odometry import compare, learned, optical_flow
    from alike_ros.extractor import Extractor
    from alike_ros.frontend import FrontEnd
    from alike_ros.sources import open_source

    config = config_from(args, OdometryConfig)
    tracker_config = config_from(args, TrackerConfig)
    extractor_config = config_from(args, ExtractorConfig)
    limit_blas_threads()
    source = open_source(args.input)
    with Extractor(extractor_config) as extractor:
        front_ends = {args.model: learned(FrontEnd(extractor, tracker_config))}
        if not args.no_klt:
            front_ends['gftt+klt'] = optical_flow()
        with tqdm(total=len(source) or None, unit='frame', disable=None) as progress:
            errors = compare(source, front_ends, config, progress.update)
    numbers = {name: found.fields() for name, found in errors.items()}
    print(json.dumps({source.name: numbers}, indent=2) if args.json else table(errors))
    return 0


def table(errors: Mapping[str, OdometryErrors]) -> str:
    """Return a Markdown table, a line for each front end."""
    lines = [
        '| tracks | images with a pose | path | APE | RPE | RPE |',
        '|---|---|---|---|---|---|',
    ]
    for name, found in errors.items():
        cells = (
            name,
            f'{found.located} of {found.frames}',
            f'{found.path_m:.2f} m',
            f'{1e3 * found.ape_m:.1f} mm',
            f'{1e3 * found.rpe_m:.1f} mm',
            f'{found.rpe_deg:.3f} deg',
        )
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)
