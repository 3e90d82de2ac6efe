"""Keep the memory that one image needed for the next one, until there is no next one."""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_NEVER = 2**31 - 1  # bytes


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory instead of returning it to the system after every image.

    A network's buffers are tens of megabytes; mapped anew for each image, their page faults cost
    a third of the time (alike-t, 640 x 480: 9500 faults and 11 ms an image on a virtual machine).
    And to keep it in one place: with an arena for each thread, every new thread leaves its own
    behind. Ten times opened and closed, with two threads each, a process holds 393 MB of the 424
    that it had while it ran; with one arena 209 of 278, the first time like the last.

    Holds for the whole process; early, before there are threads, it does most. Other C libraries
    are left as they are: False.
    """
    mallopt = _of_glibc('mallopt')
    if mallopt is None:
        return False
    settings = {_M_MMAP_THRESHOLD: _NEVER, _M_TRIM_THRESHOLD: _NEVER, _M_ARENA_MAX: 1}
    return all([mallopt(name, value) for name, value in settings.items()])


def return_freed_memory() -> bool:
    """Give the system back what was freed and kept; False where that is not known how.

    To be called when the last image was computed: of 281 MB of a process that ran alike-t by
    ONNX Runtime, 102 are left, with OpenVINO 165 of 271.
    """
    malloc_trim = _of_glibc('malloc_trim')
    if malloc_trim is None:
        return False
    gc.collect()
    malloc_trim(0)
    return True


def _of_glibc(name: str) -> Callable[..., int] | None:
    """Return a function of glibc; None with another C library."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith('linux') else None
