"""What the evaluations share: options for the cache and the page, and the input's identity."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from alike_ros.errors import ConfigError


def add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument(
        '--report',
        type=Path,
        metavar='PAGE.html',
        help='write a page with tables, curves and pictures (needs the extra `report`)',
    )
    parser.add_argument(
        '--cache',
        type=Path,
        metavar='FOLDER',
        help='keep there what the methods find, and take it from there when nothing has changed; '
        'times are then those of when it was computed',
    )


def identity_of(spec: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return what tells an input from another.

    Raises:
        ConfigError: it is a live camera, and cache or report are asked for.
    """
    from alike_ros.evaluation.cache import files_of

    live = re.fullmatch(r'camera\d+', spec) is not None
    if live and (args.cache or args.report):
        raise ConfigError(
            f'{spec} gives other images each time; record it, or leave out --cache and --report'
        )
    if live or spec in ('', 'room') or args.cache is None:
        return {'input': spec or 'room'}
    path = Path(spec).expanduser()
    return {'input': path.name, 'files': files_of(path)}
