"""The threads of numpy's matrix products."""

import subprocess
import sys

from alike_ros.blas import limit_blas_threads

PROGRAM = """
import numpy as np
from threadpoolctl import threadpool_info
from alike_ros.blas import limit_blas_threads
a = np.ones((300, 300))
limit_blas_threads(1)
threads = {pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas'}
assert int((a @ a)[0, 0]) == 300
print(*threads)
"""


def test_products_take_one_thread_and_stay_right():
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ['1']


def test_a_robot_without_threadpoolctl_starts_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, 'threadpoolctl', None)
    limit_blas_threads(1)
