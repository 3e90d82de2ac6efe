"""`alike bench`: how fast each backend is beside the dense form, the original and others."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from alike_ros.config import MODELS, PRECISIONS
from alike_ros.errors import ConfigError
from alike_ros.weights import AUTO, BUILTIN, OFFICIAL

NAME = 'bench'
HELP = 'Measure speed, memory and equality of outputs on this machine.'

ROUNDS, QUICK_ROUNDS = 20, 5
THREADS = 2
DEVIATION_IMAGES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group('what is measured')
    what.add_argument(
        '--models', nargs='+', choices=MODELS, default=MODELS, metavar='MODEL', help='default: all'
    )
    what.add_argument(
        '--backends', nargs='+', metavar='NAME', help='default: those that are installed'
    )
    what.add_argument(
        '--sizes', nargs='+', metavar='WxH', help="default: 640x480, or the image's own"
    )
    what.add_argument(
        '--batches', nargs='+', type=int, default=[1], metavar='N', help='default: 1'
    )
    what.add_argument('--image', type=Path, metavar='FILE', help='default: a synthetic texture')
    what.add_argument('--device', default='cpu', help='default: %(default)s')
    what.add_argument(
        '--deviation',
        metavar='INPUT',
        help=f'compare reduced precision with fp32 on the first {DEVIATION_IMAGES} images of any '
        'input of `alike demo`',
    )
    what.add_argument(
        '--weights', default='auto', help='auto, official, builtin, or a file of the one model'
    )
    beside = parser.add_argument_group('beside what')
    beside.add_argument(
        '--original', type=Path, metavar='DIR', help="folder of the original code's repository"
    )
    beside.add_argument(
        '--peers', action='store_true', help='ORB, SIFT, AKAZE, GFTT+KLT; DISK if kornia is there'
    )
    beside.add_argument('--xfeat', type=Path, metavar='DIR', help="with --peers: XFeat's folder")
    beside.add_argument('--no_matching', action='store_true', help='leave matching out')
    how = parser.add_argument_group('how')
    how.add_argument('--threads', type=int, default=0, metavar='N', help=f'default: {THREADS}')
    how.add_argument(
        '--rounds', type=int, default=ROUNDS, metavar='N', help='default: %(default)s'
    )
    how.add_argument(
        '--quick', action='store_true', help=f'alike-t only, {QUICK_ROUNDS} rounds, if not given'
    )
    kept = parser.add_argument_group('what is kept')
    kept.add_argument('--json', type=Path, metavar='FILE', help='all figures')
    kept.add_argument(
        '--markdown', type=Path, metavar='FILE', help='put the tables into this page'
    )
    kept.add_argument('--plot', type=Path, metavar='FILE.png', help='a picture of the times')


def run(args: argparse.Namespace) -> int:
    from alike_ros.benchmark.cases import cases
    from alike_ros.benchmark.record import header
    from alike_ros.benchmark.report import write_files
    from alike_ros.benchmark.session import Session
    from alike_ros.benchmark.table import header_lines, text_table

    plan = _plan(args)
    rounds = QUICK_ROUNDS if args.quick and args.rounds == ROUNDS else args.rounds
    report: dict[str, Any] = {
        'command': ' '.join(['alike', 'bench', *sys.argv[2:]]),
        'header': header(plan.models, plan.threads, plan.device, plan.weights),
        'cases': [],
    }
    print('\n'.join(header_lines(report['header'])))
    session = Session(plan.threads, rounds)
    for case in cases(plan):
        record = session.measure(case)
        report['cases'].append(record)
        print('\n' + text_table(record), flush=True)
    if args.deviation is not None:
        report['deviation'] = _deviation(args.deviation, plan.models, plan.backends)
        print('\n' + report['deviation'])
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + '\n')
    write_files(report, args.markdown, args.plot)
    return 0


def _deviation(source: str, models: Sequence[str], backends: Sequence[str]) -> str:
    from alike_ros.evaluation.deviation import render
    from alike_ros.sources import open_source

    images = [frame.image for frame in islice(open_source(source), DEVIATION_IMAGES)]
    return render(images, models, [(b, p) for b in backends for p in PRECISIONS[1:]])


def _plan(args: argparse.Namespace) -> Any:
    from alike_ros.backends.base import installed_backends
    from alike_ros.benchmark.cases import Plan
    from alike_ros.benchmark.images import parse_size
    from alike_ros.evaluation.summary import hardware

    models = MODELS[:1] if args.quick and args.models == MODELS else tuple(args.models)
    named = args.weights not in (AUTO, OFFICIAL, BUILTIN)
    if named and len(models) != 1:
        raise ConfigError(f'a file of weights goes with one model, got {", ".join(models)}')
    if min(args.batches) < 1 or args.rounds < 1 or args.threads < 0:
        raise ConfigError('--batches and --rounds must be at least 1, --threads at least 0')
    return Plan(
        models=models,
        backends=tuple(args.backends or installed_backends()),
        sizes=tuple(parse_size(text) for text in args.sizes) if args.sizes else (None,),
        batches=tuple(args.batches),
        threads=args.threads or min(THREADS, hardware()['cores']),
        device=args.device,
        image=args.image,
        original=args.original,
        with_peers=args.peers,
        xfeat=args.xfeat,
        with_matching=not args.no_matching,
        weights=args.weights,
    )
