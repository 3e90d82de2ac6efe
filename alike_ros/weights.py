"""Which weights a network gets: the published ones, those of this package, or a file.

The published ones: BSD-3-Clause, Copyright (c) 2022 Zhao Xiaoming. The others: models/README.md.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alike_ros.errors import AlikeError, WeightsError
from alike_ros.resources import share_dir

AUTO, OFFICIAL, BUILTIN = 'auto', 'official', 'builtin'
CHECKSUMS = 'SHA256SUMS'  # of the built-in files, beside them

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A file of the original authors; size in bytes."""

    file: str
    size: int
    sha256: str


MANIFEST = {
    'alike-t': Published(
        'alike-t.pth', 350644, 'c0840329a6b88518d914b03af2be956f5607055a389ba17441db02bb94f7d12e'
    ),
    'alike-s': Published(
        'alike-s.pth', 724468, 'a9c0789ff0a09f576cc24afe4924d3233471499d1ce3b0248d650c8794e99a94'
    ),
    'alike-n': Published(
        'alike-n.pth', 1338420, '8bd4789272eec779be280f8fc1007608ff604241440a0a3377c1559199412ee3'
    ),
    'alike-l': Published(
        'alike-l.pth', 2639857, 'bed5fbbf352ab1c3e92e2241881f8b84edce949984fa23bc7f2517eab93938a0'
    ),
}


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights as it was found on disk; origin: official, builtin or file."""

    model: str
    path: Path
    sha256: str
    origin: str = 'file'

    def __str__(self) -> str:
        kind = {OFFICIAL: 'official weights', BUILTIN: 'built-in weights'}
        name = kind.get(self.origin, 'weights')
        return f'{name} of {self.model}, sha256 {self.sha256[:12]}, {self.path}'


def cache_dir() -> Path:
    """Return the user's cache folder of this package (XDG base directories)."""
    return Path(os.environ.get('XDG_CACHE_HOME') or _home() / '.cache', 'alike_ros', 'models')


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no $HOME, and no entry for this user, as in a container
        return Path('/nonexistent')


def search_path() -> list[Path]:
    """Return the folders that are searched for official weights, first hit wins."""
    return list(dict.fromkeys(_search_path()))


def _search_path() -> Iterator[Path]:
    if os.environ.get('ALIKE_MODELS'):
        yield Path(os.environ['ALIKE_MODELS']).expanduser()
    yield from _own_folders()
    yield cache_dir()


def _own_folders() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[1] / 'models'
    with suppress(AlikeError):  # a copied package without its share folder has the other places
        yield share_dir() / 'models'


def find_weights(model: str, choice: str = AUTO) -> WeightsFile:
    """Return the weights of a model.

    choice: official; builtin; auto, which is official where an intact file is found and builtin
    otherwise; or the path of a file.

    Raises:
        WeightsError: there are none of that choice, or they are damaged.
    """
    if choice == AUTO:
        return _automatic(model)
    if choice == OFFICIAL:
        return find_official(model)
    if choice == BUILTIN:
        return _builtin(model)
    return _explicit(model, Path(choice).expanduser())


def _automatic(model: str) -> WeightsFile:
    if model not in builtin_files():
        return find_official(model)
    try:
        return find_official(model)
    except WeightsError as error:
        if official_path(model) is not None:
            log.warning('the built-in weights are used, for %s', error)
        return _builtin(model)


def official_path(model: str) -> Path | None:
    """Return the first file in the search path that bears the published name."""
    candidates = (folder / MANIFEST[model].file for folder in search_path())
    return next((path for path in candidates if path.is_file()), None)


def find_official(model: str) -> WeightsFile:
    """Return the published weights.

    Raises:
        WeightsError: they are not there or not intact.
    """
    path = official_path(model)
    if path is None:
        places = ', '.join(str(folder) for folder in search_path())
        raise WeightsError(
            f'no official weights of {model}: {MANIFEST[model].file} was looked for in {places}. '
            f'Fetch them with: alike models fetch {model}; or set $ALIKE_MODELS to their folder'
        )
    found = WeightsFile(model, path, sha256_of(path), OFFICIAL)
    expected = MANIFEST[model].sha256
    if found.sha256 != expected:
        raise WeightsError(
            f'{path} is damaged or another file: sha256 {found.sha256[:12]}…, expected '
            f'{expected[:12]}…. Fetch it again with: alike models fetch {model}; '
            'or name a file of your own by the parameter weights'
        )
    return found


def builtin_files() -> dict[str, tuple[Path, str]]:
    """Return the files built into this package and their checksums, by model."""
    files: dict[str, tuple[Path, str]] = {}
    for sums in (folder / CHECKSUMS for folder in _own_folders()):
        for line in sums.read_text().splitlines() if sums.is_file() else ():
            digest, _, name = line.partition('  ')
            model = name.removeprefix(f'{BUILTIN}-').removesuffix('.pth')
            if (sums.parent / name).is_file():
                files.setdefault(model, (sums.parent / name, digest))
    return files


def _builtin(model: str) -> WeightsFile:
    if model not in (files := builtin_files()):
        raise WeightsError(
            f'no weights of {model} are built in, only of {", ".join(files) or "none"}. '
            f'Fetch the official ones with: alike models fetch {model}'
        )
    path, expected = files[model]
    found = WeightsFile(model, path, sha256_of(path), BUILTIN)
    if found.sha256 != expected:
        raise WeightsError(
            f'{path} is damaged: sha256 {found.sha256[:12]}, expected {expected[:12]}. '
            'Install alike_ros again'
        )
    return found


def _explicit(model: str, path: Path) -> WeightsFile:
    if not path.is_file():
        raise WeightsError(
            f'no weights at {path}, the file that was given for {model}. Give an existing file, '
            'or auto, official or builtin'
        )
    return WeightsFile(model, path, sha256_of(path))


def sha256_of(path: Path) -> str:
    """Return the file's checksum as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
