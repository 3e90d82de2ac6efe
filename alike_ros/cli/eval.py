"""`alike eval WHAT …`: what the front end is worth, measured; a file each in cli/evals."""

from __future__ import annotations

import argparse
from importlib import import_module

NAME = 'eval'
HELP = 'Measure tracks and what comes of them, beside other methods.'

EVALUATIONS = ('hpatches', 'tracking', 'odometry')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title='evaluations', metavar='WHAT', required=True)
    for name in EVALUATIONS:
        kind = import_module(f'alike_ros.cli.evals.{name}')
        subparser = kinds.add_parser(kind.NAME, help=kind.HELP, description=kind.HELP)
        kind.add_arguments(subparser)
        subparser.set_defaults(evaluate=kind.run)


def run(args: argparse.Namespace) -> int:
    return args.evaluate(args)
