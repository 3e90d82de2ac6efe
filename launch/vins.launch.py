"""Track keypoints of a live camera for VINS-Fusion or VINS-Mono.

    ros2 launch alike_ros vins.launch.py estimator:=fusion image:=/cam0/image_raw

Takes every argument of alike.launch.py too; params_file may have a section for the node `bridge`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile

FRONT_END = Path(get_package_share_directory('alike_ros'), 'launch', 'alike.launch.py')
ARGUMENTS = {
    'estimator': ('fusion', 'fusion or mono'),
    'params_file': ('', 'YAML file of parameters of both nodes'),
    'namespace': ('', 'namespace of both nodes'),
    'log_level': ('info', 'debug, info, warn, error'),
}


def nodes(context: LaunchContext) -> list[Node]:
    """Make the bridge once the values of the arguments are known."""
    given = context.launch_configurations
    parameters = [ParameterFile(given['params_file'])] if given['params_file'] else []
    bridge = Node(
        package='alike_ros',
        executable='bridge_node',
        name='bridge',
        namespace=given['namespace'],
        output='screen',
        parameters=[*parameters, {'consumer': f'vins_{given["estimator"]}'}],
        ros_arguments=['--log-level', given['log_level']],
        on_exit=Shutdown(reason='the bridge ended'),
    )
    return [bridge]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; start the front end, then the bridge."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(FRONT_END))),
            OpaqueFunction(function=nodes),
        ]
    )
