"""SIGINT, SIGTERM and SIGKILL at every lifecycle state, and a clean restart after each."""

import itertools
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import (  # noqa: E402
    TIMEOUT_S,
    NodeProcess,
    Probe,
    domain_id,
    image_message,
    texture,
)

CODES = {signal.SIGINT: 0, signal.SIGTERM: 0, signal.SIGKILL: -signal.SIGKILL}
STATES = ('configuring', 'active', 'deactivating', 'cleaning up', 'inactive', 'unconfigured')
LARGE = texture(size=(1600, 1200))  # takes long enough to be seen at work
_stamps = itertools.count(10**9, 10**8)


def test_a_signal_at_every_lifecycle_state_and_a_node_that_works_after_it(data):
    with ThreadPoolExecutor() as pool:  # each in a domain of its own, to use both cores
        list(pool.map(inject, CODES, (domain_id(50 + i) for i in range(len(CODES)))))


def inject(number, domain):
    """Send one signal at every state, and see that the next node reaches the next one."""
    veteran = Probe(domain)  # a subscriber that outlives all the nodes
    try:
        for state in STATES:
            with node(domain) as (process, probe):
                reach(process, probe, state)
                assert process.end(number) == CODES[number], f'{state}: {process.text}'
                assert 'Traceback' not in process.text, f'{state}: {process.text}'
                assert 'FATAL' not in process.text, f'{state}: {process.text}'
        veteran.clear()
        with node(domain) as (process, probe):
            assert probe.transition('configure') and probe.transition('activate')
            publishes(probe, lambda: veteran.got('tracks'))
            assert process.end() == 0 and 'Traceback' not in process.text, process.text
    finally:
        veteran.close()


@contextmanager
def node(domain):
    """Yield a fresh node, unconfigured, and a fresh probe that it answers."""
    process = NodeProcess(domain, autostart=False, diagnostics_period=0.1)
    probe = Probe(domain)
    try:
        assert probe.state() == 'unconfigured'
        yield process, probe
    finally:
        process.end(signal.SIGKILL)
        probe.close()


def reach(process, probe, state):
    """Bring a fresh node to a state; on the way it shows that it publishes."""
    if state == 'configuring':
        probe.begin('configure')
        wait_mapped(process, 'openvino')
        return
    before = endpoints(probe)
    assert probe.transition('configure') and probe.transition('activate')
    publishes(probe)
    mine = endpoints(probe) - before
    if state in ('active', 'deactivating'):
        compute(probe)
    else:
        assert probe.transition('deactivate') and probe.state() == 'inactive'
    if state == 'deactivating':
        begin(probe, 'deactivate', mine)
    elif state == 'cleaning up':
        begin(probe, 'cleanup', mine & endpoints(probe))
    elif state == 'unconfigured':
        assert probe.transition('cleanup') and probe.state() == 'unconfigured'


def publishes(probe, heard=None):
    """Send images until tracks come, to the probe itself or as `heard` says."""

    def tracks():
        probe.images.publish(image_message(texture(), next(_stamps)))
        return heard() if heard else probe.got('tracks')

    probe.wait_until(tracks, len)


def compute(probe):
    """Give the node an image that is large, and wait until it is at work on it."""
    probe.wait_diagnostics(lambda d: at_work(d) == 0)
    probe.images.publish(image_message(LARGE, next(_stamps)))
    probe.wait_diagnostics(lambda d: at_work(d) == 1 and d['waiting'] == '0')


def at_work(diagnostics):
    received, *gone = (int(diagnostics[n]) for n in ('received', 'processed', 'dropped'))
    return received - sum(gone)


def begin(probe, transition, endpoints_before):
    """Ask for a transition and wait until the first endpoints are gone."""
    probe.begin(transition)
    probe.wait_until(lambda: endpoints_before - endpoints(probe), len)


def endpoints(probe):
    """Return the endpoints of image and tracks; those of a killed node stay listed for a while."""
    readers = probe.node.get_subscriptions_info_by_topic('/image')
    writers = probe.node.get_publishers_info_by_topic('/frontend/tracks')
    return {bytes(end.endpoint_gid) for end in (*readers, *writers)}


def wait_mapped(process, library):
    end_s = time.monotonic() + TIMEOUT_S
    while library not in Path(f'/proc/{process.pid}/maps').read_text():
        assert time.monotonic() < end_s, process.text
