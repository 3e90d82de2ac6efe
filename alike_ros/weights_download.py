"""Fetch the published weights: the only place of this package that opens a network connection."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from alike_ros.errors import WeightsError
from alike_ros.weights import MANIFEST, cache_dir, sha256_of

COMMIT = '4e61fc77e75fb1cb3e7447d0a21f854cc61a0d32'
ORIGIN = f'https://raw.githubusercontent.com/Shiaoming/ALIKE/{COMMIT}/models'

Progress = Callable[[int, int], None]


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
