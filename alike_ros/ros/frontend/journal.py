"""Log sentences that repeat with every image, without flooding the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol


class Logger(Protocol):
    """The part of rclpy's logger that is used here."""

    def warning(self, message: str, **kwargs: Any) -> bool: ...

    def error(self, message: str, **kwargs: Any) -> bool: ...


def guarded(journal: Journal, callback: Callable[[Any], None]) -> Callable[[Any], None]:
    """Log what a message made go wrong: an exception would end the executor."""

    def call(message: Any) -> None:
        try:
            callback(message)
        except Exception as error:
            kind = type(error).__name__
            journal.error(f'input {kind}', f'A message was skipped: {kind}: {error}')

    return call


class Journal:
    """Writes each topic's sentence at once, then at most every `period_s` with a count.

    A topic, not the sentence, is what repeats: the sentence may name sizes or stamps.
    """

    def __init__(
        self, logger: Logger, period_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._period_s = period_s
        self._clock = clock
        self._lock = threading.Lock()
        self._written_s: dict[str, float] = {}
        self._silent: dict[str, int] = {}

    def warn(self, topic: str, sentence: str) -> None:
        if (text := self._due(topic, sentence)) is not None:
            self._logger.warning(text)

    def error(self, topic: str, sentence: str) -> None:
        if (text := self._due(topic, sentence)) is not None:
            self._logger.error(text)

    def warn_once(self, topic: str, sentence: str) -> None:
        if self.first(topic):
            self._logger.warning(sentence)

    def first(self, topic: str) -> bool:
        """Return True the first time that a topic is asked for."""
        with self._lock:
            known = topic in self._written_s
            self._written_s.setdefault(topic, self._clock())
            return not known

    def _due(self, topic: str, sentence: str) -> str | None:
        with self._lock:
            now_s = self._clock()
            if now_s - self._written_s.get(topic, -self._period_s) < self._period_s:
                self._silent[topic] = self._silent.get(topic, 0) + 1
                return None
            self._written_s[topic] = now_s
            silent = self._silent.pop(topic, 0)
        return f'{sentence} ({silent} more like this)' if silent else sentence
