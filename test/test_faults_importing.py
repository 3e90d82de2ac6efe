"""SIGINT and SIGTERM while Python still imports a node: it ends at once, without a traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import ROOT, TIMEOUT_S, domain_id, environment  # noqa: E402

from alike_ros.resources import share_dir  # noqa: E402

CODES = {f'{name}_node': 0 for name in ('frontend', 'replay', 'recorder', 'odometry', 'bridge')}
CODES['health'] = 130
HANDLED = 'our handlers'
INJECTED = ((HANDLED, signal.SIGTERM), ('numpy', signal.SIGINT))


def command(name, way):
    if way == 'python -m':
        return [sys.executable, '-m', f'alike_ros.ros.{name}']
    launcher = share_dir().parents[1] / 'lib' / 'alike_ros' / name  # what ros2 run starts
    return [sys.executable, launcher if launcher.is_file() else ROOT / 'scripts' / name]


def reached(pid, moment):
    """Whether the process has its signal handlers, or has mapped a library of that name."""
    if moment != HANDLED:
        return moment in Path(f'/proc/{pid}/maps').read_text()
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith('SigCgt'))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize('way', ['python -m', 'ros2 run'])
@pytest.mark.parametrize('name', CODES)
def test_a_signal_while_python_imports_ends_the_node_quietly(name, way, tmp_path):
    for moment, number in INJECTED:
        child = subprocess.Popen(
            command(name, way),
            cwd=tmp_path,
            env=environment(domain_id(30)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        end_s = time.monotonic() + TIMEOUT_S
        while not reached(child.pid, moment):
            assert time.monotonic() < end_s and child.poll() is None, moment
        if moment == HANDLED:
            assert not reached(child.pid, '_rclpy_pybind11'), 'the handlers come after the imports'
        child.send_signal(number)
        said, _ = child.communicate(timeout=TIMEOUT_S)
        assert (child.returncode, said) == (CODES[name], ''), moment
