"""Signals that come while Python still imports: before there is anything to end in order."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any


def end_on_signals(code: int = 0) -> None:
    """Let SIGINT and SIGTERM end this process at once with that code, until `process.run`.

    For a process that has only imported so far. An exception would not do: the initialisation
    of an extension module may swallow it, or print its traceback.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, partial(_end, code))


def _end(code: int, *_: Any) -> None:
    os._exit(code)
