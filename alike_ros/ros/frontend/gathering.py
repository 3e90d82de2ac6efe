"""Messages of several topics gathered into sets by their stamps, and what finds no set."""

from __future__ import annotations

from typing import Any

from alike_ros.config import NodeConfig
from alike_ros.ros.conversions import stamp_ns
from alike_ros.ros.frontend import health as causes
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.processing import Arrival
from alike_ros.synchronisation import Synchroniser

_LATEST_CAPACITY = 10  # messages of a topic that wait with drop_policy latest


class Gathering:
    """Makes an `Arrival` of one message of each topic; the first topic's is what is counted.

    A node of one topic gathers sets of one, at once. For the executor's thread alone.
    """

    def __init__(self, topics: tuple[str, ...], config: NodeConfig, health: Health) -> None:
        capacity = config.queue_size if config.drop_policy == 'queue' else _LATEST_CAPACITY
        tolerance_ns = round(config.sync_tolerance * 1e9)
        self._topics = topics
        self._health = health
        self._sets: Synchroniser[tuple[Any, float]] = Synchroniser(
            len(topics), tolerance_ns, capacity
        )
        self._counted = 0
        self._count()

    @property
    def waiting(self) -> int:
        """Images that wait for the rest of their set."""
        return self._sets.waiting(0)

    def add(self, stream: int, msg: Any, received_s: float) -> list[Arrival]:
        """Take a message of a topic and return the sets that it completes."""
        complete = self._sets.add(stream, stamp_ns(msg.header), (msg, received_s))
        self._count()
        return [_arrival([each.item for each in one]) for one in complete]

    def reset(self) -> None:
        """Forget what waits."""
        self._sets.reset()
        self._count()

    def _count(self) -> None:
        first, *_ = unmatched = self._sets.unmatched
        self._health.dropped(causes.UNMATCHED, images=first - self._counted)
        self._counted = first
        if len(self._topics) > 1:
            self._health.unmatched(dict(zip(self._topics, unmatched, strict=True)))


def _arrival(items: list[tuple[Any, float]]) -> Arrival:
    (msg, received_s), *others = items
    return Arrival(msg, received_s, tuple(other for other, _ in others))
