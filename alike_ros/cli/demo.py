"""`alike demo`: tracks of a folder, a movie, a camera or a bag, on the screen or in a movie."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import ImageError

if TYPE_CHECKING:
    from alike_ros.frontend import FrontEnd, Result
    from alike_ros.sources import Source
    from alike_ros.structures import Frame, ImageArray

NAME = 'demo'
HELP = 'Show the tracks of images, a movie, a camera, a dataset or a bag.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'input',
        nargs='?',
        default='',
        help='folder of images, movie, camera0, KITTI, TUM or EuRoC folder, or bag '
        '(default: a rendered room)',
    )
    parser.add_argument('--topic', default='', help='image topic of a bag (default: its first)')
    parser.add_argument(
        '--output',
        type=Path,
        metavar='DIR|FILE.mp4|FILE.gif',
        help='write tracks.mp4 and summary.json there, or this movie and FILE.json beside it',
    )
    parser.add_argument('--width', type=int, default=0, help='of the movie, px (default: as is)')
    parser.add_argument('--every', type=int, default=1, help='draw every so many-th image')
    parser.add_argument(
        '--fps', type=float, default=0.0, help='of the movie (default: as the stamps say)'
    )
    parser.add_argument('--no_display', action='store_true', help='open no window')
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)
    add_options(parser, 'tracks', TrackerConfig)


def run(args: argparse.Namespace) -> int:
    from alike_ros.blas import limit_blas_threads
    from alike_ros.extractor import Extractor
    from alike_ros.frontend import FrontEnd
    from alike_ros.sources import open_source

    extractor_config = config_from(args, ExtractorConfig)
    tracker_config = config_from(args, TrackerConfig)
    limit_blas_threads()
    source = open_source(args.input, args.topic)
    with Extractor(extractor_config) as extractor, ExitStack() as stack:
        demo = _Demo(source, FrontEnd(extractor, tracker_config), args, stack)
        summary = demo.run()
    if not summary['frames']:
        raise ImageError(f'{source.name}: none of its images could be processed')
    _finish(summary, args.output)
    return 0


class _Demo:
    """Runs a source through a front end, draws, and collects the numbers."""

    def __init__(
        self, source: Source, front_end: FrontEnd, args: argparse.Namespace, stack: ExitStack
    ) -> None:
        from alike_ros.cli.window import open_window
        from alike_ros.drawing import TrackHistory
        from alike_ros.evaluation.movie import Look, MovieWriter
        from alike_ros.evaluation.summary import Summary

        self._source = source
        self._front_end = front_end
        self._title = args.model
        self._history = TrackHistory()
        self._summary = Summary()
        self._skipped = 0
        self._window = stack.enter_context(open_window(args.model, not args.no_display))
        self._movie = None
        if args.output is not None:
            look = Look(args.width, args.every, args.fps)
            self._movie = stack.enter_context(MovieWriter(movie_path(args.output), look))

    def run(self) -> dict[str, Any]:
        from tqdm import tqdm

        began_s = time.perf_counter()
        processed = 0
        with tqdm(self._source, total=len(self._source) or None, unit='frame') as progress:
            for frame in progress:
                try:
                    result = self._front_end.process(frame, self._source.camera)
                except ImageError as error:
                    self._skipped += 1
                    progress.write(f'alike: left out an image: {error}', file=sys.stderr)
                    continue
                self._show(frame, result)
                processed += 1
                fps = processed / (time.perf_counter() - began_s)
                matches = int((result.tracks.ages > 1).sum())
                status = f'Fps:{fps:.1f}, Keypoints/Matches: {len(result.tracks)}/{matches}'
                progress.set_description(status, refresh=False)
                if self._window.asks_to_stop(status):
                    break
        return self._numbers(processed / max(time.perf_counter() - began_s, 1e-9))

    def _show(self, frame: Frame, result: Result) -> None:
        from alike_ros.drawing import draw_tracks

        tracks = result.tracks
        self._summary.add_tracks(tracks.ids, tracks.ages)
        self._summary.add_times(vars(result.timings))
        if self._movie is None and not self._window.is_open:
            return
        if result.clock_jumped:
            self._history.clear()
        self._history.update(tracks.ids, result.features.keypoints, tracks.lost_ids)
        picture: ImageArray = draw_tracks(frame.image, self._history, tracks.ages)
        self._window.show(picture)
        if self._movie is not None:
            self._movie.write(picture, frame.stamp_ns)

    def _numbers(self, fps: float) -> dict[str, Any]:
        from alike_ros.evaluation.summary import hardware

        extractor = self._front_end.extractor
        return {
            'source': self._source.name,
            'skipped': self._skipped,
            'fps': round(fps, 2),
            **self._summary.fields(),
            'hardware': hardware(extractor.device),
            'model': extractor.config.model,
            'backend': extractor.backend_name,
            'device': extractor.device,
            'weights_sha256': extractor.weights.sha256,
        }


def movie_path(output: Path) -> Path:
    """Return where the movie goes: the file named, or tracks.mp4 in the folder named."""
    from alike_ros.evaluation.movie import SUFFIXES

    return output if output.suffix in SUFFIXES else output / 'tracks.mp4'


def _finish(summary: dict[str, Any], output: Path | None) -> None:
    from alike_ros.evaluation.report import report

    print(report(summary))
    if output is None:
        return
    movie = movie_path(output)
    numbers = output.with_suffix('.json') if movie == output else output / 'summary.json'
    numbers.write_text(json.dumps(summary, indent=2) + '\n')
    print(f'wrote {movie} and {numbers}')
