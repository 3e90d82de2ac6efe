"""Tracks to camera poses: a small monocular visual odometry that proves the tracks."""
