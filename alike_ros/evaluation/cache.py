"""Predictions kept on disk, so that another summary or page need not compute them again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from alike_ros.errors import DatasetError
from alike_ros.evaluation.summary import LIBRARIES, hardware, versions
from alike_ros.resources import version

COMPUTING = (*LIBRARIES, 'scikit-image')
NOT_COMPUTING = ('ros', 'cli', 'benchmark')  # folders whose code changes no prediction

Key = Mapping[str, Any]
Arrays = TypeVar('Arrays')

log = logging.getLogger(__name__)


class Cache:
    """A folder of .npz files: arrays and the key that they belong to, nothing pickled.

    Keys hold all that decides a prediction: the input's files, the method with its parameters and
    weights, this package's version and code, the libraries, and the machine, as predictions hold
    times. One that differs in anything is another file.
    """

    def __init__(self, folder: Path | None) -> None:
        """Keep predictions in a folder, which is made when needed; None keeps none."""
        self._folder = folder

    def get(
        self, keys: Mapping[str, Key], kind: type[Arrays], compute: Compute[Arrays]
    ) -> dict[str, Arrays]:
        """Return an instance of a dataclass of arrays for each name.

        `compute` is given the names that are not there, and returns them.
        """
        found = {name: self._load(self._path(name, key), key, kind) for name, key in keys.items()}
        missing = [name for name, value in found.items() if value is None]
        fresh = compute(missing) if missing else {}
        for name, value in fresh.items():
            self._store(self._path(name, keys[name]), keys[name], value)
        kept = {name: value for name, value in found.items() if value is not None}
        return {name: fresh[name] if name in fresh else kept[name] for name in keys}

    def _path(self, name: str, key: Key) -> Path | None:
        if self._folder is None:
            return None
        plain = ''.join(c if c.isalnum() or c in '-+_' else '_' for c in name)
        return self._folder / f'{plain}-{hashlib.sha256(_text(key)).hexdigest()[:16]}.npz'

    def _load(self, path: Path | None, key: Key, kind: type[Arrays]) -> Arrays | None:
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            if arrays.pop('key').tobytes() != _text(key):
                return None
            value = kind(**arrays)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            log.warning('%s cannot be read and is made again: %s', path, error)
            return None
        log.info('taken from %s', path)
        return value

    def _store(self, path: Path | None, key: Key, value: Any) -> None:
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f'.{os.getpid()}.part')
        try:
            with unfinished.open('wb') as file:
                np.savez_compressed(file, key=np.frombuffer(_text(key), np.uint8), **vars(value))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


Compute = Callable[[list[str]], Mapping[str, Arrays]]


def made_with() -> dict[str, Any]:
    """Return what predictions of this process are made with, whatever they are."""
    return {
        'version': version(),
        'code': _code(),
        'libraries': versions(COMPUTING),
        'hardware': hardware(),
    }


def files_of(path: Path) -> str:
    """Return a checksum of the names, sizes and times of change of all files of an input.

    Raises:
        DatasetError: nothing is there.
    """
    files = sorted(each for each in path.rglob('*') if each.is_file()) if path.is_dir() else [path]
    if not path.exists():
        raise DatasetError(f'{path} is not there')
    lines = ((str(each.relative_to(path)), each.stat()) for each in files)
    return _digest(f'{name} {s.st_size} {s.st_mtime_ns}\n'.encode() for name, s in lines)


@cache
def _code() -> str:
    """Return a checksum of the code that may decide a prediction."""
    package = Path(__file__).resolve().parents[1]
    files = ((path, path.relative_to(package)) for path in sorted(package.rglob('*.py')))
    return _digest(
        part
        for path, name in files
        if name.parts[0] not in NOT_COMPUTING
        for part in (str(name).encode(), path.read_bytes())
    )


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _text(key: Key) -> bytes:
    return json.dumps(key, sort_keys=True).encode()
