"""Whether there is a CUDA device, asked of the driver: importing PyTorch for it takes seconds."""

from __future__ import annotations

import ctypes
import functools
import sys

_DRIVER = 'nvcuda.dll' if sys.platform == 'win32' else 'libcuda.so.1'


@functools.cache
def has_cuda() -> bool:
    """Whether the driver of NVIDIA is installed and sees a device."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    count = ctypes.c_int(0)
    counted = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return counted and count.value > 0


def device_name(number: int) -> str:
    """Return what the driver calls a CUDA device; '' for one that is not there."""
    if not has_cuda():
        return ''
    driver = ctypes.CDLL(_DRIVER)
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(device), number) or driver.cuDeviceGetName(
        name, len(name), device
    ):
        return ''
    return name.value.decode()
