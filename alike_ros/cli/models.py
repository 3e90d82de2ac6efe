"""`alike models`: fetch the published weights, list what is there, verify it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alike_ros.config import MODELS

NAME = 'models'
HELP = 'Fetch, list and verify weights.'

State = tuple[str, str, str]  # model, state of its file, the file


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
    verify = actions.add_parser(
        'verify', help='exit code 0 if all official ones asked for are intact'
    )
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

    from alike_ros.weights import MANIFEST
    from alike_ros.weights_download import ORIGIN, fetch_weights

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

    _print_table([*_states(MODELS), *_builtin_states()])
    print('looked for in: ' + ', '.join(str(folder) for folder in search_path()))
    return 0


def _verify(args: argparse.Namespace) -> int:
    states = list(_states(_asked(args.models)))
    _print_table(states)
    return 0 if all(state == 'intact' for _, state, _ in states) else 1


def _print_table(states: Iterable[State]) -> None:
    print(f'{"model":<8}  {"sha256":<8}  file')
    for model, state, file in states:
        print(f'{model:<8}  {state:<8}  {file}')


def _states(models: Sequence[str]) -> Iterator[State]:
    """Yield model, one of intact, damaged, missing, and the official file."""
    from alike_ros.weights import MANIFEST, official_path, sha256_of

    for model in models:
        path = official_path(model)
        if path is None:
            yield model, 'missing', f'fetch it with: alike models fetch {model}'
        else:
            intact = sha256_of(path) == MANIFEST[model].sha256
            yield model, 'intact' if intact else 'damaged', str(path)


def _builtin_states() -> Iterator[State]:
    """Yield those that are built in."""
    from alike_ros.weights import builtin_files, sha256_of

    for model, (path, expected) in builtin_files().items():
        intact = sha256_of(path) == expected
        yield model, 'intact' if intact else 'damaged', f'{path} (built in)'
