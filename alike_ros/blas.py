"""How many threads numpy's matrix products take."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

MAPS = Path('/proc/self/maps')
# OpenBLAS as distributions build it, and as it comes in numpy's wheels.
NAMES = ('openblas_{}', 'openblas_{}64_', 'scipy_openblas_{}', 'scipy_openblas_{}64_')


def limit_blas_threads(count: int = 1) -> bool:
    """Let numpy multiply matrices with so many threads in this process; False if it cannot be.

    OpenBLAS's threads spin at a barrier. Beside a network's threads on the same cores, tracking
    1000 points took 9 ms with two of them (p99 84 ms) and 1.6 ms with one (p99 4 ms). This is
    for processes of our own; a library must not decide it for others.
    """
    setters = list(_functions('set_num_threads'))
    for setter in setters:
        setter(count)
    return bool(setters)


def blas_threads() -> int:
    """Return how many threads a product may take; 0 when that is not known."""
    return max((getter() for getter in _functions('get_num_threads')), default=0)


def _functions(name: str) -> Iterator[Callable[..., int]]:
    """Yield the function of that name of every OpenBLAS that this process has loaded."""
    for path in _loaded():
        with suppress(OSError):
            library = ctypes.CDLL(path)
            for pattern in NAMES:
                function = getattr(library, pattern.format(name), None)
                if function is not None:
                    yield function


def _loaded() -> set[str]:
    with suppress(OSError):
        paths = {line.split(maxsplit=5)[-1] for line in MAPS.read_text().splitlines()}
        return {path for path in paths if 'openblas' in path and path.startswith('/')}
    return set()
