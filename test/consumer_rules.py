"""Messages read as their consumers read them, for tests. Points are (N, 3), channels arrays."""

import struct
import zlib
from collections import defaultdict

import numpy as np


def read_by_fusion(points, channels):
    """VINS-Fusion: feature_callback of rosNodeTest.cpp, and addFeatureCheckParallax's asserts."""
    frame = defaultdict(list)
    for i, (x, y, z) in enumerate(np.asarray(points).tolist()):
        feature_id, camera_id = int(channels[0][i]), int(channels[1][i])
        u, v, vx, vy = (float(channels[k][i]) for k in (2, 3, 4, 5))
        if len(channels) > 5:
            truth = [float(channels[k][i]) for k in (6, 7, 8)]
            assert np.isfinite(truth).all()
        assert z == 1
        frame[feature_id].append((camera_id, (x, y, z, u, v, vx, vy)))
    for seen in frame.values():
        assert [camera for camera, _ in seen] == [0, 1][: len(seen)]
    return dict(frame)


def read_by_mono(points, channels, cameras=1):
    """VINS-Mono: process of estimator_node.cpp."""
    image = defaultdict(list)
    for i, (x, y, z) in enumerate(np.asarray(points).tolist()):
        value = int(float(channels[0][i]) + 0.5)
        feature_id, camera_id = value // cameras, value % cameras
        u, v, vx, vy = (float(channels[k][i]) for k in (1, 2, 3, 4))
        assert z == 1
        image[feature_id].append((camera_id, (x, y, z, u, v, vx, vy)))
    return dict(image)


def read_by_rtabmap(data):
    """Rtabmap: uncompressData of Compression.cpp; the last three ints are rows, columns, type."""
    if len(data) < 12:
        return np.zeros((0, 0), np.float32)
    height, width, kind = struct.unpack('3i', data[-12:])
    raw = zlib.decompressobj().decompress(data)  # as zlib's uncompress: what follows is ignored
    assert kind == 5, 'CV_32FC1'
    assert len(raw) == height * width * 4
    return np.frombuffer(raw, np.float32).reshape(height, width)


def message_parts(message):
    """Return points and channels of a sensor_msgs/PointCloud."""
    points = [(point.x, point.y, point.z) for point in message.points]
    return np.array(points).reshape(-1, 3), [channel.values for channel in message.channels]
