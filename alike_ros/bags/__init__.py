"""Bags without ROS: read ROS 1 bags and rosbag2 (sqlite3, mcap, cut-off mcap); write mcap."""

from alike_ros.bags.reading import Bag, Topic, is_bag
from alike_ros.bags.source import BagSource
from alike_ros.bags.writing import BagWriter

__all__ = ['Bag', 'BagSource', 'BagWriter', 'Topic', 'is_bag']
