"""Whether there is a CUDA device, asked of the driver: importing PyTorch for it takes seconds."""

from __future__ import annotations

import ctypes
import functools
import sys


@functools.cache
def has_cuda() -> bool:
    """Whether the driver of NVIDIA is installed and sees a device."""
    try:
        driver = ctypes.CDLL('nvcuda.dll' if sys.platform == 'win32' else 'libcuda.so.1')
    except OSError:
        return False
    count = ctypes.c_int(0)
    counted = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return counted and count.value > 0
