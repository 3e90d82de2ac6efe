"""Bags of pictures that no other index has, and what reads them back."""

import numpy as np

from alike_ros.bags import BagWriter
from alike_ros.camera import Camera, camera_info_fields
from alike_ros.image_message import image_fields

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
INFO, TRACKS = 'sensor_msgs/msg/CameraInfo', 'alike_ros/msg/Tracks'
CAMERA = Camera(np.array([[300.0, 0, 16], [0, 310, 12], [0, 0, 1]]), (0.1, 0, 0, 0, 0))
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def picture(index):
    """Make a (24, 32) uint8 image that no other index has."""
    return np.random.default_rng(index).integers(0, 255, (24, 32), np.uint8)


def stamp(index):
    return START_NS + index * STEP_NS


def fields(index, **changes):
    return {'header': (stamp(index), 'left'), **image_fields(picture(index)), **changes}


def write_frames(writer, count, start=0):
    for index in range(start, start + count):
        info = {'header': (stamp(index), 'left'), **camera_info_fields(CAMERA)}
        writer.write('/left/camera_info', INFO, info, stamp(index))
        writer.write('/left/image_raw', IMAGE, fields(index), stamp(index))


def ten_frames(folder):
    """Write a bag of ten frames and return its path."""
    path = folder / 'ten.mcap'
    with BagWriter(path) as writer:
        write_frames(writer, 10)
    return path


def assert_is_pictures(frames, count):
    assert [frame.stamp_ns for frame in frames] == [stamp(index) for index in range(count)]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, picture(index))
        assert frame.frame_id == 'left'
