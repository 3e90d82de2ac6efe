"""Figures of the front-end node at work: `python -m alike_ros.ros.bench --seconds 60`.

Replay node and front end run as processes of their own; a textured scene moves by before a camera
of 30 Hz, and what is measured comes from the front end's status messages.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from alike_ros.benchmark.images import DEFAULT_SIZE, parse_size, texture
from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig, parameters
from alike_ros.errors import AlikeError
from alike_ros.evaluation.summary import hardware, percentiles_ms
from alike_ros.msg import FrontendStatus
from alike_ros.ros.graph.children import Children
from alike_ros.ros.graph.environment import add_domain, prepare_environment
from alike_ros.ros.graph.monitor import Monitor
from alike_ros.ros.graph.steps import end, node_parameters, wait

POINTS = 1000
STEP_PX, STEPS = 3, 60  # how the scene moves: to one side and back
WARM_UP_S = 3.0
STOP_LIMIT_S = 30.0
BESIDES = ('decode', 'preprocess', 'match', 'publish')
STAGES = ('decode', 'preprocess', 'inference', 'match', 'publish')
CONFIGS = (ExtractorConfig, TrackerConfig)


class Collector(Monitor):
    """A monitor that keeps every status."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[FrontendStatus] = []

    def _on_status(self, status: FrontendStatus) -> None:
        super()._on_status(status)
        self.statuses.append(status)


def main(arguments: list[str] | None = None) -> int:
    """Return 0; 1 when a process failed; 2 for an option that cannot be."""
    args = build_parser().parse_args(arguments)
    try:
        for config in CONFIGS:
            config_from(args, config)
        size = parse_size(args.size)
        prepare_environment(args.domain)
    except (AlikeError, OSError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 2
    try:
        figures = run(args, size)
    except (AlikeError, OSError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    print('\n'.join(lines(figures)))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + '\n')
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='bench', description=__doc__.partition('\n')[0])
    parser.add_argument('--seconds', type=float, default=60.0, help='(default: %(default)s)')
    size = '{}x{}'.format(*DEFAULT_SIZE)
    parser.add_argument('--size', default=size, metavar='WxH', help='(default: %(default)s)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='keep the figures')
    add_domain(parser)
    for title, config in zip(('keypoints and descriptors', 'tracks'), CONFIGS, strict=True):
        add_options(parser, title, config)
    parser.set_defaults(top_k=POINTS)
    return parser


def run(args: argparse.Namespace, size: tuple[int, int]) -> dict[str, Any]:
    """Run the graph and return its figures."""
    with TemporaryDirectory(prefix='alike_bench_') as name:
        folder = Path(name)
        draw_scene(folder / 'images', size)
        report = folder / 'replay.json'
        with Children(os.environ) as children, Collector() as monitor:
            values = {p.name: getattr(args, p.name) for p in parameters(*CONFIGS)}
            node = node_parameters(folder, 'frontend', **values)
            front_end = children.start('frontend', 'alike_ros.ros.frontend_node', *node)
            monitor.begin(0)
            wait(children, monitor, lambda: monitor.sees_front_end)
            camera = node_parameters(
                folder,
                'replay',
                input=str(folder / 'images'),
                loop=True,
                stamps='now',
                wait_for_subscribers=1,
                read_ahead=2 * STEPS,
                report=str(report),
            )
            replay = children.start('replay', 'alike_ros.ros.replay_node', *camera)
            wait(children, monitor, lambda: monitor.frames > 0)
            end_s = time.monotonic() + args.seconds
            wait(children, monitor, lambda: time.monotonic() > end_s)
            replay.signal(signal.SIGINT)
            replay.wait(STOP_LIMIT_S)
            children.check()
            sent = json.loads(report.read_text())
            monitor.settle(sent['frames_sent'])
            end(front_end)
            identity = monitor.identity()
        return figures_of(monitor.statuses, sent) | identity | {'size': list(size)}


def draw_scene(folder: Path, size: tuple[int, int]) -> None:
    """Write the images of one movement to and fro, in a format that reads fast."""
    folder.mkdir()
    width, height = size
    scene = texture((width + STEP_PX * STEPS, height))[:, :, ::-1]
    places = [*range(STEPS), *range(STEPS, 0, -1)]
    for number, place in enumerate(places):
        left = STEP_PX * place
        image = np.ascontiguousarray(scene[:, left : left + width])
        if not cv2.imwrite(str(folder / f'{number:04}.bmp'), image):
            raise AlikeError(f'{folder} cannot be written')


def figures_of(statuses: list[FrontendStatus], sent: dict[str, Any]) -> dict[str, Any]:
    """Return counts over the run, and times from WARM_UP_S on.

    Raises:
        AlikeError: too few frames came.
    """
    stamps_s = np.array([s.header.stamp.sec + s.header.stamp.nanosec / 1e9 for s in statuses])
    steady = [
        s for s, stamp in zip(statuses, stamps_s, strict=True) if stamp > stamps_s[0] + WARM_UP_S
    ]
    if len(steady) < 2:
        raise AlikeError(f'only {len(statuses)} frames were processed; give more --seconds')
    last = statuses[-1]
    span_s = stamps_s[-1] - stamps_s[-len(steady)]
    stages = {name: percentiles_ms(getattr(s, name) for s in steady) for name in STAGES}
    return {
        'sent': sent['frames_sent'],
        'received': int(last.frames_received),
        'processed': int(last.frames_processed),
        'dropped': int(last.frames_dropped),
        'processed_per_s': (len(steady) - 1) / span_s,
        'keypoints_per_frame': float(np.mean([s.keypoints for s in steady])),
        'tracks_per_frame': float(np.mean([s.tracked for s in steady])),
        'latency_ms': percentiles_ms(s.latency for s in steady),
        'besides_inference_ms': percentiles_ms(
            sum(getattr(s, name) for name in BESIDES) for s in steady
        ),
        'stages_ms': stages,
        'hardware': hardware(),
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """Return the figures as text."""
    rows = {
        'stamp to publish': figures['latency_ms'],
        'besides inference': figures['besides_inference_ms'],
        **figures['stages_ms'],
    }
    machine = figures['hardware']
    width, height = figures['size']
    return [
        f'{figures["model"]} on {figures["device"]} ({figures["backend"]}), {width}x{height}; '
        f'{machine["cpu"]}, {machine["cores"]} cores',
        f'{figures["sent"]} sent, {figures["received"]} received, {figures["processed"]} '
        f'processed, {figures["dropped"]} dropped; '
        f'{figures["processed_per_s"]:.1f} processed a second',
        f'{figures["keypoints_per_frame"]:.0f} keypoints and {figures["tracks_per_frame"]:.0f} '
        'tracks found again a frame',
        f'{"":<20}{"p50 ms":>9}{"p99 ms":>9}',
        *(f'{name:<20}{row["p50"]:9.2f}{row["p99"]:9.2f}' for name, row in rows.items()),
    ]


if __name__ == '__main__':
    sys.exit(main())
