"""Images larger than the shared memory that brings them: the node says so, and `health` too."""

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from conftest import absent  # noqa: E402
from rclpy.utilities import get_rmw_implementation_identifier  # noqa: E402
from ros_fixtures import (  # noqa: E402
    NodeProcess,
    Probe,
    camera_info,
    domain_id,
    environment,
    image_message,
    texture,
)

from alike_ros.resources import share_dir  # noqa: E402
from alike_ros.ros.frontend.transport import segment_bytes  # noqa: E402
from alike_ros.ros.graph.children import Child  # noqa: E402

VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
KIBI = 1024
SIZE = (640, 480)
PROFILE = """<dds><profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
<transport_descriptors>
  <transport_descriptor><transport_id>used</transport_id><type>{kind}</type>{size}
  </transport_descriptor>
  <transport_descriptor><transport_id>spare</transport_id><type>SHM</type>
    <segment_size>99999999</segment_size></transport_descriptor>
</transport_descriptors>
<participant profile_name="here" is_default_profile="{default}"><rtps>
  <userTransports><transport_id>used</transport_id></userTransports>
  <useBuiltinTransports>{builtin}</useBuiltinTransports>
</rtps></participant></profiles></dds>"""


def profile(folder, kind='SHM', size='2097152', default='true', builtin='false'):
    path = folder / 'profile.xml'
    size = f'<segment_size>{size}</segment_size>' if size else ''
    path.write_text(PROFILE.format(kind=kind, size=size, default=default, builtin=builtin))
    return {VARIABLES[0]: str(path), 'ROS_DISTRO': 'jazzy'}


@pytest.mark.parametrize(
    ('changed', 'bytes_'),
    [
        ({}, 2048 * KIBI),
        ({'size': ''}, 512 * KIBI),
        ({'size': '0'}, 512 * KIBI),
        ({'size': '1000', 'builtin': 'true'}, 512 * KIBI),
        ({'default': 'false'}, 512 * KIBI),
        ({'kind': 'UDPv4'}, None),
        ({'size': 'much'}, 512 * KIBI),
    ],
)
def test_the_segment_is_that_of_the_default_participant(tmp_path, changed, bytes_):
    assert segment_bytes(profile(tmp_path, **changed)) == bytes_


def test_without_a_profile_that_can_be_read_the_segment_is_the_default(tmp_path):
    broken = tmp_path / 'broken.xml'
    broken.write_text('<profiles>')
    for path in ('', str(broken), str(tmp_path / 'none.xml')):
        assert segment_bytes({VARIABLES[0]: path}) == 512 * KIBI


def test_the_variable_is_that_of_the_distribution():
    path = str(share_dir() / 'config' / 'fastdds.xml')
    for name, works, ignores in (
        (VARIABLES[0], 'jazzy', 'kilted'),
        (VARIABLES[1], 'kilted', 'humble'),
    ):
        assert segment_bytes({name: path, 'ROS_DISTRO': works}) == 64 * KIBI**2
        assert segment_bytes({name: path, 'ROS_DISTRO': ignores}) == 512 * KIBI
        assert segment_bytes({name: path}) == 64 * KIBI**2


def test_other_transports_are_not_judged():
    assert segment_bytes({'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'}) is None
    assert segment_bytes({'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'}) == 512 * KIBI


@pytest.fixture
def node(data, monkeypatch, request):
    """A front end with or without a profile, and a probe that publishes images to it."""
    if not get_rmw_implementation_identifier().startswith('rmw_fastrtps'):
        absent('segments are of Fast DDS: RMW_IMPLEMENTATION is another')
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    probe = Probe(domain_id(67))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        if request.param:
            monkeypatch.setenv(name, str(share_dir() / 'config' / 'fastdds.xml'))
    process = NodeProcess(domain_id(67), device='cpu')
    probe.hello()
    yield process, probe
    assert process.end() == 0, process.text
    probe.close()


@pytest.mark.parametrize('node', [False], indirect=True)
def test_large_images_without_a_profile_are_told_once_with_the_remedy(node):
    process, probe = node
    assert 'shared-memory' not in probe.wait_diagnostics(lambda d: True)['message']
    found = told(probe, lambda d: 'shared-memory' in d['message'])
    assert found['level'] in (b'\x01', b'\x02')
    assert '0.9 MB' in found['message'] and 'of 0.5 MB' in found['message']
    assert 'fastdds.xml' in found['message']
    child = Child(
        'health', 'alike_ros.ros.health.__main__', ('--duration', '3'), environment(domain_id(67))
    )
    told(probe, lambda _: child.code is not None)
    assert child.wait(30.0) == 1
    assert any('do not fit into the shared-memory' in line for line in child.lines), child.lines
    assert process.text.count('do not fit') == 1


@pytest.mark.parametrize('node', [True], indirect=True)
def test_the_same_images_with_the_profile_are_not_told(node):
    process, probe = node
    told(probe, lambda d: int(d['received']) > 3 and d['lifecycle'] == 'active')
    told(probe, lambda d: True)
    assert 'do not fit' not in process.text


def told(probe, holds):
    """Publish large images until diagnostics come, published from now on, that `holds` takes."""
    count = iter(range(2, 10**6))

    def publish(found):
        stamp = next(count) * 10**8
        probe.infos.publish(camera_info(stamp, SIZE))
        probe.images.publish(image_message(texture(stamp // 10**8 % 100, SIZE), stamp))
        return holds(found)

    return probe.wait_diagnostics(publish)
