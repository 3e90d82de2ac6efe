"""Read a state dict that PyTorch saved, without PyTorch.

The file is a zip archive: a pickle that names tensors, and one member of raw numbers for each.
The pickle may only name what a state dict is made of, so that nothing in it can run; and it may
not ask for more memory than any network of this package needs.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

STORAGES = {
    'DoubleStorage': '<f8',
    'FloatStorage': '<f4',
    'HalfStorage': '<f2',
    'IntStorage': '<i4',
    'LongStorage': '<i8',
}
LARGEST = 1 << 28  # bytes of all tensors; alike-l has 2.6 MB


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a state dict by name.

    Raises:
        ValueError: the file is not such an archive, or names anything but tensors.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(sum(member.file_size for member in archive.infolist()))
            [index] = [name for name in archive.namelist() if name.endswith('/data.pkl')]
            folder = index.removesuffix('data.pkl')
            if folder + 'byteorder' in archive.namelist():
                _check_byte_order(archive.read(folder + 'byteorder'))
            unpickler = _TensorUnpickler(
                archive.read(index), lambda key: archive.read(f'{folder}data/{key}')
            )
            state = unpickler.load()
            if not isinstance(state, dict):
                raise pickle.UnpicklingError(f'it holds {type(state).__name__}, not a dict')
            return {str(name): _tensor(name, value) for name, value in state.items()}
    except OSError:
        raise
    except Exception as error:  # a damaged file fails in zipfile, zlib, pickle or numpy
        raise ValueError(str(error) or type(error).__name__) from error


def _tensor(name: Any, value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise pickle.UnpicklingError(f'{name!r} is {type(value).__name__}, not a tensor')
    return value


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise pickle.UnpicklingError(f'it unpacks to {size} bytes, expected at most {LARGEST}')


def _check_byte_order(order: bytes) -> None:
    if order != b'little':
        raise pickle.UnpicklingError(f'its byte order is {order!r}, not little')


class _TensorUnpickler(pickle.Unpickler):
    """Builds arrays where the pickle names tensors, and refuses every other name.

    What a name stands for has no attributes that the pickle could set.
    """

    def __init__(self, content: bytes, read: Callable[[str], bytes]) -> None:
        super().__init__(io.BytesIO(content))
        self._read = cache(read)  # tensors may share a storage
        self._rebuild = _Rebuild()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return self._rebuild
        if module == 'torch' and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f'it names {module}.{name}, which no state dict needs')

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, dtype, key, _, count = pid
        if kind != 'storage' or dtype not in STORAGES.values() or not str(key).isalnum():
            raise pickle.UnpicklingError(f'unknown storage {pid!r}')
        return np.frombuffer(self._read(key), dtype, count)


class _Rebuild:
    """Stands in for PyTorch's function that makes a tensor of a storage."""

    __slots__ = ('_size',)

    def __init__(self) -> None:
        self._size = 0

    def __call__(
        self,
        storage: np.ndarray,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: Any,
    ) -> np.ndarray:
        """Return a copy of the part of a storage that a tensor is; strides count elements."""
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if min((offset, *shape, *strides), default=0) < 0 or last >= len(storage):
            raise pickle.UnpicklingError(f'a tensor of shape {shape} leaves its storage')
        self._size += math.prod(shape) * storage.itemsize
        _check_size(self._size)
        steps = tuple(step * storage.itemsize for step in strides)
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()
