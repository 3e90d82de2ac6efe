"""Messages of several topics that carry the same stamp."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from alike_ros.ros.conversions import stamp_ns

KEPT = 30  # stamps: a second of images


class SameStamp:
    """Hands over one message of each topic as soon as all of one stamp have come.

    Stamps that stay incomplete, as those of images that the front end did not process, go when
    newer ones come; `missing` hears what lacks once nothing was complete for so many of them.
    """

    def __init__(
        self,
        topics: Collection[str],
        complete: Callable[[dict[str, Any]], None],
        missing: Callable[[set[str]], None],
    ) -> None:
        self._topics = set(topics)
        self._complete = complete
        self._missing = missing
        self._waiting: dict[int, dict[str, Any]] = {}
        self._given_up = 0

    @property
    def waiting(self) -> int:
        """Stamps that are not complete."""
        return len(self._waiting)

    def add(self, topic: str, message: Any) -> None:
        """Take a message; `complete` is called from here."""
        stamp = stamp_ns(message.header)
        found = self._waiting.setdefault(stamp, {})
        found[topic] = message
        if found.keys() == self._topics:
            del self._waiting[stamp]
            self._given_up = 0
            self._complete(found)
        elif len(self._waiting) > KEPT:
            self._give_up()

    def _give_up(self) -> None:
        oldest = next(iter(self._waiting))
        found = self._waiting.pop(oldest)
        self._given_up += 1
        if self._given_up >= KEPT:
            self._missing(self._topics - found.keys())
