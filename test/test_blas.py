"""The threads of numpy's matrix products."""

import subprocess
import sys

import pytest

from alike_ros import blas

PROGRAM = """
import numpy as np
from alike_ros.blas import blas_threads, limit_blas_threads
a = np.ones((300, 300))
done = limit_blas_threads(1)
print(int(done), blas_threads(), int((a @ a)[0, 0]))
"""


def test_products_take_one_thread_and_stay_right():
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    limited, threads, product = map(int, done.stdout.split())
    assert product == 300
    if not limited:
        pytest.skip('numpy has another library than OpenBLAS here')
    assert threads == 1


def test_without_openblas_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setattr(blas, 'MAPS', tmp_path / 'absent')
    assert not blas.limit_blas_threads()
    assert blas.blas_threads() == 0
