"""A node that gets hardly any of the computer, with a camera of 30 Hz before it."""

import itertools
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import image_message, running, stamp_of, texture  # noqa: E402
from ros_processes import assert_ids_never_reused, handles  # noqa: E402

PERIOD_S = 1 / 30
PICTURES = [texture(shift, (240, 180)) for shift in range(8)]
BUSY = 'while True: pass'
WARM_UP, IMAGES_UNDER_LOAD = 10, 2
LIMIT_S = 90.0
PATIENCE_S = 6.0


@contextmanager
def load():
    """Yield what makes every core busier each time it is called."""
    processes = []

    def more():
        for _ in range(2 * len(os.sched_getaffinity(0))):
            processes.append(subprocess.Popen([sys.executable, '-c', BUSY]))

    try:
        yield more
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def camera(probe):
    """Publish images at 30 Hz, stamped with the time; yield the stamps in order."""
    sent, stop = [], threading.Event()

    def run():
        for i in itertools.count():
            if stop.wait(PERIOD_S):
                return
            sent.append(time.time_ns())
            probe.images.publish(image_message(PICTURES[i % len(PICTURES)], sent[-1]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


def test_on_a_slow_computer_only_the_newest_image_is_computed_and_every_drop_counted(data):
    with running(37, diagnostics_period=0.2) as (node, probe):
        with camera(probe) as sent:
            probe.wait('tracks', WARM_UP)
            probe.wait_until(lambda: stamp_of(probe.got('status')[-1]), lambda s: s in sent)
        before, open_before = counts(probe), handles(node.pid)
        be_nice(node.pid, 19)
        probe.clear()
        with camera(probe) as sent:
            with load() as more:
                slow = too_slow(probe, more)
                under_load = probe.wait('status', IMAGES_UNDER_LOAD, LIMIT_S)
            with suppress(PermissionError):  # other users of the computer are none of its load
                be_nice(node.pid, 0)
            probe.wait_until(probe.diagnostics, lambda d: 'too slow' not in d['message'], LIMIT_S)
        assert slow['level'] == b'\x01' and 'too slow' in slow['message']
        longest_s, latencies = pauses(sent[0], under_load), [s.latency for s in under_load]
        assert max(latencies) < 2 * longest_s, 'an image waits for one before it, no more'

        end = probe.wait_until(
            lambda: np.subtract(counts_of(probe.diagnostics()), before),
            lambda now: settled(now) and now[0] + now[4] == len(sent),
            LIMIT_S,
        )
        _, processed, dropped, *_ = end
        assert dropped > 0
        tracks = probe.wait('tracks', processed)
        assert len(tracks) == processed and set(map(stamp_of, tracks)) <= set(sent)
        assert set(np.diff([m.frame_seq for m in tracks])) == {1}
        assert all(np.diff(list(map(stamp_of, tracks))) > 0)
        assert_ids_never_reused(tracks)
        assert handles(node.pid) == open_before


def too_slow(probe, more):
    """Return the diagnostics that say so, which they do once there is load enough."""
    for _ in range(10):
        more()
        with suppress(AssertionError):
            return probe.wait_until(
                probe.diagnostics, lambda d: 'too slow' in d.get('message', ''), PATIENCE_S
            )
    raise AssertionError(f'the node keeps up: {probe.diagnostics()}')


def be_nice(pid, nice):
    for thread in os.listdir(f'/proc/{pid}/task'):
        os.setpriority(os.PRIO_PROCESS, int(thread), nice)


def counts(probe):
    """Return what was received, processed, dropped, waits and was lost, once all is done."""
    return counts_of(probe.wait_diagnostics(lambda d: settled(counts_of(d))))


def counts_of(diagnostics):
    names = ('received', 'processed', 'dropped', 'waiting', 'lost on the way')
    return [int(diagnostics[name]) for name in names]


def settled(of_node):
    received, processed, dropped, waiting, _ = of_node
    return waiting == 0 and received == processed + dropped


def pauses(began_ns, statuses):
    """Return the longest time without a published image, s."""
    published_s = [began_ns * 1e-9] + [stamp_of(s) * 1e-9 + s.latency for s in statuses]
    return max(np.diff(published_s))
