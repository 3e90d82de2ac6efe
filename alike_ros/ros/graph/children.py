"""Processes that a program starts, watches and ends in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from alike_ros.closing import Closing
from alike_ros.errors import AlikeError

LAST_LINES = 12


class Child:
    """A Python module in a process of its own, whose last lines of output are kept.

    It does not share the terminal's Ctrl-C: who started it decides when it ends.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
    ) -> None:
        """All of its output is added to the file `log`, if one is given."""
        self.name = name
        self._log = log
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process = subprocess.Popen(
            [sys.executable, '-m', module, *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        if self.code is None:
            self._process.send_signal(number)

    def stop(self, timeout_s: float = 15.0) -> int:
        """Ask it to end, insist after the time-out, and return its exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self.signal(number)
            try:
                return self.wait(timeout_s)
            except subprocess.TimeoutExpired:
                continue
        raise AlikeError(f'{self.name} does not end')

    def wait(self, timeout_s: float) -> int:
        """Return its exit code and have all of its output; TimeoutExpired when it goes on."""
        code = self._process.wait(timeout_s)
        self._reader.join(1.0)
        return code

    def failure(self) -> str:
        """Say how it ended, with its own last lines."""
        self._reader.join(1.0)
        told = ''.join(f'\n  {self.name}: {line}' for line in self.lines)
        return f'{self.name} ended with exit code {self.code}{":" if told else ""}{told}'

    def _read(self) -> None:
        assert self._process.stdout is not None
        with open(self._log or os.devnull, 'a', buffering=1) as log:
            for line in self._process.stdout:
                self.lines.append(line.rstrip())
                log.write(line)


class Children(Closing):
    """Several of them; none outlives the `with` block."""

    def __init__(self, environment: Mapping[str, str], logs: Path | None = None) -> None:
        """Write the output of each to a new file in the folder `logs`, too, if one is given."""
        self._environment = environment
        self._logs = logs
        self._children: list[Child] = []

    def start(self, name: str, module: str, *arguments: str) -> Child:
        log = self._logs / f'{name}.log' if self._logs else None
        if log is not None and all(child.name != name for child in self._children):
            log.unlink(missing_ok=True)  # of a run before
        child = Child(name, module, arguments, self._environment, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise AlikeError with its own words when one of them has failed."""
        for child in self._children:
            if child.code:
                raise AlikeError(child.failure())

    def close(self) -> None:
        for child in reversed(self._children):
            child.signal(signal.SIGINT)
        for child in reversed(self._children):
            child.stop(5.0)
