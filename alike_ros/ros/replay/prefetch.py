"""Frames read ahead on a thread, so that a slow disk or decoder does not upset a rhythm."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Prefetch(Generic[Item]):
    """Iterates over `items`, up to `depth` of them read ahead; errors come out in their place."""

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._queue: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(depth)
        self._closed = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._read, args=(items,), name='prefetch', daemon=True
        )
        self._thread.start()

    def wait_full(self, timeout_s: float) -> bool:
        """Wait until `depth` items or all there are have been read; False when time is up."""
        return self._ready.wait(timeout_s)

    def __iter__(self) -> Iterator[Item]:
        while True:
            is_item, value = self._queue.get()
            if is_item:
                yield value  # type: ignore[misc]
                continue
            if isinstance(value, BaseException):
                raise value
            return

    def close(self) -> None:
        """Stop reading; items already read are dropped."""
        self._closed.set()
        while self._thread.is_alive():
            self._drain()
            self._thread.join(0.05)

    def _read(self, items: Iterable[Item]) -> None:
        end: BaseException | None = None
        try:
            for item in items:
                self._queue.put((True, item))
                if self._queue.full():
                    self._ready.set()
                if self._closed.is_set():
                    break
        except BaseException as error:  # for the thread that iterates
            end = error
        self._ready.set()
        self._queue.put((False, end))

    def _drain(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            pass
