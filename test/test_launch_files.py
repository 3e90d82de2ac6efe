"""Launch files name only what the installed package has; where `launch` imports, it loads them."""

import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock, patch
from xml.etree import ElementTree

import pytest
import yaml

from alike_ros.config import ExtractorConfig, NodeConfig, StereoConfig, TrackerConfig, parameters
from alike_ros.consumers.config import BridgeConfig
from alike_ros.odometry.config import FramesConfig, OdometryConfig
from alike_ros.resources import share_dir
from alike_ros.ros.replay.publisher import ReplayConfig

LAUNCH_FILES = ('alike.launch.py', 'replay.launch.py')
WITH_DEFAULTS = ('rgbd.launch.py', 'stereo.launch.py', 'rig.launch.py')
BESIDE = ('vins.launch.py', 'rtabmap.launch.py', 'odometry.launch.py')
STAND_INS = (
    'launch',
    'launch.actions',
    'launch.conditions',
    'launch.launch_description_sources',
    'launch.substitutions',
    'launch_ros',
    'launch_ros.actions',
    'launch_ros.parameter_descriptions',
)
FRONTEND = {
    p.name: p for p in parameters(ExtractorConfig, TrackerConfig, StereoConfig, NodeConfig)
}
DECLARED = {
    'frontend': {*FRONTEND, 'use_sim_time'},
    'replay': {p.name for p in parameters(ReplayConfig)},
    'bridge': {p.name for p in parameters(BridgeConfig)},
    'odometry': {p.name for p in parameters(OdometryConfig, FramesConfig)},
}


def run_launch_file(name: str, **given: str) -> list[dict]:
    """Return the keyword arguments of every Node that a launch file makes."""
    with patch.dict(sys.modules, {module: MagicMock() for module in STAND_INS}):
        module = runpy.run_path(str(share_dir() / 'launch' / name))
    unknown = set(given) - set(module['ARGUMENTS'])
    assert not unknown, f'{name} does not declare {unknown}'
    values = {argument: default for argument, (default, _) in module['ARGUMENTS'].items()}
    module['nodes'](SimpleNamespace(launch_configurations=values | given))
    return [call.kwargs for call in module['Node'].call_args_list]


def arguments(name: str) -> dict[str, str]:
    """Return the arguments that a launch file declares, and their defaults."""
    with patch.dict(sys.modules, {module: MagicMock() for module in STAND_INS}):
        module = runpy.run_path(str(share_dir() / 'launch' / name))
    return {argument: default for argument, (default, _) in module['ARGUMENTS'].items()}


def parameter_names(node: dict) -> set[str]:
    """Return the parameters that a Node is given by name, not those of params files."""
    return {
        name for entry in node['parameters'] if not isinstance(entry, MagicMock) for name in entry
    }


def frontend(nodes: list[dict]) -> dict:
    return next(node for node in nodes if node.get('name') == 'frontend')


@pytest.mark.parametrize('name', (*LAUNCH_FILES, *BESIDE))
def test_executables_are_installed(name):
    executables = [n['executable'] for n in run_launch_file(name) if n['package'] == 'alike_ros']
    folder = share_dir().parents[1] / 'lib' / 'alike_ros'
    if not folder.is_dir():
        folder = share_dir() / 'scripts'
    assert executables
    assert all(os.access(folder / executable, os.X_OK) for executable in executables)


@pytest.mark.parametrize(
    ('name', 'given'),
    [
        (
            'alike.launch.py',
            {'model': 'alike-n', 'device': 'cpu', 'image_transport': 'raw', 'autostart': 'false'},
        ),
        ('replay.launch.py', {'model': 'alike-n', 'device': 'cpu', 'input': 'folder'}),
        ('rtabmap.launch.py', {'depth': '/depth'}),
        ('odometry.launch.py', {'scale': '0.1', 'base_frame': 'base_link'}),
    ],
)
def test_parameters_are_declared_by_the_nodes(name, given):
    nodes = [node for node in run_launch_file(name, **given) if node['package'] == 'alike_ros']
    assert set(given) <= set().union(*map(parameter_names, nodes))
    for node in nodes:
        assert parameter_names(node) <= DECLARED[node['name']]


def test_arguments_left_empty_override_nothing():
    assert frontend(run_launch_file('alike.launch.py'))['parameters'] == []


