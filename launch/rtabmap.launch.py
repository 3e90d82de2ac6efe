"""Keypoints and descriptors of a live camera for rtabmap, as rtabmap_msgs/RGBDImage.

    ros2 launch alike_ros rtabmap.launch.py image:=/cam/rgb/image_rect depth:=/cam/depth/image

With cameras:=stereo left:=… right:=… it is the left image, and points have the depth of the pair.
Takes every argument of alike.launch.py too; params_file may have a section for the node `bridge`.
The images must be rectified, and the front end be told so: `rectified: true` in params_file.
"""

import os
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
    'image': ('image', 'topic of the images'),
    'camera_info': ('', 'topic of the calibration; empty: beside the topic of the images'),
    'depth': ('', 'topic of depth images registered to them; empty: none'),
    'rgbd_image': ('rgbd_image', 'topic that rtabmap listens on'),
    'params_file': ('', 'YAML file of parameters of both nodes'),
    'namespace': ('', 'namespace of both nodes'),
    'log_level': ('info', 'debug, info, warn, error'),
}


def nodes(context: LaunchContext) -> list[Node]:
    """Make the bridge once the values of the arguments are known."""
    given = context.launch_configurations
    parameters = [ParameterFile(given['params_file'])] if given['params_file'] else []
    stereo = given.get('cameras') == 'stereo'
    image = given['left'] or 'left/image' if stereo else given['image']
    camera_info = given['camera_info'] or os.path.join(os.path.dirname(image), 'camera_info')
    bridge = Node(
        package='alike_ros',
        executable='bridge_node',
        name='bridge',
        namespace=given['namespace'],
        output='screen',
        parameters=[*parameters, {'consumer': 'rtabmap', 'depth': bool(given['depth'])}],
        remappings=[
            ('image', image),
            ('camera_info', camera_info),
            ('depth/image', given['depth'] or 'depth/image'),
            ('rgbd_image', given['rgbd_image']),
        ],
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
