"""Track keypoints of a live camera.

    ros2 launch alike_ros alike.launch.py image:=/camera/image_raw

An argument left empty leaves its parameter to the params file, then to the node's default.
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

CONFIG = Path(get_package_share_directory('alike_ros'), 'config')
ARGUMENTS = {
    'model': ('', 'network: alike-t, alike-s, alike-n or alike-l'),
    'device': ('', 'where the network runs: auto, cpu, cuda'),
    'image': ('image', 'topic of the images'),
    'camera_info': ('', 'topic of the calibration; empty: beside the topic of the images'),
    'cameras': ('', 'mono, stereo, rig or rgbd; a launch file each sets it'),
    'depth': ('', 'topic of depth images registered to the images, with cameras: rgbd'),
    'left': ('', 'topic of the left images, with cameras: stereo'),
    'right': ('', 'topic of the right images; the calibrations are beside the images'),
    'images': ('', 'topics of the images of a rig, separated by commas, with cameras: rig'),
    'rig_calibration': ('', "folder of EuRoC's cam0/sensor.yaml, …, for stereo and rig"),
    'mask': ('', 'path of an image, black where no keypoint may lie'),
    'sync_tolerance': ('', 's, between the stamps of one set; 0 wants equal stamps'),
    'image_transport': ('', 'raw, or compressed to subscribe to IMAGE/compressed'),
    'params_file': ('', 'YAML file of parameters'),
    'namespace': ('', 'namespace of the node'),
    'rviz': ('false', 'show images, tracks and cloud in RViz'),
    'fixed_frame': ('camera', 'frame that RViz looks from: the frame_id of the images'),
    'autostart': ('', 'false: wait for lifecycle transitions'),
    'log_level': ('info', 'debug, info, warn, error'),
}
# Kilted warns of the older name; earlier distributions know no other.
OLDER = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
FIRST = {'stereo': ('left/image', 'left/camera_info'), 'rig': ('image_0', 'camera_info_0')}
PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE' if OLDER else 'FASTDDS_DEFAULT_PROFILES_FILE'


def beside(image: str, camera_info: str, topic: str) -> list[tuple[str, str]]:
    """Remap the images of one camera to a topic, and the calibration to the one beside it."""
    if topic in ('', image):
        return []
    return [
        (image, topic),
        (f'{image}/compressed', f'{topic}/compressed'),
        (camera_info, os.path.join(os.path.dirname(topic), 'camera_info')),
    ]


def nodes(context: LaunchContext) -> list[Node]:
    """Make the nodes once the values of the arguments are known."""
    given = context.launch_configurations
    parameters = [ParameterFile(given['params_file'])] if given['params_file'] else []
    for name, kind in (
        ('model', str),
        ('device', str),
        ('cameras', str),
        ('mask', str),
        ('rig_calibration', str),
        ('sync_tolerance', float),
        ('image_transport', str),
        ('autostart', bool),
    ):
        if given[name]:
            parameters.append({name: ParameterValue(LaunchConfiguration(name), value_type=kind)})
    image = given['image']
    camera_info = given['camera_info'] or os.path.join(os.path.dirname(image), 'camera_info')
    remappings = [
        ('image', image),
        ('image/compressed', f'{image}/compressed'),
        ('camera_info', camera_info),
    ]
    remappings += [('depth/image', given['depth'])] if given['depth'] else []
    for side in ('left', 'right'):
        remappings += beside(f'{side}/image', f'{side}/camera_info', given[side])
    images = [topic.strip() for topic in given['images'].split(',') if topic.strip()]
    parameters += [{'camera_count': len(images)}] if images else []
    for camera, topic in enumerate(images):
        remappings += beside(f'image_{camera}', f'camera_info_{camera}', topic)
    shown, its_info = FIRST.get(given['cameras'], ('image', 'camera_info'))
    topics = dict(remappings)
    frontend = Node(
        package='alike_ros',
        executable='frontend_node',
        name='frontend',
        namespace=given['namespace'],
        output='screen',
        parameters=parameters,
        remappings=remappings,
        ros_arguments=['--log-level', given['log_level']],
        on_exit=Shutdown(reason='the front end ended'),
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        namespace=given['namespace'],
        arguments=['-d', str(CONFIG / 'alike.rviz'), '-f', given['fixed_frame']],
        remappings=[
            ('/image', topics.get(shown, shown)),
            ('/camera_info', topics.get(its_info, its_info)),
            ('/frontend/debug_image', 'frontend/debug_image'),
            ('/frontend/tracks_cloud', 'frontend/tracks_cloud'),
            ('/frontend/markers', 'frontend/markers'),
        ],
        condition=IfCondition(given['rviz']),
    )
    return [frontend, rviz]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; give every process the large shared-memory segments."""
    actions = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    if PROFILE not in os.environ:
        actions.append(SetEnvironmentVariable(PROFILE, str(CONFIG / 'fastdds.xml')))
    return LaunchDescription([*actions, OpaqueFunction(function=nodes)])
