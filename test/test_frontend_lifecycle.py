"""How the node starts, changes its lifecycle state, and fails to start."""

import os
import signal

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')
from ros_fixtures import NodeProcess, Probe, domain_id  # noqa: E402


@pytest.fixture(scope='module')
def models(data):
    return os.environ['ALIKE_MODELS']


def failed_start(*arguments, **parameters):
    """Return the fatal sentence of a node that cannot start."""
    process = NodeProcess(domain_id(3), *arguments, **parameters)
    assert process.exit_code() == 1, process.text
    assert 'Traceback' not in process.text, process.text
    fatal = [line for line in process.log if 'FATAL' in line]
    assert len(fatal) == 1, process.text
    return fatal[0]


def test_transitions_by_service_repeat_and_free_what_they_made(models):
    process = NodeProcess(domain_id(4), autostart=False, drop_policy='queue')
    probe = Probe(domain_id(4))
    try:
        assert probe.state() == 'unconfigured' and not probe.reset().success
        assert not probe.enable(False).success
        ids = []
        for _ in range(2):
            assert probe.transition('configure') and probe.state() == 'inactive'
            assert probe.images.get_subscription_count() == 0
            assert probe.transition('activate') and probe.state() == 'active'
            probe.hello()
            ids.append({i for tracks in probe.got('tracks') for i in tracks.id})
            assert probe.transition('deactivate') and probe.state() == 'inactive'
            probe.wait_matched(0)
            assert probe.transition('cleanup') and probe.state() == 'unconfigured'
            probe.clear()
        assert ids[0] and not ids[0] & ids[1]
        assert not probe.transition('activate')  # not possible from here: refused, no harm
        assert 'unconfigured' in probe.wait_diagnostics(lambda d: True)['message']
        assert probe.transition('configure') and probe.transition('shutdown')
        assert probe.state() == 'finalized'
        assert process.end() == 0 and 'Traceback' not in process.text, process.text
    finally:
        process.end(signal.SIGKILL)
        probe.close()


def test_configure_that_fails_leaves_the_node_unconfigured(tmp_path):
    missing = tmp_path / 'none.pth'
    process = NodeProcess(domain_id(5), autostart=False, weights=missing)
    probe = Probe(domain_id(5))
    try:
        assert not probe.transition('configure') and probe.state() == 'unconfigured'
        process.wait_for_log(str(missing))
        found = probe.wait_diagnostics(lambda d: str(missing) in d['message'])
        assert found['level'] == b'\x02'
        assert process.end() == 0 and 'Traceback' not in process.text
    finally:
        process.end(signal.SIGKILL)
        probe.close()


def test_missing_weights_end_the_start_with_one_sentence(tmp_path):
    assert 'none.pth' in failed_start(weights=tmp_path / 'none.pth')


def test_damaged_weights_end_the_start_with_one_sentence(tmp_path):
    path = tmp_path / 'alike-t.pth'
    path.write_bytes(b'not weights at all')
    assert 'alike-t.pth' in failed_start(weights=path)


def test_unknown_model_ends_the_start_with_the_known_ones():
    assert 'alike-t, alike-s, alike-n, alike-l' in failed_start(model='alike-xxl')


def test_absent_device_ends_the_start_with_one_sentence(models):
    assert 'cuda:99' in failed_start(device='cuda:99')


@pytest.mark.parametrize(
    ('name', 'value'), [('scores_th', 1.5), ('top_k', -7), ('diagnostics_period', 0.0)]
)
def test_parameter_out_of_range_ends_the_start_with_one_sentence(name, value):
    sentence = failed_start(**{name: value})
    assert name in sentence and str(value) in sentence and 'must lie in' in sentence


def test_parameter_of_another_type_ends_the_start_with_one_sentence():
    sentence = failed_start(motion_window=50)
    assert 'motion_window must be of type float (write 1.0, not 1)' in sentence
