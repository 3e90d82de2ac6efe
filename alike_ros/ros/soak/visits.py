"""Late joiners: a process that subscribes while all runs, leaves, and comes again."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from alike_ros.errors import AlikeError
from alike_ros.ros.graph.children import Child, Children
from alike_ros.ros.soak.remote import Steps, pause

CHECKER = 'alike_ros.ros.soak.checker'
PARTING_S = 2.0  # until the others know that it left
END_LIMIT_S = 30.0


class Visits:
    """One visitor after another, each a checker that looks at the pictures, too.

    present: whether one is there, or was until now.
    """

    def __init__(self, children: Children, folder: Path, stay_s: float, gap_s: float) -> None:
        self.present = False
        self._children = children
        self._folder = folder
        self._stay_s = stay_s
        self._gap_s = gap_s
        self._reports: list[Path] = []
        self._child: Child | None = None

    def steps(self) -> Steps:
        """Go on for ever; AlikeError when a visitor fails."""
        while True:
            yield from pause(self._gap_s)
            self._come()
            yield from pause(self._stay_s)
            yield from self._leave()
            yield from pause(PARTING_S)
            self.present = False

    def close(self) -> None:
        """Let the last one leave."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def reports(self) -> list[dict[str, Any]]:
        """Return what each found, of those that had time to begin."""
        return [json.loads(path.read_text()) for path in self._reports if path.exists()]

    def _come(self) -> None:
        self.present = True
        path = self._folder / f'visitor_{len(self._reports)}.json'
        arguments = ('--report', str(path), '--pictures')
        self._child = self._children.start('visitor', CHECKER, *arguments)
        self._reports.append(path)

    def _leave(self) -> Steps:
        child = self._child
        assert child is not None
        child.signal(signal.SIGINT)
        until_s = time.monotonic() + END_LIMIT_S
        while child.code is None:
            if time.monotonic() > until_s:
                raise AlikeError(f'a late joiner does not end in {END_LIMIT_S:.0f} s')
            yield
        if child.code:
            raise AlikeError(child.failure())
        self._child = None
