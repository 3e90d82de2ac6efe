"""One image of a set is broken: depth, the right camera, its calibration or its mask."""

import itertools
from random import Random

import numpy as np
import pytest
from broken_messages import raw_image

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import (  # noqa: E402
    camera_info,
    header,
    image_message,
    running,
    texture,
)
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

FOCAL, BASELINE, DISPARITY = 100.0, 0.1, 10
SETTINGS = {'drop_policy': 'queue', 'diagnostics_period': 0.1, 'device': 'cpu'}
BAD = 'dropped: bad image'


class Sets:
    """Publishes sets of messages of one stamp, the first topic last."""

    def __init__(self, probe, *topics):
        self.probe = probe
        self.publishers = {
            topic: probe.node.create_publisher(kind, topic, QoSProfile(depth=200))
            for topic, kind in topics
        }
        self._stamps = itertools.count(10**9, 10**8)

    def send(self, image, **others):
        """Publish a set; return its stamp."""
        stamp = next(self._stamps)
        for topic, message in others.items():
            message.header = header(stamp, message.header.frame_id)
            self.publishers[f'/{topic.replace("__", "/")}'].publish(message)
        self.probe.images.publish(image_message(image, stamp))
        return stamp

    def tracks(self, *args, **others):
        [tracks] = self.probe.wait_for_stamps('tracks', [self.send(*args, **others)])
        return tracks

    def refused(self, words, *args, **others):
        """Send a set that cannot be; it is counted, and diagnostics say the words of it."""
        before = int(self.probe.wait_diagnostics(lambda d: d['waiting'] == '0')[BAD])
        self.send(*args, **others)
        found = self.probe.wait_diagnostics(lambda d: int(d[BAD]) == before + 1)
        assert words in found['message'] and found['dropped: error'] == '0'


class DepthSets(Sets):
    def __init__(self, probe):
        super().__init__(probe, ('/depth/image', Image))

    def hello(self, image, stamp):
        self.publishers['/depth/image'].publish(wall(stamp=stamp))
        return image_message(image, stamp)


class Pairs(Sets):
    def __init__(self, probe):
        super().__init__(probe, *STEREO)
        probe.images = self.publishers['/left/image']

    def hello(self, image, stamp):
        self.publishers['/right/image'].publish(image_message(image, stamp))
        return image_message(image, stamp)


@pytest.fixture(scope='module')
def rgbd(data):
    settings = {'cameras': 'rgbd', 'camera_info_wait': 0.0, **SETTINGS}
    with running(23, sender=DepthSets, **settings) as (node, probe):
        yield probe.sender
        assert 'Traceback' not in node.text


def wall(metres=2.0, stamp=0, **fields):
    depth = np.full((120, 160), metres * 1000, np.uint16)
    return image_message(depth, stamp, **{'encoding': '16UC1'} | fields)


def float_depth(value, **fields):
    return image_message(np.full((120, 160), value, np.float32), 0, encoding='32FC1', **fields)


@pytest.mark.parametrize(
    ('depth', 'words'),
    [
        (image_message(np.ones((100, 160), np.uint16), 0, encoding='16UC1'), 'got 160 x 100'),
        (image_message(np.ones((1, 1), np.uint16), 0, encoding='16UC1'), 'got 1 x 1'),
        (image_message(texture(), 0), "16UC1 or 32FC1, got 'rgb8'"),
        (wall(encoding='64FC1'), 'depth/image: expected a depth image of 16UC1 or 32FC1'),
        (wall(step=100), 'depth/image: step is 100 bytes'),
        (wall(step=100, width=0), 'got 0 x 120'),
        (wall(height=240), 'depth/image: expected at least 76800 bytes'),
        (wall(height=60000, width=60000), 'depth/image: expected an image of at most'),
    ],
)
def test_a_depth_image_that_cannot_be_drops_its_pair_and_the_next_works(rgbd, depth, words):
    rgbd.refused(words, texture(), depth__image=depth)
    assert np.allclose(rgbd.tracks(texture(), depth__image=wall()).depth, 2.0)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, -3.0, 0.0, 1e30, 1e-30])
def test_depths_of_no_distance_are_nan_and_tracks_go_on(rgbd, value):
    tracks = rgbd.tracks(texture(), depth__image=float_depth(value))
    assert len(tracks.id) > 20 and np.isnan(tracks.depth).all()


def test_depths_out_of_the_range_of_the_sensor_are_nan_and_the_range_may_change(rgbd):
    for metres, known in ((2.0, True), (0.05, False), (120.0, False)):
        tracks = rgbd.tracks(texture(), depth__image=float_depth(metres))
        assert np.isfinite(tracks.depth).all() == known
    assert rgbd.probe.set('max_depth', 1.5).successful
    assert np.isnan(rgbd.tracks(texture(), depth__image=wall()).depth).all()
    refused = rgbd.probe.set('min_depth', 3.0)
    assert not refused.successful and 'min_depth must lie below max_depth' in refused.reason
    assert rgbd.probe.set('max_depth', 100.0).successful
    assert np.isfinite(rgbd.tracks(texture(), depth__image=wall()).depth).all()


