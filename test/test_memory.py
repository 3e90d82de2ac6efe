"""What a process keeps of the memory that it freed."""

import subprocess
import sys

import pytest

# Eight threads free what they took but for one block, one after the other, and live on.
PROGRAM = """
import threading
from alike_ros.backends.memory import keep_freed_memory, return_freed_memory
from alike_ros.benchmark.process import resident_bytes
assert keep_freed_memory()
kept, over = [], threading.Event()
def work(done):
    blocks = [bytes(100_000) for _ in range(400)]
    kept.append(blocks[200])
    del blocks
    done.set()
    over.wait()
before = resident_bytes()
for _ in range(8):
    done = threading.Event()
    threading.Thread(target=work, args=(done,)).start()
    done.wait()
print(resident_bytes() - before)
over.set()
assert return_freed_memory()
print(resident_bytes() - before)
"""


def held():
    """Return the MB that a process holds after the threads, and after it gave memory back."""
    command = [sys.executable, '-c', PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line) / 1e6 for line in done.stdout.split()]


@pytest.mark.skipif(
    not sys.platform.startswith('linux'),
    reason='mallopt and malloc_trim are of glibc',
)
def test_what_a_thread_freed_is_used_again_by_others_and_given_back_at_the_end():
    while_running, at_the_end = held()
    assert 30 < while_running < 60
    assert at_the_end < 5  # 13 with an arena for each thread
