"""Where the time of one image goes, asked for by whoever measures; otherwise it costs nothing."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Function = TypeVar('Function', bound=Callable[..., Any])

_stopwatch: dict[str, float] | None = None


def stage(name: str) -> Callable[[Function], Function]:
    """Mark a function as a stage; stages do not call each other."""

    def mark(function: Function) -> Function:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if _stopwatch is None:
                return function(*args, **kwargs)
            start_s = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                elapsed_s = time.perf_counter() - start_s
                _stopwatch[name] = _stopwatch.get(name, 0.0) + elapsed_s

        return timed  # type: ignore[return-value]

    return mark


@contextmanager
def measured_stages() -> Iterator[dict[str, float]]:
    """Collect the seconds that each stage takes in this block, in whatever thread.

    Blocks do not nest: the inner one would collect everything.
    """
    global _stopwatch
    before, _stopwatch = _stopwatch, {}
    try:
        yield _stopwatch
    finally:
        _stopwatch = before