@pytest.mark.parametrize('name', LAUNCH_FILES)
def test_arguments_override_the_params_file(name):
    given = frontend(run_launch_file(name, params_file='my.yaml', model='alike-l'))['parameters']
    assert isinstance(given[0], MagicMock), 'the params file comes first: the last one wins'
    assert 'model' in set().union(*given[1:])


def included(name: str) -> Path:
    """Return the launch file that a launch file includes."""
    with patch.dict(sys.modules, {module: MagicMock() for module in STAND_INS}):
        module = runpy.run_path(str(share_dir() / 'launch' / name))
    module['generate_launch_description']()
    return Path(module['PythonLaunchDescriptionSource'].call_args.args[0])


@pytest.mark.parametrize('name', WITH_DEFAULTS)
def test_cameras_have_a_launch_file_each_that_sets_arguments_of_the_front_end(name):
    given = arguments(name)
    path = included(name)
    assert path.name == 'alike.launch.py' and path.is_file()
    node = frontend(run_launch_file(path.name, **given))
    assert given['cameras'] == name.removesuffix('.launch.py')
    FRONTEND['cameras'].check(given['cameras'])
    assert 'cameras' in parameter_names(node) <= DECLARED['frontend']


def test_depth_images_come_from_the_topic_given():
    node = frontend(run_launch_file('alike.launch.py', cameras='rgbd', depth='/cam/depth'))
    assert dict(node['remappings'])['depth/image'] == '/cam/depth'


def test_stereo_calibrations_are_looked_for_beside_the_images():
    given = {'cameras': 'stereo', 'left': '/cam0/image_raw', 'right': '/cam1/image_raw'}
    remappings = dict(frontend(run_launch_file('alike.launch.py', **given))['remappings'])
    for side, camera in (('left', 'cam0'), ('right', 'cam1')):
        assert remappings[f'{side}/image'] == f'/{camera}/image_raw'
        assert remappings[f'{side}/image/compressed'] == f'/{camera}/image_raw/compressed'
        assert remappings[f'{side}/camera_info'] == f'/{camera}/camera_info'


def test_a_rig_has_as_many_cameras_as_topics_are_given():
    given = {'cameras': 'rig', 'images': '/a/image, /b/image,/c/image'}
    node = frontend(run_launch_file('alike.launch.py', **given))
    remappings = dict(node['remappings'])
    assert {'camera_count': 3} in node['parameters']
    assert [remappings[f'image_{i}'] for i in range(3)] == ['/a/image', '/b/image', '/c/image']
    assert remappings['camera_info_2'] == '/c/camera_info'


def test_topics_of_a_rig_that_keep_their_names_keep_their_calibrations():
    given = arguments('rig.launch.py')
    remappings = dict(frontend(run_launch_file('alike.launch.py', **given))['remappings'])
    assert not {'image_0', 'camera_info_0', 'camera_info_1'} & remappings.keys()


@pytest.mark.parametrize(
    ('name', 'given', 'image', 'camera_info'),
    [
        ('stereo.launch.py', {}, 'left/image', 'left/camera_info'),
        ('stereo.launch.py', {'left': '/l/raw'}, '/l/raw', '/l/camera_info'),
        ('rig.launch.py', {}, 'image_0', 'camera_info_0'),
        ('rig.launch.py', {'images': '/a/raw,/b/raw'}, '/a/raw', '/a/camera_info'),
        ('rgbd.launch.py', {'image': '/c/raw'}, '/c/raw', '/c/camera_info'),
    ],
)
def test_rviz_shows_the_images_of_camera_0(name, given, image, camera_info):
    nodes = run_launch_file('alike.launch.py', **arguments(name) | given)
    [rviz] = [node for node in nodes if node['package'] == 'rviz2']
    shown = dict(rviz['remappings'])
    assert (shown['/image'], shown['/camera_info']) == (image, camera_info)


@pytest.mark.parametrize('name', BESIDE)
def test_a_node_is_added_to_the_front_end_of_a_live_camera(name):
    path = included(name)
    assert path.name == 'alike.launch.py' and path.is_file()
    front_end, mine = arguments(path.name), arguments(name)
    assert all(mine[shared] == front_end[shared] for shared in front_end.keys() & mine.keys())


@pytest.mark.parametrize('estimator', ['fusion', 'mono'])
def test_the_estimator_chooses_the_consumer(estimator):
    [bridge] = run_launch_file('vins.launch.py', estimator=estimator)
    [given] = bridge['parameters']
    assert BridgeConfig(**given).consumer == f'vins_{estimator}'


