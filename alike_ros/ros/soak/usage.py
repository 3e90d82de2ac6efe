"""What a process holds of its computer, as Linux tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from alike_ros.errors import AlikeError

PROC = Path('/proc')
KILOBYTE = 1024


@dataclass(frozen=True)
class Usage:
    """resident, proportional: bytes in memory, those shared counted in full or by their share.

    anonymous: bytes of the former that are no file's. shared: those of shared-memory segments.
    cpu_s: of all threads, since its start.
    """

    resident: int
    proportional: int
    anonymous: int
    shared: int
    handles: int
    threads: int
    cpu_s: float


def usage(pid: int) -> Usage:
    """Look at a process of the same user.

    Raises:
        AlikeError: it has ended, or this is not Linux.
    """
    folder = PROC / str(pid)
    try:
        status = _kilobytes(folder / 'status')
        return Usage(
            resident=status['VmRSS'] * KILOBYTE,
            proportional=_kilobytes(folder / 'smaps_rollup')['Pss'] * KILOBYTE,
            anonymous=status['RssAnon'] * KILOBYTE,
            shared=status['RssShmem'] * KILOBYTE,
            handles=len(os.listdir(folder / 'fd')),
            threads=status['Threads'],
            cpu_s=_cpu_s(folder / 'stat'),
        )
    except (OSError, KeyError) as error:
        raise AlikeError(
            f'{folder} does not tell what process {pid} uses ({error}): it has ended, or this is '
            'not Linux'
        ) from error


def _kilobytes(path: Path) -> dict[str, int]:
    """Return the numbers of a file of lines like 'VmRSS:  1234 kB'."""
    entries = (line.split() for line in path.read_text().splitlines())
    return {
        words[0].rstrip(':'): int(words[1])
        for words in entries
        if len(words) > 1 and words[0].endswith(':') and words[1].isdigit()
    }


def _cpu_s(path: Path) -> float:
    after_name = path.read_text().rpartition(')')[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf('SC_CLK_TCK')
