"""Track keypoints of a calibrated stereo camera, under one id in both images, with depth.

    ros2 launch alike_ros stereo.launch.py left:=/cam/left/image_raw right:=/cam/right/image_raw

Takes every argument of alike.launch.py too.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

FRONT_END = Path(get_package_share_directory('alike_ros'), 'launch', 'alike.launch.py')
ARGUMENTS = {
    'cameras': ('stereo', 'what the node looks through'),
    'left': ('left/image', 'topic of the left images'),
    'right': ('right/image', 'topic of the right images; the calibrations are beside the images'),
}


def generate_launch_description() -> LaunchDescription:
    """Start the front end with other defaults: what is declared first holds."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(FRONT_END))),
        ]
    )