def test_rtabmap_gets_images_and_calibration_of_the_same_camera():
    [bridge] = run_launch_file('rtabmap.launch.py', image='/cam/image_rect')
    remappings = dict(bridge['remappings'])
    assert (remappings['image'], remappings['camera_info']) == (
        '/cam/image_rect',
        '/cam/camera_info',
    )
    assert BridgeConfig(**bridge['parameters'][0]) == BridgeConfig(consumer='rtabmap')


def test_rtabmap_gets_the_left_camera_of_a_stereo_pair():
    with patch.dict(sys.modules, {module: MagicMock() for module in STAND_INS}):
        module = runpy.run_path(str(share_dir() / 'launch' / 'rtabmap.launch.py'))
    values = {argument: default for argument, (default, _) in module['ARGUMENTS'].items()}
    values |= {'cameras': 'stereo', 'left': '/l/image_rect', 'right': '/r/image_rect'}
    module['nodes'](SimpleNamespace(launch_configurations=values))
    remappings = dict(module['Node'].call_args.kwargs['remappings'])
    assert remappings['image'] == '/l/image_rect'
    assert remappings['camera_info'] == '/l/camera_info'


def test_calibration_is_looked_for_beside_the_images():
    remappings = dict(
        frontend(run_launch_file('alike.launch.py', image='/camera/image_raw'))['remappings']
    )
    assert remappings == {
        'image': '/camera/image_raw',
        'image/compressed': '/camera/image_raw/compressed',
        'camera_info': '/camera/camera_info',
    }


@pytest.mark.parametrize('name', LAUNCH_FILES)
def test_files_that_are_named_are_installed(name):
    (rviz,) = [n for n in run_launch_file(name) if n['package'] == 'rviz2']
    assert Path(rviz['arguments'][1]).is_file()
    assert (share_dir() / 'config' / 'fastdds.xml').is_file()


@pytest.mark.parametrize('name', LAUNCH_FILES)
@pytest.mark.parametrize(
    ('distribution', 'variable'),
    [('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE'), ('kilted', 'FASTDDS_DEFAULT_PROFILES_FILE')],
)
def test_the_dds_profile_is_set_unless_the_user_set_one(name, distribution, variable, monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', distribution)
    monkeypatch.delenv(variable, raising=False)
    with patch.dict(sys.modules, {module: MagicMock() for module in STAND_INS}):
        module = runpy.run_path(str(share_dir() / 'launch' / name))
    profile = str(share_dir() / 'config' / 'fastdds.xml')
    module['generate_launch_description']()
    module['SetEnvironmentVariable'].assert_called_once_with(variable, profile)
    monkeypatch.setenv(variable, 'mine.xml')
    module['generate_launch_description']()
    module['SetEnvironmentVariable'].assert_called_once()


def test_shared_memory_segments_hold_colour_images():
    tree = ElementTree.parse(share_dir() / 'config' / 'fastdds.xml')
    sizes = [int(node.text) for node in tree.iter() if node.tag.endswith('segment_size')]
    assert sizes and min(sizes) >= 8 * 1920 * 1080 * 3


@pytest.mark.parametrize('name', ['kitti.yaml', 'tum.yaml'])
def test_params_files_hold_known_parameters_in_range(name):
    values = yaml.safe_load((share_dir() / 'config' / name).read_text())['/**']['ros__parameters']
    for parameter, value in values.items():
        assert FRONTEND[parameter].check(value) == value


def test_rviz_shows_topics_that_the_front_end_publishes():
    config = yaml.safe_load((share_dir() / 'config' / 'alike.rviz').read_text())
    shown = {
        display['Topic']['Value']
        for display in config['Visualization Manager']['Displays']
        if 'Topic' in display
    }
    assert shown == {
        '/frontend/debug_image',
        '/image',
        '/frontend/tracks_cloud',
        '/frontend/markers',
    }


@pytest.mark.parametrize('name', (*LAUNCH_FILES, *WITH_DEFAULTS, *BESIDE))
def test_launch_loads_the_file(name):
    sources = pytest.importorskip('launch.launch_description_sources')
    from launch import LaunchContext

    source = sources.PythonLaunchDescriptionSource(str(share_dir() / 'launch' / name))
    description = source.get_launch_description(LaunchContext())
    assert {'model', 'device', 'params_file', 'rviz'} <= {
        argument.name for argument in description.get_launch_arguments()
    }
