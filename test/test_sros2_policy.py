"""The permissions for SROS 2 beside what each node opens: nothing missing, nothing superfluous."""

from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from importlib.util import find_spec
from xml.etree import ElementTree

import cv2
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id, environment, texture  # noqa: E402
from ros_processes import listening  # noqa: E402

from alike_ros.resources import share_dir  # noqa: E402
from alike_ros.ros.graph.children import Child  # noqa: E402

POLICY = share_dir() / 'config' / 'sros2' / 'policy.xml'
KINDS = (
    ('topic', 'publish'),
    ('topic', 'subscribe'),
    ('service', 'reply'),
    ('service', 'request'),
)
HAS_TF, HAS_RTABMAP = (find_spec(name) is not None for name in ('tf2_msgs', 'rtabmap_msgs'))

# Enclave: the module of its node, and parameters. Each runs in a namespace of its own.
RUNS = {
    'mono': ('frontend_node', {}),
    'mono_compressed': ('frontend_node', {'image_transport': 'compressed'}),
    'rgbd': ('frontend_node', {'cameras': 'rgbd'}),
    'stereo': ('frontend_node', {'cameras': 'stereo'}),
    'rig': ('frontend_node', {'cameras': 'rig'}),
    'odometry': ('odometry_node', {'publish_tf': str(HAS_TF).lower()}),
    'vins_fusion': ('bridge_node', {'consumer': 'vins_fusion'}),
    'vins_mono': ('bridge_node', {'consumer': 'vins_mono'}),
    'rtabmap': ('bridge_node', {'consumer': 'rtabmap'}),
    'replay': ('replay_node', {'input': 'images', 'wait_for_subscribers': 9}),
    'replay_answered': (
        'replay_node',
        {'input': 'images', 'rate': 0.0, 'wait_for_subscribers': 9},
    ),
    'recorder': ('recorder_node', {'output': 'recording.mcap'}),
    'health': ('health.__main__', {}),
}


def profiles():
    """Return the one profile of each enclave, by the last part of its path."""
    found = {}
    for enclave in ElementTree.parse(POLICY).iter('enclave'):
        [profile] = enclave.iter('profile')
        root, name = enclave.get('path').rsplit('/', 1)
        assert root == '/alike' and name not in found
        found[name] = profile
    return found


def allowed(profile, namespace):
    """Return the expressions of a profile by kind, as they read for a node of that namespace."""
    found = {kind: set() for kind in KINDS}
    for group in profile:
        assert set(group.attrib.values()) == {'ALLOW'}
        for expression in group:
            for action in group.attrib:
                name = expression.text.replace('~', profile.get('node'), 1)
                full = name if name.startswith('/') else f'{namespace}/{name}'
                assert full not in found[expression.tag, action], f'{full} is there twice'
                found[expression.tag, action].add(full)
    return found


def opened(node, name, namespace):
    """Return what a node of the graph has open, by kind; nothing while it is not known."""
    asked = (
        node.get_publisher_names_and_types_by_node,
        node.get_subscriber_names_and_types_by_node,
        node.get_service_names_and_types_by_node,
        node.get_client_names_and_types_by_node,
    )
    try:
        answers = [{topic for topic, _ in ask(name, namespace)} for ask in asked]
    except RuntimeError:  # not discovered yet
        answers = [set()] * len(KINDS)
    return dict(zip(KINDS, answers, strict=True))


def difference(found, permitted):
    """Return what is open without permission, and what is permitted in vain."""
    lines = []
    for kind in KINDS:
        matched = {
            e: {name for name in found[kind] if fnmatchcase(name, e)} for e in permitted[kind]
        }
        missing = found[kind] - set().union(*matched.values())
        lines += [f'{kind} {name} is not permitted' for name in sorted(missing)]
        vain = sorted(e for e, names in matched.items() if not names)
        lines += [f'{kind} {name} is permitted and not there' for name in vain]
    return lines


@contextmanager
def all_running(domain):
    """Yield a process of each enclave's node; health looks at that of the enclave mono."""
    with ExitStack() as processes:
        children = {}
        for enclave, (module, parameters) in RUNS.items():
            settings = [f'{key}:={value}' for key, value in parameters.items()]
            flags = [part for setting in settings for part in ('-p', setting)]
            arguments = ['--ros-args', '-r', f'__ns:=/{enclave}', '-p', 'device:=cpu', *flags]
            if enclave == 'health':
                arguments = ['--duration', '60', '--ros-args', '-r', '__ns:=/mono']
            if enclave != 'rtabmap' or HAS_RTABMAP:
                module = f'alike_ros.ros.{module}'
                children[enclave] = Child(enclave, module, arguments, environment(domain))
                processes.callback(children[enclave].stop)
        yield children


def test_each_enclave_permits_what_its_node_opens_and_nothing_else(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'images').mkdir()
    cv2.imwrite('images/1.png', texture())
    permitted = profiles()
    assert permitted.keys() == RUNS.keys()
    wrong = {}
    with listening(domain_id(71)) as listener, all_running(listener.domain) as children:
        bare = opened(listener.node, 'listener', '/')['service', 'reply']
        absent = [
            *(['get_type_description'] if '/listener/get_type_description' not in bare else []),
            *(['/tf'] if not HAS_TF else []),
        ]

        def look():
            for enclave in children:
                namespace = '/mono' if enclave == 'health' else f'/{enclave}'
                expected = allowed(permitted[enclave], namespace)
                for names in expected.values():
                    names -= {name for name in names if name.endswith(tuple(absent))}
                found = opened(listener.node, permitted[enclave].get('node'), namespace)
                if enclave == 'health':
                    leave_out(found['topic', 'subscribe'], children.keys() - {'mono'})
                wrong[enclave] = difference(found, expected)
            return not any(wrong.values())

        try:
            listener.wait(look, 'all is open')
        except AssertionError:
            assert wrong == dict.fromkeys(wrong, []), [list(c.lines) for c in children.values()]


def leave_out(names, namespaces):
    names -= {name for name in names if name.split('/')[1] in namespaces}
