"""Track keypoints of an RGB-D camera, each with its depth.

    ros2 launch alike_ros rgbd.launch.py image:=/cam/color/image_raw \
        depth:=/cam/aligned_depth_to_color/image_raw

The depth images have to be registered to the images. Takes every argument of alike.launch.py too.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

FRONT_END = Path(get_package_share_directory('alike_ros'), 'launch', 'alike.launch.py')
ARGUMENTS = {
    'cameras': ('rgbd', 'what the node looks through'),
    'depth': ('depth/image', 'topic of depth images registered to the images'),
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
