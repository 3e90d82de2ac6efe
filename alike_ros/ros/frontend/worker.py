"""The one thread that computes, so that callbacks only ever put images down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic

from alike_ros.ros.frontend.mailbox import Item, Mailbox


class Worker(Generic[Item]):
    """Calls `handle` with each item of a mailbox, in order, on a thread of its own.

    `handle` answers for its own errors: what it lets through ends the thread.
    """

    def __init__(self, mailbox: Mailbox[Item], handle: Callable[[Item], None]) -> None:
        self._mailbox = mailbox
        self._handle = handle
        self._orders: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._run, name='frontend-worker', daemon=True)

    def start(self) -> None:
        self._thread.start()

    def before_next(self, order: Callable[[], None]) -> None:
        """Have `order` called on the worker's thread before the next item, or at the end.

        So the caller, which is a callback of the executor, does not wait for the item at work.
        """
        self._orders.append(order)

    def stop(self, timeout_s: float = 30.0) -> int:
        """Finish the item at work and end the thread; return how many items were not done."""
        undone = self._mailbox.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._obey()
        return undone

    def _run(self) -> None:
        while (item := self._mailbox.take()) is not None:
            self._obey()
            self._handle(item)

    def _obey(self) -> None:
        while self._orders:
            self._orders.popleft()()
