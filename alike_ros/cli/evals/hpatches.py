"""`alike eval hpatches`: accuracy of matches between images of planes, beside ORB and SIFT."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from alike_ros.cli.evals.inputs import add_outputs
from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig

if TYPE_CHECKING:
    from alike_ros.evaluation.hpatches import Accuracy
    from alike_ros.evaluation.planar import PlanarPair
    from alike_ros.evaluation.plane_matches import Matcher, SequenceMatches
    from alike_ros.evaluation.trackers import Method

NAME = 'hpatches'
HELP = 'Match images of planes with known homographies (HPatches, Oxford affine): MMA and MHA.'

PEERS = ('orb', 'sift')
SPLITS = {'i': 'the light changes (i)', 'v': 'the viewpoint changes (v)'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', type=Path, help='folder of sequences')
    parser.add_argument('--no_peers', action='store_true', help=f'leave out {", ".join(PEERS)}')
    parser.add_argument(
        '--reference', type=Path, metavar='CSV', help='summary.csv of published results to print'
    )
    parser.add_argument('--pairs', action='store_true', help='print every pair too')
    add_outputs(parser)
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)


def run(args: argparse.Namespace) -> int:
    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.hpatches import accuracy_table, judge_pair, mean_by_split
    from alike_ros.evaluation.pages.hpatches import Samples, hpatches_page
    from alike_ros.evaluation.plane_matches import learned, of_opencv

    config = config_from(args, ExtractorConfig)
    limit_blas_threads()
    published = _published(args.reference) if args.reference else {}
    methods = {config.model: learned(config)}
    if not args.no_peers:
        methods |= {name: of_opencv(name, config.n_limit) for name in PEERS}
    pairs: dict[str, dict[str, Accuracy]] = {name: {} for name in methods}
    samples = Samples()
    for sequence, found in _sequences(args, methods):
        for number, pair in enumerate(sequence):
            matched = {name: each.pair(number) for name, each in found.items()}
            for name, each in matched.items():
                pairs[name][pair.name] = judge_pair(pair, each)
            if args.report:
                samples.add(pair, matched, pairs[config.model][pair.name])
    of_splits = {name: mean_by_split(judged) for name, judged in pairs.items()}
    means = {name: splits['all'] for name, splits in of_splits.items()}
    count = len(pairs[config.model])
    if args.report:
        title = f'{args.folder.resolve().name}, {count} pairs'
        page = hpatches_page(title, means, _of_split(published, 'all'))
        samples.show(page)
        page.write(args.report)
    if args.json:
        every = {name: {p: a.fields() for p, a in found.items()} for name, found in pairs.items()}
        print(json.dumps({'mean': {n: m.fields() for n, m in means.items()}, 'pairs': every}))
        return 0
    if args.pairs:
        for name, judged in pairs.items():
            print(f'{name}\n\n{accuracy_table(judged).markdown()}\n')
    for split in of_splits[config.model]:
        which = SPLITS.get(split, f'{count} pairs')
        print(f'{which}\n\n{accuracy_table(_of_split(of_splits, split)).markdown()}\n')
        if theirs := _of_split(published, split):
            print(f'{which}, published\n\n{accuracy_table(theirs).markdown()}\n')
    return 0


def _of_split(found: Mapping[str, Mapping[str, Accuracy]], split: str) -> dict[str, Accuracy]:
    return {name: splits[split] for name, splits in found.items() if split in splits}


def _sequences(
    args: argparse.Namespace, methods: Mapping[str, Method[Matcher]]
) -> Iterator[tuple[list[PlanarPair], dict[str, SequenceMatches]]]:
    """Yield the pairs of each sequence, and what each method finds or found before."""
    from tqdm import tqdm

    from alike_ros.evaluation.cache import Cache, files_of, made_with
    from alike_ros.evaluation.hpatches import read_sequence, sequence_folders
    from alike_ros.evaluation.plane_matches import SequenceMatches, match_sequence

    cache = Cache(args.cache)
    versions = made_with()
    opened: dict[str, Matcher] = {}
    with ExitStack() as stack:
        for folder in tqdm(sequence_folders(args.folder), unit='sequence', disable=None):
            sequence = read_sequence(folder)
            files = files_of(folder) if args.cache else ''
            shared = {'input': folder.name, 'files': files, 'made_with': versions}
            keys = {name: shared | {'method': each.identity} for name, each in methods.items()}

            def compute(
                names: list[str], sequence: list[PlanarPair] = sequence
            ) -> dict[str, SequenceMatches]:
                for name in names:
                    if name not in opened:
                        opened[name] = methods[name].open(stack)
                return {name: match_sequence(sequence, opened[name]) for name in names}

            yield sequence, cache.get(keys, SequenceMatches, compute)


def _published(path: Path) -> dict[str, dict[str, Accuracy]]:
    """Return what a CSV says of each method by split."""
    from alike_ros.errors import DatasetError
    from alike_ros.evaluation.hpatches import THRESHOLDS, Accuracy

    with path.open(encoding='utf-8') as file:
        rows = [*csv.DictReader(file)]
    published: dict[str, dict[str, Accuracy]] = {}
    try:
        for row in rows:
            published.setdefault(row['method'], {})[row['split']] = Accuracy(
                float(row['mean_feats']),
                float(row['mean_matches']),
                tuple(float(row[f'MMA@{t}']) / 100 for t in THRESHOLDS),
                tuple(float(row[f'MHA@{t}']) / 100 for t in THRESHOLDS),
            )
        return published
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f'{path} is not a summary of results: expected columns method, split, mean_feats, '
            f'mean_matches, MMA@1 … MHA@5, got {error}'
        ) from error
