"""The most that this machine gives: arithmetic and memory traffic, with the same threads."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from alike_ros.benchmark.contestant import Extract, Outputs

GEMM_SIDE = 1536  # 9 MB a matrix, large enough for the best rate
COPY_BYTES = 128 << 20  # larger than caches
REPEATS = 10


def open_ceiling(threads: int) -> Extract:
    """Return a contestant whose output is [[FLOP/s, byte/s]], the best of some attempts.

    NumPy's copy uses one thread; PyTorch, where it is installed, uses all.
    """
    libraries = [_by_numpy(), _by_torch(threads)] if _has_torch() else [_by_numpy()]
    gemm_s = min(_best_s(product) for product, _ in libraries)
    copy_s = min(_best_s(copy) for _, copy in libraries)
    rates = np.array([[2.0 * GEMM_SIDE**3 / gemm_s, 2.0 * COPY_BYTES / copy_s]], np.float32)
    outputs = [Outputs(rates, np.zeros((1, 0), np.float32))]
    return lambda images: outputs


def _has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def _by_torch(threads: int) -> tuple[Callable[[], object], Callable[[], object]]:
    import torch

    torch.set_num_threads(threads)
    a, b, c = (torch.rand(GEMM_SIDE, GEMM_SIDE) for _ in range(3))
    source, target = (torch.zeros(COPY_BYTES // 4) for _ in range(2))
    return lambda: torch.mm(a, b, out=c), lambda: target.copy_(source)


def _by_numpy() -> tuple[Callable[[], object], Callable[[], object]]:
    a, b, c = (np.ones((GEMM_SIDE, GEMM_SIDE), np.float32) for _ in range(3))
    source, target = (np.zeros(COPY_BYTES // 4, np.float32) for _ in range(2))
    return lambda: np.matmul(a, b, out=c), lambda: np.copyto(target, source)


def _best_s(work: Callable[[], object]) -> float:
    work()
    times_s = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
