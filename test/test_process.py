"""What a node cannot start with is one sentence, whoever found it."""

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id, environment  # noqa: E402

from alike_ros.ros.graph.children import Child  # noqa: E402

TIMEOUT_S = 30.0
EVIL = 'odometry: {ros__parameters: {odom_frame: !!python/object/apply:os.mknod ["RAN"]}}\n'
SECURED = {
    'ROS_SECURITY_ENABLE': 'true',
    'ROS_SECURITY_STRATEGY': 'Enforce',
    'ROS_SECURITY_KEYSTORE': '/absent',
}


@pytest.mark.parametrize(
    ('arguments', 'extra', 'words'),
    [
        (['--params-file', '/absent.yaml'], {}, '/absent.yaml'),
        (['--params-file', 'evil.yaml'], {}, 'odom_frame must be of type str'),
        (['--no-such-argument'], {}, '--no-such-argument'),
        (
            [],
            SECURED,
            'SECURITY ERROR',
        ),
    ],
)
def test_a_start_that_fails_is_one_fatal_sentence_and_runs_nothing(
    tmp_path, monkeypatch, arguments, extra, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'evil.yaml').write_text(EVIL.replace('RAN', str(tmp_path / 'ran')))
    module = 'alike_ros.ros.odometry_node'
    env = {**environment(domain_id(61)), **extra}
    child = Child('odometry', module, ['--ros-args', *arguments], env)
    assert child.wait(TIMEOUT_S) == 1
    [fatal] = [line for line in child.lines if 'FATAL' in line]
    assert words in fatal
    assert not any('Traceback' in line for line in child.lines)
    assert not (tmp_path / 'ran').exists()
