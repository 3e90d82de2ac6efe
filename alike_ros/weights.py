"""The published weights: what they are, where they are looked for, how they are fetched.

Their licence: BSD-3-Clause, Copyright (c) 2022 Zhao Xiaoming.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from alike_ros.errors import AlikeError, WeightsError
from alike_ros.resources import share_dir

COMMIT = '4e61fc77e75fb1cb3e7447d0a21f854cc61a0d32'
ORIGIN = f'https://raw.githubusercontent.com/Shiaoming/ALIKE/{COMMIT}/models'

Progress = Callable[[int, int], None]


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
    """A file of weights as it was found on disk."""

    model: str
    path: Path
    sha256: str

    @property
    def intact(self) -> bool:
        """Whether this is the published file, bit for bit."""
        return self.sha256 == MANIFEST[self.model].sha256


def cache_dir() -> Path:
    """Return the user's cache folder of this package (XDG base directories)."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'alike_ros' / 'models'


def search_path() -> list[Path]:
    """Return the folders that are searched for weights, first hit wins."""
    return list(dict.fromkeys(_search_path()))


def _search_path() -> Iterator[Path]:
    if os.environ.get('ALIKE_MODELS'):
        yield Path(os.environ['ALIKE_MODELS']).expanduser()
    yield Path(__file__).resolve().parents[1] / 'models'
    with suppress(AlikeError):  # a copied package without its share folder has the other places
        yield share_dir() / 'models'
    yield cache_dir()


def find_weights(model: str, path: str = '') -> WeightsFile:
    """Return the weights of a model: the file given, or the first one in the search path.

    Raises:
        WeightsError: there is none, or a found one that bears the published name is damaged.
    """
    if path:
        return _explicit(model, Path(path).expanduser())
    for folder in search_path():
        candidate = folder / MANIFEST[model].file
        if candidate.is_file():
            return _intact(model, candidate)
    places = ', '.join(str(folder) for folder in search_path())
    raise WeightsError(
        f'no weights of {model}: {MANIFEST[model].file} was looked for in {places}. '
        f'Fetch them with: alike models fetch {model}; or set $ALIKE_MODELS to their folder'
    )


def _explicit(model: str, path: Path) -> WeightsFile:
    if not path.is_file():
        raise WeightsError(
            f'no weights at {path}, the file that was given for {model}. Give an existing file, '
            f'or none and fetch the published one: alike models fetch {model}'
        )
    return WeightsFile(model, path, sha256_of(path))


def _intact(model: str, path: Path) -> WeightsFile:
    found = WeightsFile(model, path, sha256_of(path))
    if not found.intact:
        raise WeightsError(
            f'{path} is damaged or another file: sha256 {found.sha256[:12]}…, expected '
            f'{MANIFEST[model].sha256[:12]}…. Fetch it again with: alike models fetch {model}; '
            'or name a file of your own by the parameter weights'
        )
    return found


def sha256_of(path: Path) -> str:
    """Return the file's checksum as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch_weights(
    model: str, url: str = ORIGIN, folder: Path | None = None, progress: Progress | None = None
) -> Path:
    """Download the published weights of a model and return their path.

    A download that was cut off goes on where it stopped. The file gets its name only after its
    checksum is right.

    Args:
        url: folder of the original repository at a pinned commit, or of a mirror.
        folder: destination; the user's cache when None.
        progress: called with bytes done and bytes in all.

    Raises:
        WeightsError: the server cannot be reached or answers with something else.
    """
    published = MANIFEST[model]
    path = (folder or cache_dir()) / published.file
    if path.is_file() and sha256_of(path) == published.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix('.part')
    source = f'{url.rstrip("/")}/{published.file}'
    try:
        _download(source, partial, published.size, progress or (lambda done, total: None))
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise WeightsError(
            f'cannot fetch {source}: {getattr(error, "reason", error)}. Check the network, name a '
            'mirror with --url, or copy the file into a folder named by $ALIKE_MODELS'
        ) from error
    if partial.stat().st_size < published.size:
        raise WeightsError(
            f'{source} broke off after {partial.stat().st_size} of {published.size} bytes. '
            'Run the same command again: it goes on from there'
        )
    got = sha256_of(partial)
    if got != published.sha256:
        partial.unlink()
        raise WeightsError(
            f'{source} is not the published file: sha256 {got[:12]}…, expected '
            f'{published.sha256[:12]}…. Nothing was kept; try again or name a mirror with --url'
        )
    partial.replace(path)
    return path


def _download(source: str, partial: Path, size: int, progress: Progress) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    if done >= size:
        partial.unlink()
        done = 0
    request = Request(source, headers={'Range': f'bytes={done}-'} if done else {})
    with urlopen(request, timeout=30) as response:
        resumed = response.status == 206
        done = done if resumed else 0
        with partial.open('ab' if resumed else 'wb') as file:
            while chunk := response.read(1 << 16):
                file.write(chunk)
                done += len(chunk)
                progress(done, size)
