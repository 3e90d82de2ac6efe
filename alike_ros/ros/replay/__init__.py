"""The parts of the replay node; alike_ros/ros/replay_node.py runs them."""
