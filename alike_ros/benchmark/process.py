"""What Linux tells a process about itself; elsewhere nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SELF = Path('/proc/self')
MEGABYTE = 1e6


def waited_s() -> float:
    """Return the seconds that this process's threads were ready to run and had no core."""
    return sum(_waits_ns()) / 1e9


def resident_bytes() -> int:
    return _status_bytes('VmRSS')


def peak_bytes() -> int:
    """Return the largest resident size since the last `restart_peak`, or since the start."""
    return _status_bytes('VmHWM')


def restart_peak() -> None:
    with suppress(OSError):
        (SELF / 'clear_refs').write_text('5')


def _waits_ns() -> Iterator[int]:
    with suppress(OSError):
        for thread in (SELF / 'task').iterdir():
            with suppress(OSError):  # a thread that ended meanwhile
                yield int((thread / 'schedstat').read_text().split()[1])


def _status_bytes(name: str) -> int:
    with suppress(OSError):
        for line in (SELF / 'status').read_text().splitlines():
            if line.startswith(f'{name}:'):
                return int(line.split()[1]) * 1024
    return 0
