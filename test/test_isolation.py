"""For a user who may write nowhere, without a network: the node and the commands run."""

import ast
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id, environment, texture  # noqa: E402
from ros_processes import TIMEOUT_S  # noqa: E402

from alike_ros.bags import Bag  # noqa: E402
from alike_ros.resources import share_dir  # noqa: E402

NOBODY = 65534
# Read as root does, for a Python below /root; written is still what anybody may write.
READ_ALL = ('--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search')
AS_NOBODY = ('setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups')
NOWHERE = '/proc/nowhere'  # nobody can make it, not even root
IMAGES = 4

# Loaded by every Python of the test as it starts: notes each address beyond this machine, and
# refuses to reach it.
WATCH = """
import os, sys

LOG = os.environ['ALIKE_TEST_LOG']

def note(line):
    descriptor = os.open(LOG, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, f'{line}\\n'.encode())
    os.close(descriptor)

def hook(event, arguments):
    if event == 'import' and arguments[0] == 'onnxruntime':
        if os.environ.get('ORT_DISABLE_TELEMETRY') != '1':
            note('socket of ONNX Runtime')
        return
    if event in ('socket.connect', 'socket.sendto', 'socket.sendmsg'):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ''
    elif event in ('socket.getaddrinfo', 'socket.gethostbyname'):
        host = arguments[0] or ''
    else:
        return
    if host and str(host) not in ('localhost', '::1') and not str(host).startswith('127.'):
        note(f'{event} {host}')
        raise PermissionError(1, 'the network is forbidden here')

sys.addaudithook(hook)
note('watching')
"""

# Stands where OpenVINO looks for what would report that it was imported.
TELEMETRY = 'import sitecustomize; sitecustomize.note("socket of telemetry")'

COMMANDS = """
import json, sys
from alike_ros.cli.main import main
print(json.dumps([main(command) for command in json.loads(sys.argv[1])]), file=sys.stderr)
"""


@pytest.fixture
def watched(tmp_path):
    """Return the log of the watch, and the environment that turns it on; nothing is writable."""
    (tmp_path / 'hook').mkdir()
    (tmp_path / 'hook' / 'sitecustomize.py').write_text(WATCH)
    (tmp_path / 'hook' / 'openvino_telemetry.py').write_text(TELEMETRY)
    log = tmp_path / 'log'
    log.touch()
    log.chmod(0o666)
    path = os.pathsep.join([str(tmp_path / 'hook'), os.environ.get('PYTHONPATH', '')])
    extra = {'PYTHONPATH': path, 'ALIKE_TEST_LOG': str(log), 'HOME': NOWHERE, 'TMPDIR': NOWHERE}
    extra |= {'XDG_CACHE_HOME': '', 'ROS_LOG_DIR': '', 'ROS_HOME': ''}
    return log, extra


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for shift in range(IMAGES):
        cv2.imwrite(str(folder / f'{shift}.png'), texture(2 * shift))
    return folder


@pytest.fixture
def out(tmp_path):
    """Return the one folder that anybody may write to."""
    folder = tmp_path / 'out'
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def unprivileged():
    """Return what a command line begins with, so that another user than root runs it."""
    if os.geteuid() != 0 or shutil.which('setpriv') is None:
        return ()
    for prefix in ((*AS_NOBODY, *READ_ALL), AS_NOBODY):
        if (
            subprocess.run([*prefix, sys.executable, '-c', ''], capture_output=True).returncode
            == 0
        ):
            return prefix
    pytest.skip('run by root, but no other user may start this Python: its folder is private')


