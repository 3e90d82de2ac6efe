"""The parts of the front-end node; alike_ros/ros/frontend_node.py puts them together."""
