"""`alike models`: fetch the published weights, list where they are, verify them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alike_ros.config import MODELS

NAME = 'models'
HELP = 'Fetch, list and verify the published weights.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title='actions', metavar='ACTION', required=True)
    fetch = actions.add_parser('fetch', help='download what is missing and check it')
    _add_models(fetch)
    fetch.add_argument(
        '--url', default='', help='folder of a mirror (default: the original repository)'
    )
    fetch.add_argument(
        '--directory', type=Path, help="where to put them (default: the user's cache)"
    )
    fetch.set_defaults(action=_fetch)
    actions.add_parser('list', help='say which are where').set_defaults(action=_list)
    verify = actions.add_parser('verify', help='exit code 0 if all asked for are intact')
    _add_models(verify)
    verify.set_defaults(action=_verify)


def run(args: argparse.Namespace) -> int:
    return args.action(args)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'models',
        nargs='*',
        metavar='MODEL',
        type=_model,
        help=f'{", ".join(MODELS)} or all (default: all)',
    )


def _model(name: str) -> str:
    if name not in (*MODELS, 'all'):
        raise argparse.ArgumentTypeError(f'{name!r} is none of {", ".join(MODELS)}, all')
    return name


def _asked(models: Sequence[str]) -> tuple[str, ...]:
    return MODELS if not models or 'all' in models else tuple(dict.fromkeys(models))


def _fetch(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from alike_ros.weights import MANIFEST, ORIGIN, fetch_weights

    for model in _asked(args.models):
        size = MANIFEST[model].size
        with tqdm(total=size, desc=model, unit='B', unit_scale=True, disable=None) as bar:

            def show(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            path = fetch_weights(model, args.url or ORIGIN, args.directory, show)
        print(f'{model}: {path}')
    return 0


def _list(args: argparse.Namespace) -> int:
    from alike_ros.weights import search_path

    _print_table(_states(MODELS))
    print('looked for in: ' + ', '.join(str(folder) for folder in search_path()))
    return 0


def _verify(args: argparse.Namespace) -> int:
    states = list(_states(_asked(args.models)))
    _print_table(states)
    return 0 if all(state == 'intact' for _, _, state in states) else 1


def _print_table(states: Iterable[tuple[str, str, str]]) -> None:
    print(f'{"model":<8}  {"sha256":<8}  file')
    for model, path, state in states:
        print(f'{model:<8}  {state:<8}  {path}')


def _states(models: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield model, path and one of intact, damaged, missing."""
    from alike_ros.weights import MANIFEST, search_path, sha256_of

    for model in models:
        published = MANIFEST[model]
        candidates = [folder / published.file for folder in search_path()]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            yield model, f'fetch it with: alike models fetch {model}', 'missing'
        else:
            intact = sha256_of(path) == published.sha256
            yield model, str(path), 'intact' if intact else 'damaged'
