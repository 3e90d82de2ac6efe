"""Where images wait between the subscription's callback and the worker."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Mailbox(Generic[Item]):
    """A bounded first-in first-out store for two threads that never blocks the one that puts.

    When it is full, either the oldest item makes room (`keep_newest`) or the new one is refused.
    """

    def __init__(self, capacity: int, keep_newest: bool) -> None:
        self._capacity = capacity
        self._keep_newest = keep_newest
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> bool:
        """Add an item; False when one was lost to it: the oldest, or this one (see above)."""
        with self._changed:
            full = len(self._items) >= self._capacity
            if self._closed or (full and not self._keep_newest):
                return False
            if full:
                self._items.popleft()
            self._items.append(item)
            self._changed.notify()
            return not full

    def take(self) -> Item | None:
        """Wait for the oldest item and return it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            return None if self._closed else self._items.popleft()

    def close(self) -> int:
        """Wake the taker for the last time; return how many items were still waiting."""
        with self._changed:
            waiting = len(self._items)
            self._items.clear()
            self._closed = True
            self._changed.notify_all()
            return waiting

    def __len__(self) -> int:
        return len(self._items)
