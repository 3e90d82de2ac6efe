"""What each lifecycle transition takes: `python -m alike_ros.ros.soak.costs`.

A front end for each backend, in a process of its own, goes through all transitions several times
with a camera of 30 Hz beside; printed are tables in Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from alike_ros.config import MODELS
from alike_ros.errors import AlikeError
from alike_ros.ros.graph.children import Child, Children
from alike_ros.ros.graph.environment import add_domain, prepare_environment
from alike_ros.ros.graph.steps import end, node_parameters, wait
from alike_ros.ros.soak.observer import Observer
from alike_ros.ros.soak.remote import Remote, Steps, pause
from alike_ros.ros.soak.run import camera_parameters, record_room
from alike_ros.ros.soak.usage import usage

BACKENDS = ('openvino', 'onnx', 'torch')
COURSE = ('configure', 'activate', 'deactivate', 'cleanup')
TICK_S = 0.001
MEGABYTE = 1e6


@dataclass(frozen=True)
class Cost:
    """A transition: how long its service took, and what the process held afterwards.

    After activate: after images have come for a while, and `first_tracks_s` is the time until
    the first were published.
    """

    transition: str
    seconds: float
    resident: int
    handles: int
    threads: int
    first_tracks_s: float = 0.0


def main(arguments: list[str] | None = None) -> int:
    """Return 0; 1 when a process failed."""
    args = build_parser().parse_args(arguments)
    prepare_environment(args.domain)
    found: dict[str, list[Cost]] = {}
    try:
        with TemporaryDirectory(prefix='alike_costs_') as name:
            camera = args.input or str(record_room(Path(name, 'room.mcap')))
            for backend in args.backends:
                found[backend] = measure(args, backend, camera, Path(name))
                print('\n'.join(table(backend, args.model, found[backend])), flush=True)
    except (AlikeError, OSError) as error:
        print(f'costs: {error}', file=sys.stderr)
        return 1
    if args.json:
        rows = {backend: [asdict(cost) for cost in costs] for backend, costs in found.items()}
        args.json.write_text(json.dumps(rows, indent=2) + '\n')
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='costs', description=__doc__.partition('\n')[0])
    parser.add_argument('input', nargs='?', default='', help='as of the soak')
    parser.add_argument('--rounds', type=int, default=5, help='(default: %(default)s)')
    parser.add_argument(
        '--images', type=float, default=5.0, metavar='S', help='s of images when active'
    )
    parser.add_argument('--backends', nargs='+', choices=BACKENDS, default=BACKENDS)
    parser.add_argument('--model', choices=MODELS, default=MODELS[0])
    parser.add_argument('--json', type=Path, metavar='FILE', help='keep the figures')
    add_domain(parser)
    return parser


def measure(args: argparse.Namespace, backend: str, camera: str, folder: Path) -> list[Cost]:
    """Return the cost of each transition in its order, after that of the start."""
    with Children(os.environ) as children, Observer() as observer:
        settings = {'autostart': False, 'backend': backend, 'device': 'cpu', 'model': args.model}
        node = node_parameters(folder, 'frontend', **settings)
        front_end = children.start('frontend', 'alike_ros.ros.frontend_node', *node)
        children.start('camera', 'alike_ros.ros.replay_node', *camera_parameters(folder, camera))
        remote = Remote(observer.node)
        _drive(children, observer, remote.greet())
        costs = [_cost('start', 0.0, front_end)]
        for _ in range(args.rounds):
            for label in COURSE:
                costs.append(_pass(label, args.images, children, observer, remote, front_end))
        costs.append(_pass('shutdown', 0.0, children, observer, remote, front_end))
        end(front_end)
        return costs


def table(backend: str, model: str, costs: Sequence[Cost]) -> list[str]:
    """Return the costs as lines of Markdown, the first round apart from the others."""
    lines = [
        f'| {backend}, {model} | first, ms | later, ms | resident after the first, MB | '
        'after the last, MB | handles | threads |',
        '|---|---|---|---|---|---|---|',
    ]
    for label in ('start', *COURSE, 'shutdown'):
        first, *later = [cost for cost in costs if cost.transition == label]
        last = later[-1] if later else first
        sizes = ' | '.join(f'{each.resident / MEGABYTE:.0f}' for each in (first, last))
        times = f'{_ms([first.seconds])} | {_ms([cost.seconds for cost in later])}'
        lines.append(f'| {label} | {times} | {sizes} | {last.handles} | {last.threads} |')
        if label == 'activate':
            waits = [[cost.first_tracks_s for cost in each] for each in ([first], later)]
            lines.append(f'| … to the first tracks | {" | ".join(map(_ms, waits))} | | | | |')
    return [*lines, '']


def _pass(
    label: str,
    images_s: float,
    children: Children,
    observer: Observer,
    remote: Remote,
    front_end: Child,
) -> Cost:
    before, start_s = observer.frames, time.monotonic()
    _drive(children, observer, remote.transition(label))
    seconds = time.monotonic() - start_s
    first_s = 0.0
    if label == 'activate':
        wait(children, observer, lambda: observer.frames > before)
        first_s = time.monotonic() - start_s
        _drive(children, observer, pause(images_s))
    return _cost(label, seconds, front_end, first_s)


def _cost(label: str, seconds: float, front_end: Child, first_s: float = 0.0) -> Cost:
    use = usage(front_end.pid)
    return Cost(label, seconds, use.resident, use.handles, use.threads, first_s)


def _drive(children: Children, observer: Observer, steps: Steps) -> None:
    for _ in steps:
        children.check()
        observer.spin(TICK_S)


def _ms(seconds: Sequence[float]) -> str:
    return f'{np.median(seconds) * 1e3:.0f}' if any(seconds) else ''


if __name__ == '__main__':
    sys.exit(main())
