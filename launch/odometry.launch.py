"""Track keypoints of a live camera, and publish its path.

    ros2 launch alike_ros odometry.launch.py image:=/camera/image_raw scale:=0.1

Takes every argument of alike.launch.py too; params_file may have a section for `odometry`.
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
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

FRONT_END = Path(get_package_share_directory('alike_ros'), 'launch', 'alike.launch.py')
ARGUMENTS = {
    'scale': ('', 'm, distance between the two images that the map begins with'),
    'base_frame': ('', 'frame that moves; empty: the optical frame of the images'),
    'camera_pose': ('', 'x y z roll pitch yaw of the camera in base_frame, m and rad'),
    'params_file': ('', 'YAML file of parameters of both nodes'),
    'namespace': ('', 'namespace of both nodes'),
    'log_level': ('info', 'debug, info, warn, error'),
}


def argument(name: str, kind: type) -> ParameterValue:
    """Return an argument's value as a parameter of that type."""
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def nodes(context: LaunchContext) -> list[Node]:
    """Make the odometry once the values of the arguments are known."""
    given = context.launch_configurations
    parameters = [ParameterFile(given['params_file'])] if given['params_file'] else []
    texts = ('base_frame', 'camera_pose')
    parameters += [{name: argument(name, str)} for name in texts if given[name]]
    parameters += [{'scale': argument('scale', float)}] if given['scale'] else []
    odometry = Node(
        package='alike_ros',
        executable='odometry_node',
        name='odometry',
        namespace=given['namespace'],
        output='screen',
        parameters=parameters,
        ros_arguments=['--log-level', given['log_level']],
        on_exit=Shutdown(reason='the odometry ended'),
    )
    return [odometry]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; start the front end, then the odometry."""
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
