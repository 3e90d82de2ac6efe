"""The whole graph, once: replay, front end and recorder as processes of their own over DDS.

`python -m alike_ros.ros.demo [INPUT] --output demo_output`, which `make demo` calls, leaves
tracks.mp4, tracks.png, tracks.mcap and summary.json.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, NodeConfig, TrackerConfig, parameters
from alike_ros.errors import AlikeError
from alike_ros.evaluation.recording import Recording
from alike_ros.evaluation.report import report
from alike_ros.evaluation.summary import hardware
from alike_ros.resources import share_dir
from alike_ros.ros.children import Child, Children
from alike_ros.ros.monitor import Monitor
from alike_ros.sources import Source, open_source

PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
TOPICS = ['image', 'camera_info', 'frontend/keypoints', 'frontend/tracks', 'frontend/status']
START_LIMIT_S = 180.0  # a first start may read the network from a slow disk
STALL_LIMIT_S = 60.0
LIVE_DURATION_S = 20.0
TOP_K = 500  # the default of this demo: what an estimator takes, and a picture shows
LEFT_OUT = ('autostart', 'image_transport')  # the replay is raw and starts by itself
CONFIGS = (ExtractorConfig, TrackerConfig, NodeConfig)


class Demo:
    """One run; its steps are methods in their order."""

    def __init__(self, args: argparse.Namespace, source: Source | None) -> None:
        """Without a source the input is live, and only the replay node opens it."""
        self._args = args
        self._source = source
        self._output: Path = args.output
        self._frames = _frames_to_come(args, source)

    def run(self) -> dict[str, Any]:
        """Run the graph and return the summary of its recording.

        Raises:
            AlikeError: a process failed, with its own last lines, or nothing came.
        """
        self._output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix='alike_demo_') as folder:
            report_path = Path(folder, 'replay.json')
            with Children(os.environ) as children, Monitor() as monitor:
                self._run_graph(children, monitor, Path(folder), report_path)
                identity = monitor.identity()
            sent = json.loads(report_path.read_text())
        return self._evaluate(sent, identity)

    def _run_graph(
        self, children: Children, monitor: Monitor, folder: Path, report_path: Path
    ) -> None:
        recorder = children.start(
            'recorder',
            'alike_ros.ros.recorder_node',
            *_parameters(
                folder, 'recorder', output=str(self._output / 'tracks.mcap'), topics=TOPICS
            ),
        )
        given = vars(self._args)
        values = {p.name: given[p.name] for p in parameters(*CONFIGS) if p.name in given}
        front_end = children.start(
            'frontend', 'alike_ros.ros.frontend_node', *_parameters(folder, 'frontend', **values)
        )
        replay = children.start(
            'replay', 'alike_ros.ros.replay_node', *self._replay_parameters(folder, report_path)
        )
        _follow(children, monitor, replay, self._frames)
        monitor.settle(json.loads(report_path.read_text())['frames_sent'])
        _end(front_end)
        _end(recorder)

    def _replay_parameters(self, folder: Path, report_path: Path) -> list[str]:
        return _parameters(
            folder,
            'replay',
            input=self._args.input,
            topic=self._args.topic,
            rate=self._args.rate,
            duration=self._args.duration,
            stamps='now',
            wait_for_subscribers=2,
            read_ahead=max(30, min(self._frames, 300)),
            report=str(report_path),
        )

    def _evaluate(self, sent: dict[str, Any], identity: dict[str, str]) -> dict[str, Any]:
        print('drawing the tracks …', file=sys.stderr)
        recording = Recording(self._output / 'tracks.mcap')
        if not recording.statuses:
            raise AlikeError('the front end answered no image: see the log of the nodes')
        last = max(recording.statuses, key=lambda status: status.frames_processed)
        summary = {
            'source': sent['source'],
            'sent': sent['frames_sent'],
            'received': int(last.frames_received),
            'processed': int(last.frames_processed),
            'dropped': int(last.frames_dropped),
            'late': sent['frames_late'],
            'rate': sent['rate'],
            'drop_policy': self._args.drop_policy,
            **recording.summary(with_latency=sent['rate'] == 1.0).fields(),
            **(recording.errors(self._source, sent['stamp_offset_ns']) if self._source else {}),
            'hardware': hardware(identity['device']),
            **identity,
        }
        title = f'{sent["source"]}: tracks of {identity["model"]}'
        subtitle = (
            f'{summary["processed"]} frames, {summary["keypoints_per_frame"]:.0f} keypoints and '
            f'{summary["tracks_per_frame"]:.0f} tracks a frame, on {identity["device"]}'
        )
        pictures = self._output / 'tracks.mp4', self._output / 'tracks.png'
        recording.write_pictures(*pictures, title, subtitle)
        (self._output / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
        return summary


def _follow(children: Children, monitor: Monitor, replay: Child, frames: int) -> None:
    """Show progress until the replay has ended; Ctrl-C ends the replay, not the run."""
    monitor.begin(frames)
    try:
        while replay.code is None:
            children.check()
            monitor.spin(0.1)
            limit_s = STALL_LIMIT_S if monitor.frames else START_LIMIT_S
            if monitor.silent_s > limit_s:
                raise AlikeError(f'no status from the front end for {limit_s:.0f} s; giving up')
    except KeyboardInterrupt:
        replay.signal(signal.SIGINT)
        replay.wait(30.0)
    children.check()


def _end(child: Child) -> None:
    if child.stop() != 0:
        raise AlikeError(child.failure())


def _parameters(folder: Path, node: str, **values: Any) -> list[str]:
    """Return the arguments that give a node these parameters, by a file: types stay."""
    path = folder / f'{node}.yaml'
    path.write_text(yaml.safe_dump({node: {'ros__parameters': values}}))
    return ['--ros-args', '--params-file', str(path)]


def _frames_to_come(args: argparse.Namespace, source: Source | None) -> int:
    """Return how many frames will be sent; 0 when it is not known."""
    return len(source) if source is not None and not args.duration else 0


def prepare_environment(domain: int) -> None:
    """Keep the graph on this machine and to itself, with large shared-memory segments."""
    profile = str(share_dir() / 'config' / 'fastdds.xml')
    if not any(os.environ.get(name) for name in PROFILES):
        os.environ.update(dict.fromkeys(PROFILES, profile))
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['PYTHONUNBUFFERED'] = '1'


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='demo', description=__doc__.partition('\n')[0])
    parser.add_argument(
        'input',
        nargs='?',
        default='',
        help='folder of images, movie, camera0, KITTI, TUM or EuRoC folder, or bag '
        '(default: a rendered room)',
    )
    parser.add_argument('--topic', default='', help='image topic of a bag (default: its first)')
    parser.add_argument(
        '--output', type=Path, default=Path('demo_output'), help='(default: %(default)s)'
    )
    parser.add_argument(
        '--rate',
        type=float,
        default=1.0,
        help='factor on the recorded time; 0: as fast as the front end follows',
    )
    parser.add_argument(
        '--duration',
        type=float,
        default=0.0,
        metavar='S',
        help=f'end after so many seconds (default: the whole input; {LIVE_DURATION_S:g} of a '
        'camera)',
    )
    parser.add_argument(
        '--domain',
        type=int,
        default=1 + os.getpid() % 100,
        help='ROS_DOMAIN_ID (default: one of its own)',
    )
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)
    add_options(parser, 'tracks', TrackerConfig)
    add_options(parser, 'front-end node', NodeConfig, LEFT_OUT)
    parser.set_defaults(top_k=TOP_K)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Return 0; 1 when a process failed; 2 for an input or option that cannot be."""
    args = build_parser().parse_args(arguments)
    try:
        for config in CONFIGS:
            config_from(args, config)
        live = args.input.startswith('camera')
        args.duration = args.duration or (LIVE_DURATION_S if live else 0.0)
        source = None if live else open_source(args.input, args.topic)
        prepare_environment(args.domain)
    except (AlikeError, OSError) as error:
        print(f'demo: {error}', file=sys.stderr)
        return 2
    try:
        summary = Demo(args, source).run()
    except (AlikeError, OSError) as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(report(summary))
    print(f'wrote tracks.mp4, tracks.png, tracks.mcap and summary.json in {args.output}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
