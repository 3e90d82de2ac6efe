"""Images that were sent and never reached the node, by the numbers that DDS gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.subscription import Subscription

KNOWN = hasattr(Subscription, 'CallbackType')  # not on Humble: callbacks get the message alone


class Gaps:
    """Counts what is missing between two images of one publisher.

    A subscription that keeps the newest only loses the others without an event or a count, as
    when the executor does not get to run.
    """

    def __init__(self, publishers: Callable[[], int]) -> None:
        """Take what says how many publishers there are: the numbers of two would mix."""
        self._publishers = publishers
        self._last = 0

    def before(self, info: Mapping[str, Any]) -> int:
        """Return how many are missing before a message, by what rclpy says of it."""
        number = info.get('publication_sequence_number') or 0
        last, self._last = self._last, number
        missing = number - last - 1
        if last == 0 or missing <= 0 or self._publishers() != 1:
            return 0
        return missing