def test_the_nodes_run_with_a_read_only_install_and_without_a_network(watched, data, images, out):
    log, extra = watched
    prefix = unprivileged()
    if prefix:
        mine = share_dir().stat()
        assert mine.st_uid != NOBODY and not mine.st_mode & stat.S_IWOTH
    parameters = {
        'frontend': {'device': 'cpu', 'drop_policy': 'queue'},
        'recorder': {'output': out / 'tracks.mcap'},
        'replay': {'input': images, 'rate': 0.0, 'wait_for_subscribers': 2},
    }
    nodes = {
        name: subprocess.Popen(
            [*prefix, sys.executable, '-m', f'alike_ros.ros.{name}_node', '--ros-args']
            + [part for key, value in given.items() for part in ('-p', f'{key}:={value}')],
            env=environment(domain_id(67)) | extra,
            cwd='/',
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, given in parameters.items()
    }
    try:
        assert nodes['replay'].wait(TIMEOUT_S) == 0
        frontend = nodes['frontend'].pid
        assert not prefix or os.stat(f'/proc/{frontend}').st_uid == NOBODY
        assert tcp_sockets(frontend) == set()
    finally:
        for node in nodes.values():
            node.terminate()
        told = {name: node.communicate(timeout=TIMEOUT_S)[0] for name, node in nodes.items()}
    for name, text in told.items():
        assert nodes[name].returncode == 0 and 'Traceback' not in text, text
        [warning] = [line for line in text.splitlines() if 'WARN' in line and 'log' in line]
        assert 'No log file is written' in warning and NOWHERE in warning
    with Bag(out / 'tracks.mcap') as bag:
        tracks = [message for _, _, message in bag.messages('/frontend/tracks')]
    assert len(tracks) == IMAGES and max(tracks[-1].age) == IMAGES
    assert log.read_text() == 'watching\n' * len(nodes)


def tcp_sockets(pid):
    """Return the TCP sockets that a process holds, whoever in it opened them."""
    links = [os.readlink(path) for path in Path(f'/proc/{pid}/fd').iterdir()]
    mine = {link[len('socket:[') : -1] for link in links if link.startswith('socket:')}
    tables = [Path(f'/proc/{pid}/net/{name}').read_text() for name in ('tcp', 'tcp6')]
    return mine & {line.split()[9] for table in tables for line in table.splitlines()[1:]}


def test_commands_work_without_a_network_and_only_fetch_asks_for_one(watched, data, images, out):
    pytest.importorskip('evo')
    log, extra = watched
    commands = [
        ['models', 'list'],
        ['models', 'verify', 'alike-t'],
        ['parameters', 'yaml'],
        ['convert', 'kitti', data / 'kitti', out / 'kitti.mcap', '--frames', '3'],
        ['track', images, out / 'tracks.mcap', '--backend', 'openvino'],
        ['demo', images, '--output', out / 'demo', '--no_display', '--backend', 'onnx'],
        ['export', 'alike-t', out / 'alike-t.onnx'],
        ['eval', 'tracking', images, '--methods', 'hybrid', 'gftt+klt'],
        ['eval', 'odometry', data / 'tum', '--no_klt'],
        ['models', 'fetch', 'alike-t', '--url', 'http://192.0.2.1/models', '--directory', out],
    ]
    text = json.dumps([[str(part) for part in command] for command in commands])
    done = subprocess.run(
        [*unprivileged(), sys.executable, '-c', COMMANDS, text],
        env={**os.environ, **extra},
        cwd='/',
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stderr.splitlines()[-1])
    assert codes == [0] * (len(commands) - 1) + [2], done.stderr
    watched_processes, asked = log.read_text().partition('socket')[::2]
    assert set(watched_processes.split()) == {'watching'}
    assert 'socket' + asked == 'socket.getaddrinfo 192.0.2.1\n'
    assert 'cannot fetch' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('library', ['openvino', 'onnxruntime'])
def test_a_library_with_telemetry_is_imported_in_one_place(library):
    root = Path(__file__).parents[1] / 'alike_ros'
    importing = [
        path.name
        for path in root.rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and library in [getattr(node, 'module', None), *(alias.name for alias in node.names)]
    ]
    assert importing == [f'{library}_library.py']
