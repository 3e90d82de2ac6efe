"""`alike eval tracking`: how long and how true the tracks of several methods are."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from alike_ros.cli.evals.inputs import add_outputs, identity_of
from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import ConfigError

if TYPE_CHECKING:
    from alike_ros.evaluation.predictions import Follow, Predictions, Shot
    from alike_ros.evaluation.trackers import Method
    from alike_ros.sources import Source
    from alike_ros.structures import ImageArray

NAME = 'tracking'
HELP = (
    'Compare tracks of any sequence by length, survival, inliers, coverage, time, and by error '
    'and calibration of sigma where the truth is known.'
)

OURS = ('hybrid', 'descriptor')
OTHERS = ('gftt+klt', 'orb', 'sift', 'akaze')
EXPOSURE_PERIOD = 3  # images between changes
BLACKOUT_PERIOD = 10  # images that are shown between those that are black


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('input', nargs='?', default='', help='any input (default: the room)')
    parser.add_argument(
        '--methods',
        nargs='+',
        default=(*OURS, *OTHERS),
        metavar='METHOD',
        help=f'of {", ".join((*OURS, *OTHERS))} (default: all), or module:factory of your own',
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
    parser.add_argument(
        '--blackout',
        type=int,
        default=0,
        help=f'make so many images black after every {BLACKOUT_PERIOD}',
    )
    parser.add_argument(
        '--roll',
        type=float,
        default=0.0,
        help='turn the camera of the rendered room about its optical axis by so many degrees an '
        'image',
    )
    add_outputs(parser)
    add_options(parser, 'keypoints and descriptors', ExtractorConfig, leave_out=('n_limit',))
    add_options(parser, 'tracks', TrackerConfig, leave_out=('tracker', 'max_tracks'))


def run(args: argparse.Namespace) -> int:
    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.tracking import summarise_tracks, tracking_table

    if args.points < 1 or args.every < 1 or min(args.images, args.blackout) < 0:
        raise ConfigError('--points and --every are 1 or more, --images and --blackout 0 or more')
    if not 0 < args.exposure < math.inf:
        raise ConfigError(f'--exposure is a factor above 0, not {args.exposure}')
    if not math.isfinite(args.roll):
        raise ConfigError(f'--roll is a number of degrees, not {args.roll}')
    limit_blas_threads()
    identity = identity_of(args.input, args)
    source = _source(args)
    found = _predictions(source, identity, args)
    summaries = {
        name: summarise_tracks(each, source.truth, source.camera) for name, each in found.items()
    }
    if args.report:
        from alike_ros.evaluation.pages.tracking import tracking_page

        title = f'Tracks of {source.name}'
        tracking_page(title, found, summaries, lambda: _shots(source, args)).write(args.report)
    numbers = {name: each.fields() for name, each in summaries.items()}
    table = tracking_table(summaries).markdown()
    print(json.dumps({source.name: numbers}, indent=2) if args.json else table)
    return 0


def _source(args: argparse.Namespace) -> Source:
    from alike_ros.datasets.room import RoomSource
    from alike_ros.sources import open_source

    source = open_source(args.input)
    if not args.roll:
        return source
    if not isinstance(source, RoomSource):
        raise ConfigError(f'--roll turns the camera of the rendered room, not of {args.input}')
    return RoomSource(roll=args.roll)


def _predictions(
    source: Source, identity: dict[str, Any], args: argparse.Namespace
) -> dict[str, Predictions]:
    """Return what each method finds, or found before."""
    from contextlib import ExitStack

    from tqdm import tqdm

    from alike_ros.evaluation.cache import Cache, made_with
    from alike_ros.evaluation.predictions import Predictions, predict

    methods = {name: _method(name, args) for name in dict.fromkeys(args.methods)}
    asked = ('images', 'every', 'exposure', 'blackout', 'roll')
    shots = {name: getattr(args, name) for name in asked}
    shared = identity | shots | {'made_with': made_with()}

    def compute(names: list[str]) -> Mapping[str, Predictions]:
        with ExitStack() as stack, tqdm(unit='frame', disable=None) as progress:
            opened = {name: methods[name].open(stack) for name in names}
            return predict(_shots(source, args), opened, progress.update)

    keys = {name: shared | {'method': method.identity} for name, method in methods.items()}
    return Cache(args.cache).get(keys, Predictions, compute)


def _method(name: str, args: argparse.Namespace) -> Method[Follow]:
    from alike_ros.evaluation.trackers import adapter, matched, optical_flow, ours

    if name in OURS:
        # Tracks may begin on more keypoints than there are tracks.
        args.n_limit = args.points * (2 if name == 'hybrid' else 1)
        args.tracker, args.max_tracks = name, args.points
        return ours(config_from(args, ExtractorConfig), config_from(args, TrackerConfig))
    if name == 'gftt+klt':
        return optical_flow(args.points)
    if name in OTHERS:
        return matched(name, args.points)
    if ':' in name:
        return adapter(name, args.points)
    known = ', '.join((*OURS, *OTHERS))
    raise ConfigError(f'{name} is no method: expected one of {known}, or module:factory')


def _shots(source: Source, args: argparse.Namespace) -> Iterator[Shot]:
    """Yield the images that all methods are given."""
    from alike_ros.evaluation.predictions import Shot

    index_of = getattr(source, 'index_of', None)
    for count, frame in enumerate(source):
        if args.images and count >= args.images:
            return
        if count % args.every:
            continue
        number = count if index_of is None else index_of(frame.stamp_ns)
        gain = _gain(count // args.every, args)
        yield Shot(number, _exposed(frame.image, gain), frame.stamp_ns)


def _gain(shot: int, args: argparse.Namespace) -> float:
    if shot % (BLACKOUT_PERIOD + args.blackout) >= BLACKOUT_PERIOD:
        return 0.0
    return float((1, args.exposure, 1, 1 / args.exposure)[shot // EXPOSURE_PERIOD % 4])


def _exposed(image: ImageArray, gain: float) -> ImageArray:
    if gain == 1:
        return image
    return np.clip(np.rint(image * np.float32(gain)), 0, 255).astype(np.uint8)
