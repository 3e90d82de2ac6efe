"""The whole graph, once: replay, front end and recorder as processes of their own over DDS.

`python -m alike_ros.ros.demo [INPUT] --output demo_output`, which `make demo` calls, leaves
tracks.mp4, tracks.png, tracks.mcap and summary.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, NodeConfig, TrackerConfig
from alike_ros.errors import AlikeError
from alike_ros.evaluation.report import report
from alike_ros.ros.demo.run import CONFIGS, DemoRun
from alike_ros.ros.graph.environment import add_domain, prepare_environment
from alike_ros.sources import open_source

LIVE_DURATION_S = 20.0
TOP_K = 500  # the default of this demo: what an estimator takes, and a picture shows
LEFT_OUT = ('autostart', 'image_transport')  # the replay is raw and starts by itself


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
    add_domain(parser)
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
        summary = DemoRun(args, source).run()
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