def test_a_depth_stamp_far_ahead_costs_its_pair_only(rgbd):
    rgbd.probe.clear()
    rgbd.publishers['/depth/image'].publish(wall(stamp=(2**31 - 1) * 10**9))
    stamps = [rgbd.send(texture(), depth__image=wall()) for _ in range(5)]
    rgbd.probe.wait_for_stamps('tracks', stamps[1:])


STEREO = (
    *(
        (f'/{side}/{name}', kind)
        for side in ('left', 'right')
        for name, kind in (('image', Image), ('camera_info', CameraInfo), ('mask', Image))
    ),
)


@pytest.fixture(scope='module')
def stereo(data):
    settings = {'cameras': 'stereo', 'camera_info_wait': 0.5, **SETTINGS}
    with running(24, sender=Pairs, **settings) as (node, probe):
        sets = probe.sender
        for publisher in sets.publishers.values():
            probe.wait_until(publisher.get_subscription_count, lambda n: n == 1)
        probe.wait_until(lambda: sets.tracks(**pair()).depth, lambda d: np.isfinite(d).any())
        yield sets
        assert 'Traceback' not in node.text


def pair(**changes):
    """Return a set of a calibrated pair before a wall, with some messages changed."""
    right = camera_info(0, focal=FOCAL, d=[0.0] * 5)
    right.p[3] = -FOCAL * BASELINE
    return {
        'image': texture(20 + DISPARITY),
        'right__image': image_message(texture(20), 0),
        'left__camera_info': camera_info(0, focal=FOCAL, d=[0.0] * 5),
        'right__camera_info': right,
    } | changes


def works(stereo):
    tracks = stereo.tracks(**pair())
    left = np.array(tracks.camera_id) == 0
    assert np.isfinite(np.array(tracks.depth)[left]).mean() > 0.5
    stereo.probe.wait_diagnostics(lambda d: d['calibration and masks'] == 'ok')


def test_one_broken_camera_of_the_pair_is_named_and_the_next_pair_works(stereo):
    random = Random(9)
    for encoding in ('plaid8', '', '8SC1', '32FC2', '画像'):
        message = Image()
        for name, value in vars(raw_image(random, encoding)).items():
            setattr(message, name, value)
        stereo.refused('right/image: ', **pair(right__image=message))
    works(stereo)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': [float('nan')] * 9}, 'left/camera_info is not usable'),
        ({'k': [0.0] * 9}, 'left/camera_info comes from an uncalibrated camera'),
        ({'size': (320, 240)}, 'left/camera_info describes images of 320x240'),
        ({'r': [0.0] * 9}, 'there are no stereo matches and no depths'),
        ({'p': [0.0] * 12}, 'there are no stereo matches and no depths'),
    ],
)
def test_a_calibration_that_breaks_costs_depths_with_the_reason_and_a_good_one_heals(
    stereo, changes, words
):
    info = camera_info(0, **{'focal': FOCAL, 'd': [0.0] * 5} | changes)
    tracks = stereo.tracks(**pair(left__camera_info=info))
    assert len(tracks.id) > 20 and np.isnan(tracks.depth).all()
    stereo.probe.wait_diagnostics(lambda d: words in d['calibration and masks'])
    works(stereo)


def test_masks_that_do_not_fit_or_are_old_hide_nothing_and_are_told(stereo):
    right_half = np.repeat([[0] * 80 + [255] * 80], 120, axis=0).astype(np.uint8)

    def with_mask(mask, words):
        stereo.probe.wait_until(
            lambda: (
                stereo.tracks(**pair(left__mask=mask)),
                stereo.probe.diagnostics().get('calibration and masks', ''),
            ),
            lambda found: words in found[1],
        )

    def left_u(tracks):
        return np.array(tracks.u)[np.array(tracks.camera_id) == 0]

    stereo.probe.wait_until(
        lambda: left_u(stereo.tracks(**pair(left__mask=image_message(right_half, 0)))),
        lambda u: u.min() > 79,
    )
    with_mask(
        image_message(np.zeros((50, 50), np.uint8), 0), 'the newest of left/mask is left out'
    )
    with_mask(image_message(texture(), 0), 'a message of left/mask was skipped: expected a mask')
    with_mask(image_message(right_half, 0, encoding='no'), 'a message of left/mask was skipped')
    with_mask(image_message(right_half, 0), 'ok')
    stale = [stereo.tracks(**pair()) for _ in range(25)]
    assert left_u(stale[0]).min() > 79 and left_u(stale[-1]).min() < 79
    stereo.probe.wait_diagnostics(lambda d: 's older than the image' in d['calibration and masks'])
    stereo.tracks(**pair(left__mask=image_message(np.full_like(right_half, 255), 0)))
    works(stereo)
