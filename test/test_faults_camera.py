"""A camera that is killed and comes back, and a bag that loops: ids are never reused."""

import signal

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import TIMEOUT_S, domain_id, running  # noqa: E402
from ros_processes import assert_ids_never_reused, handles, started, write_bag  # noqa: E402

DOMAIN_OFFSET = 33
KILLS = 2
IMAGES = 15
PERIOD_NS = 33_000_000


@pytest.fixture(scope='module')
def node(data):
    with running(DOMAIN_OFFSET, diagnostics_period=0.2) as both:
        yield both


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp('bag') / 'loop.mcap'
    return write_bag(path, [10**9 + i * PERIOD_NS for i in range(IMAGES)])


def camera(bag, **parameters):
    """A camera driver: a process that publishes the bag again and again."""
    options = {'loop': True, 'hold': 0.0, 'rate': 1.0} | parameters
    return started('replay', domain_id(DOMAIN_OFFSET), input=str(bag), **options)


def test_a_camera_that_is_killed_and_comes_back_is_told_and_tracked_again(node, bag):
    process, probe = node
    probe.clear()
    open_before = None
    for _ in range(KILLS):
        with camera(bag, stamps='now') as driver:
            tracked(probe, since=len(probe.got('tracks')))
            open_before = open_before or handles(process.pid)
            driver.signal(signal.SIGKILL)
            assert driver.wait(TIMEOUT_S) == -signal.SIGKILL
        silent = probe.wait_until(probe.diagnostics, lambda d: 'no image on' in d['message'])
        assert silent['level'] == b'\x03' and silent['lifecycle'] == 'active'
        assert 'has the camera hung, or was its driver killed?' in silent['message']
    with camera(bag, stamps='now'):
        tracked(probe, since=len(probe.got('tracks')))
        probe.wait_until(probe.diagnostics, lambda d: 'no image' not in d['message'])
        probe.wait_until(lambda: handles(process.pid), lambda now: now == open_before)
    assert {m.epoch for m in probe.got('tracks')} == {0}, 'the stamps only grow'
    assert_ids_never_reused(probe.got('tracks'))


def tracked(probe, since):
    """Wait for tracks that go on over ten images."""
    probe.wait_until(lambda: probe.got('tracks')[since:], lambda new: len(new) > 10)
    probe.wait_until(lambda: max(probe.got('tracks')[-1].age, default=0), lambda age: age > 5)


def test_every_loop_of_a_bag_begins_an_epoch_and_no_id_anew(node, bag):
    process, probe = node
    loops = 5
    before = probe.got('tracks')[-1].epoch
    with camera(bag, stamps='original', rate=3.0):
        probe.wait_until(lambda: probe.got('tracks')[-1].epoch, lambda e: e > before + loops)
        found = probe.wait_diagnostics(lambda d: True)
    assert found['level'] == b'\x01' and 'the clock jumped back' in found['message']
    assert_ids_never_reused(probe.got('tracks'))
    assert max(max(m.age, default=0) for m in probe.got('tracks') if m.epoch > before) > 2
    process.wait_for_log('The clock jumped back')
