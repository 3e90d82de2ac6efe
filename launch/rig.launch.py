"""Track keypoints of a rig of up to 8 cameras; the same point has one id in all of them.

    ros2 launch alike_ros rig.launch.py images:=/cam0/image_raw,/cam1/image_raw,/cam2/image_raw \
        rig_calibration:=/path/of/rig

Takes every argument of alike.launch.py too.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

FRONT_END = Path(get_package_share_directory('alike_ros'), 'launch', 'alike.launch.py')
ARGUMENTS = {
    'cameras': ('rig', 'what the node looks through'),
    'images': ('image_0,image_1', 'topics of the images, separated by commas'),
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
