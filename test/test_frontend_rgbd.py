"""The node with cameras rgbd: every pair of image and depth, in order. One process."""

import itertools

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import image_message, running, stamp_of, texture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

TOLERANCE_NS = 10**7
_stamps = itertools.count(10**9, 10**8)


class Sender:
    """Publishes pairs, as a camera does."""

    def __init__(self, probe):
        self.probe = probe
        self.depths = probe.node.create_publisher(Image, '/depth/image', QoSProfile(depth=200))

    def hello(self, image, stamp):
        """A pair for `Probe.hello`, which publishes the image itself."""
        self.depths.publish(depth_message(np.full((120, 160), 2000, np.uint16), stamp))
        return image_message(image, stamp)

    def send(self, depth, late_ns=0):
        stamp = next(_stamps)
        self.depths.publish(depth_message(depth, stamp + late_ns))
        self.probe.images.publish(image_message(texture(), stamp))
        return stamp

    def tracks_of(self, depth):
        [tracks] = self.probe.wait_for_stamps('tracks', [self.send(depth)])
        return tracks


def depth_message(depth, stamp):
    encoding = '16UC1' if depth.dtype == np.uint16 else '32FC1'
    return image_message(depth, stamp, encoding=encoding)


@pytest.fixture(scope='module')
def sender(data):
    with running(
        5,
        sender=Sender,
        cameras='rgbd',
        sync_tolerance=TOLERANCE_NS * 1e-9,
        drop_policy='queue',
        camera_info_wait=0.0,
        diagnostics_period=0.2,
        device='cpu',
    ) as (_, probe):
        yield probe.sender


@pytest.fixture(params=[np.uint16, np.float32])
def slope(request):
    """Depth of a wall that recedes to the right, 1 m to 2.59 m; unknown in the left half."""
    metres = np.tile(1 + np.arange(160) / 100, (120, 1))
    metres[:, :80] = 0 if request.param == np.uint16 else np.nan
    return (metres * 1000).astype(np.uint16) if request.param == np.uint16 else metres.astype('f4')


def test_depth_stands_beside_every_track_and_nan_where_it_is_not_known(sender, slope):
    tracks = sender.tracks_of(slope)
    u, depth = np.array(tracks.u), np.array(tracks.depth)
    right = u > 81
    assert right.sum() > 5 and (u < 78).sum() > 5
    assert np.allclose(depth[right], 1 + u[right] / 100, atol=2e-3)
    assert np.isnan(depth[u < 78]).all() and np.isnan(tracks.depth_sigma).all()


def test_keypoints_of_the_same_stamp_carry_the_depth_of_their_tracks(sender, slope):
    tracks = sender.tracks_of(slope)
    [keypoints] = sender.probe.wait_for_stamps('keypoints', [stamp_of(tracks)])
    rows = np.array(tracks.keypoint_index)
    assert np.array_equal(np.array(keypoints.depth)[rows], tracks.depth, equal_nan=True)


def test_stamps_within_the_tolerance_are_one_pair(sender):
    wall = np.full((120, 160), 3000, np.uint16)
    [tracks] = sender.probe.wait_for_stamps('tracks', [sender.send(wall, late_ns=TOLERANCE_NS)])
    assert np.allclose(tracks.depth, 3.0)


def test_what_finds_no_partner_is_counted_by_topic(sender):
    probe, wall = sender.probe, np.full((120, 160), 3000, np.uint16)
    before = probe.wait_diagnostics(lambda d: d['waiting'] == '0')
    sender.send(wall, late_ns=2 * TOLERANCE_NS)
    probe.wait_for_stamps('tracks', [sender.send(wall)])
    topics = ('unmatched: image', 'unmatched: depth/image')
    after = probe.wait_diagnostics(lambda d: all(int(d[t]) > int(before[t]) for t in topics))
    lost = int(after['dropped: without partner']) - int(before['dropped: without partner'])
    assert [int(after[t]) - int(before[t]) for t in topics] == [1, 1] and lost == 1
    assert int(after['received']) == int(after['processed']) + int(after['dropped'])


def test_depth_of_another_size_is_refused_and_the_next_pair_processed(sender):
    before = int(sender.probe.wait_diagnostics(lambda d: True)['dropped: bad image'])
    sender.send(np.full((100, 160), 1000, np.uint16))
    sender.probe.wait_diagnostics(lambda d: int(d['dropped: bad image']) == before + 1)
    assert np.allclose(sender.tracks_of(np.full((240, 320), 1000, np.uint16)).depth, 1.0)
