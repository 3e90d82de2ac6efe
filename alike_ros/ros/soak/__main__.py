"""Strain a front end for minutes or hours and judge it: `make soak`.

`python -m alike_ros.ros.soak [INPUT] --minutes 30 --output soak_output` leaves report.html,
summary.json, samples.csv, soak.svg and the logs of the processes. Exit code 1: a verdict failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alike_ros.cli.options import add_options, config_from
from alike_ros.errors import AlikeError
from alike_ros.ros.graph.environment import add_domain, prepare_environment
from alike_ros.ros.soak.outcome import lines
from alike_ros.ros.soak.run import CONFIGS, SoakRun


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='soak', description=__doc__.partition('\n')[0])
    parser.add_argument(
        'input',
        nargs='?',
        default='',
        help='folder of images, movie, dataset folder or bag, played over and over (default: a '
        'rendered room)',
    )
    parser.add_argument('--minutes', type=float, default=30.0, help='(default: %(default)s)')
    parser.add_argument(
        '--output', type=Path, default=Path('soak_output'), help='(default: %(default)s)'
    )
    parser.add_argument(
        '--period',
        type=float,
        default=4.0,
        metavar='S',
        help='s between two things asked of the front end (default: %(default)s)',
    )
    parser.add_argument(
        '--stay', type=float, default=15.0, help='s that a late joiner stays (%(default)s)'
    )
    parser.add_argument(
        '--gap', type=float, default=25.0, help='s until the next one comes (%(default)s)'
    )
    add_domain(parser)
    for title, config in zip(('keypoints and descriptors', 'tracks'), CONFIGS, strict=True):
        add_options(parser, title, config)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Return 0; 1 when a verdict failed or nothing ran; 2 for an option that cannot be."""
    args = build_parser().parse_args(arguments)
    try:
        for config in CONFIGS:
            config_from(args, config)
        prepare_environment(args.domain)
    except (AlikeError, OSError) as error:
        print(f'soak: {error}', file=sys.stderr)
        return 2
    try:
        outcome = SoakRun(args).run()
        verdicts = outcome.verdicts()
        print('\n'.join(lines(verdicts)))
        outcome.write(args.output)
    except (AlikeError, OSError) as error:
        print(f'soak: {error}', file=sys.stderr)
        return 1
    print(f'wrote report.html, summary.json, samples.csv and soak.svg in {args.output}')
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == '__main__':
    sys.exit(main())
