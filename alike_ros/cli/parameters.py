"""`alike parameters`: the files that are made from the declarations of all parameters."""

from __future__ import annotations

import argparse

NAME = 'parameters'
HELP = 'Print the parameters of the node as a YAML file or as a table.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'form',
        choices=('yaml', 'markdown'),
        help='yaml: what --params-file takes; markdown: tables with every meaning',
    )


def run(args: argparse.Namespace) -> int:
    from alike_ros.config_files import render_markdown, render_yaml

    print(render_yaml() if args.form == 'yaml' else render_markdown(), end='')
    return 0
