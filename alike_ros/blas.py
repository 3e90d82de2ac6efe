"""How many threads numpy's matrix products take."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


def limit_blas_threads(count: int = 1) -> None:
    """Let numpy multiply matrices with so many threads in this process.

    OpenBLAS's threads spin at a barrier. Beside a network's threads on the same cores, tracking
    1000 points took 9 ms with two of them (p99 84 ms) and 1.6 ms with one (p99 4 ms). This is
    for processes of our own; a library must not decide it for others.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # slower beside a network, and no reason for a robot not to start
        log.info('threadpoolctl is not installed: numpy multiplies with all its threads')
        return
    threadpool_limits(limits=count, user_api='blas')
