"""Track keypoints of a recording: every image, in order.

    ros2 launch alike_ros replay.launch.py input:=FOLDER_OR_BAG

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
    'input': ('', 'bag, image folder, movie or dataset folder; empty: a rendered room'),
    'rate': ('1.0', 'times the speed of the recording'),
    'loop': ('false', 'start again at the end'),
    'use_sim_time': ('true', 'publish /clock from the recording, and run by it'),
    'model': ('', 'network: alike-t, alike-s, alike-n or alike-l'),
    'device': ('', 'where the network runs: auto, cpu, cuda'),
    'params_file': ('', 'YAML file of parameters of the front end'),
    'rviz': ('false', 'show images, tracks and cloud in RViz'),
    'frame_id': ('camera', 'frame_id of the images, and the frame that RViz looks from'),
}
# Kilted warns of the older name; earlier distributions know no other.
OLDER = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE' if OLDER else 'FASTDDS_DEFAULT_PROFILES_FILE'


def argument(name: str, kind: type) -> ParameterValue:
    """Return an argument's value as a parameter of that type."""
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def nodes(context: LaunchContext) -> list[Node]:
    """Make the nodes once the values of the arguments are known."""
    given = context.launch_configurations
    parameters = [ParameterFile(given['params_file'])] if given['params_file'] else []
    parameters += [{name: argument(name, str)} for name in ('model', 'device') if given[name]]
    use_sim_time = argument('use_sim_time', bool)
    frontend = Node(
        package='alike_ros',
        executable='frontend_node',
        name='frontend',
        output='screen',
        parameters=[*parameters, {'drop_policy': 'queue', 'use_sim_time': use_sim_time}],
        on_exit=Shutdown(reason='the front end ended'),
    )
    replay = Node(
        package='alike_ros',
        executable='replay_node',
        name='replay',
        output='screen',
        parameters=[
            {
                'input': argument('input', str),
                'rate': argument('rate', float),
                'loop': argument('loop', bool),
                'frame_id': argument('frame_id', str),
                'publish_clock': use_sim_time,
            }
        ],
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', str(CONFIG / 'alike.rviz'), '-f', given['frame_id']],
        parameters=[{'use_sim_time': use_sim_time}],
        condition=IfCondition(given['rviz']),
    )
    return [frontend, replay, rviz]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; give every process the large shared-memory segments."""
    actions = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    if PROFILE not in os.environ:
        actions.append(SetEnvironmentVariable(PROFILE, str(CONFIG / 'fastdds.xml')))
    return LaunchDescription([*actions, OpaqueFunction(function=nodes)])
