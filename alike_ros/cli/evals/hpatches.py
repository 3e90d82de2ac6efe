"""`alike eval hpatches`: accuracy of matches between images of planes, beside ORB and SIFT."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig

if TYPE_CHECKING:
    from alike_ros.evaluation.hpatches import Accuracy

NAME = 'hpatches'
HELP = 'Match images of planes with known homographies (HPatches, Oxford affine): MMA and MHA.'

PEERS = ('orb', 'sift')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', type=Path, help='folder of sequences')
    parser.add_argument('--no_peers', action='store_true', help=f'leave out {", ".join(PEERS)}')
    parser.add_argument(
        '--reference', type=Path, metavar='CSV', help='summary.csv of published results to print'
    )
    parser.add_argument('--pairs', action='store_true', help='print every pair too')
    parser.add_argument('--json', action='store_true', help='print JSON')
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)


def run(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from tqdm import tqdm

    from alike_ros.blas import limit_blas_threads
    from alike_ros.evaluation.hpatches import judge_sequence, learned, mean_accuracy, of_opencv
    from alike_ros.evaluation.hpatches import read_hpatches as read
    from alike_ros.evaluation.trackers import DETECTORS
    from alike_ros.extractor import Extractor

    config = config_from(args, ExtractorConfig)
    limit_blas_threads()
    with Extractor(config) as extractor:
        methods = {config.model: learned(extractor.extract)}
        for name in () if args.no_peers else PEERS:
            make, norm = DETECTORS[name]
            methods[name] = of_opencv(make(config.n_limit), norm)
        pairs: dict[str, dict[str, Accuracy]] = {name: {} for name in methods}
        for _, sequence in tqdm(read(args.folder), unit='sequence', disable=None):
            for name, method in methods.items():
                judged = judge_sequence(sequence, method)
                pairs[name] |= {p.name: each for p, each in zip(sequence, judged, strict=True)}
    means = {name: mean_accuracy(list(found.values())) for name, found in pairs.items()}
    if args.json:
        every = {n: {p: asdict(each) for p, each in f.items()} for n, f in pairs.items()}
        print(json.dumps({'mean': {n: asdict(m) for n, m in means.items()}, 'pairs': every}))
        return 0
    if args.pairs:
        for name, found in pairs.items():
            print(f'{name}\n\n{table(found)}\n')
    count = len(next(iter(pairs.values())))
    print(f'{count} pairs\n\n{table(means)}')
    if args.reference is not None:
        print(f'\npublished, 540 pairs\n\n{table(_published(args.reference))}')
    return 0


def table(found: Mapping[str, Accuracy]) -> str:
    """Return a Markdown table, a line each; shares in per cent."""
    from alike_ros.evaluation.hpatches import THRESHOLDS

    names = [f'{kind}@{t}' for kind in ('MMA', 'MHA') for t in THRESHOLDS]
    lines = [f'| | keypoints | matches | {" | ".join(names)} |', '|---' * (3 + len(names)) + '|']
    for name, each in found.items():
        shares = ' | '.join(f'{100 * share:.1f}' for share in (*each.mma, *each.mha))
        lines.append(f'| {name} | {each.keypoints:.0f} | {each.matches:.0f} | {shares} |')
    return '\n'.join(lines)


def _published(path: Path) -> dict[str, Accuracy]:
    from alike_ros.errors import DatasetError
    from alike_ros.evaluation.hpatches import THRESHOLDS, Accuracy

    with path.open(encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if row.get('split') == 'all']
    try:
        return {
            row['method']: Accuracy(
                float(row['mean_feats']),
                float(row['mean_matches']),
                tuple(float(row[f'MMA@{t}']) / 100 for t in THRESHOLDS),
                tuple(float(row[f'MHA@{t}']) / 100 for t in THRESHOLDS),
            )
            for row in rows
        }
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f'{path} is not a summary of results: expected columns method, split, mean_feats, '
            f'mean_matches, MMA@1 … MHA@5, got {error}'
        ) from error
