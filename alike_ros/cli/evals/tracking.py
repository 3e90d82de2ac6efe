"""`alike eval tracking`: how long and how true the tracks of several methods are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import ConfigError

if TYPE_CHECKING:
    from alike_ros.evaluation.tracking import TrackingSummary
    from alike_ros.sources import Source
    from alike_ros.structures import ImageArray

NAME = 'tracking'
HELP = 'Compare tracks of any sequence by length, inliers, coverage, time, and error where known.'

OURS = ('hybrid', 'descriptor')
OTHERS = ('gftt+klt', 'orb', 'sift', 'akaze')
EXPOSURE_PERIOD = 3  # images between changes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('input', nargs='?', default='', help='any input (default: the room)')
    parser.add_argument(
        '--methods',
        nargs='+',
        choices=(*OURS, *OTHERS),
        default=(*OURS, *OTHERS),
        metavar='METHOD',
        help=f'of {", ".join((*OURS, *OTHERS))} (default: all)',
    )
    parser.add_argument('--points', type=int, default=1000, help='most points an image')
    parser.add_argument('--images', type=int, default=0, help='only the first so many; 0: all')
    parser.add_argument('--every', type=int, default=1, help='use every so many-th image')
    parser.add_argument(
        '--exposure',
        type=float,
        default=1.0,
        help=f'switch the brightness by this factor, up and down, every {EXPOSURE_PERIOD} images',
    )
    parser.add_argument('--json', action='store_true', help='print JSON')
    add_options(parser, 'keypoints and descriptors', ExtractorConfig, leave_out=('n_limit',))
    add_options(parser, 'tracks', TrackerConfig, leave_out=('tracker', 'max_tracks'))


def run(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from tqdm import tqdm

    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.trackers import matched, optical_flow, ours
    from alike_ros.evaluation.tracking import evaluate
    from alike_ros.extractor import Extractor
    from alike_ros.frontend import FrontEnd
    from alike_ros.sources import open_source

    if args.points < 1 or args.every < 1 or args.images < 0 or args.exposure <= 0:
        raise ConfigError('--points and --every are 1 or more, --images 0 or more, --exposure > 0')
    limit_blas_threads()
    source = open_source(args.input)
    with ExitStack() as stack:
        methods = {}
        for name in dict.fromkeys(args.methods):
            if name in OURS:
                # Tracks may begin on more keypoints than there are tracks.
                args.n_limit = args.points * (2 if name == 'hybrid' else 1)
                args.tracker, args.max_tracks = name, args.points
                extractor = stack.enter_context(Extractor(config_from(args, ExtractorConfig)))
                methods[name] = ours(FrontEnd(extractor, config_from(args, TrackerConfig)))
            else:
                flow = name == 'gftt+klt'
                methods[name] = optical_flow(args.points) if flow else matched(name, args.points)
        images = _images(source, args.images, args.every, args.exposure)
        with tqdm(unit='frame', disable=None) as progress:
            found = evaluate(images, methods, source.truth, progress.update)
    numbers = {name: each.fields() for name, each in found.items()}
    print(json.dumps({source.name: numbers}, indent=2) if args.json else table(found))
    return 0


def _images(
    source: Source, limit: int, every: int, exposure: float
) -> Iterator[tuple[int, ImageArray, int]]:
    index_of = getattr(source, 'index_of', None)
    for count, frame in enumerate(source):
        if limit and count >= limit:
            return
        if count % every:
            continue
        number = count if index_of is None else index_of(frame.stamp_ns)
        gain = (1.0, exposure, 1.0, 1 / exposure)[count // every // EXPOSURE_PERIOD % 4]
        yield number, _exposed(frame.image, gain), frame.stamp_ns


def _exposed(image: ImageArray, gain: float) -> ImageArray:
    if gain == 1:
        return image
    return np.clip(np.rint(image * np.float32(gain)), 0, 255).astype(np.uint8)


def table(found: Mapping[str, TrackingSummary]) -> str:
    """Return a Markdown table, a line for each method."""
    lines = [
        '| tracks | points | tracked | mean length | seen once | inliers | coverage | median px '
        '| p95 px | tracking ms | image ms |',
        '|---' * 11 + '|',
    ]
    for name, each in found.items():
        cells = (
            name,
            f'{each.points:.0f}',
            f'{each.tracked:.0f}',
            f'{each.mean_length:.2f}',
            f'{100 * each.singles:.0f} %',
            f'{each.inlier_ratio:.3f}',
            f'{100 * each.coverage:.0f} %',
            *(f'{v:.2f}' if v == v else '-' for v in (each.median_px, each.p95_px)),
            f'{each.tracking_ms:.1f}' if each.tracking_ms == each.tracking_ms else '-',
            f'{each.image_ms:.0f}',
        )
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)
