"""The node with cameras stereo: every pair, in order. One process."""

import itertools
import logging

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import camera_info, image_message, running, stamp_of, texture  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from alike_ros.camera import camera_from_info  # noqa: E402
from alike_ros.config import NodeConfig  # noqa: E402
from alike_ros.consumers.config import BridgeConfig  # noqa: E402
from alike_ros.consumers.rtabmap import local_features  # noqa: E402
from alike_ros.consumers.vins import VinsFusion  # noqa: E402
from alike_ros.extractor import Extractor  # noqa: E402
from alike_ros.rig_frontend import RigFrontEnd  # noqa: E402
from alike_ros.ros.bridge.rtabmap import (  # noqa: E402
    CAMERA_INFO,
    IMAGE,
    KEYPOINTS,
    takers,
)
from alike_ros.ros.bridge.stamps import SameStamp  # noqa: E402
from alike_ros.ros.frontend.assembly import open_eyes, open_geometry  # noqa: E402
from alike_ros.ros.frontend.health import Health  # noqa: E402
from alike_ros.ros.frontend.journal import Journal  # noqa: E402
from alike_ros.ros.frontend.processing import Arrival, Links  # noqa: E402
from alike_ros.ros.frontend.rig_pipeline import RigPipeline  # noqa: E402

FOCAL, BASELINE, DISPARITY = 100.0, 0.1, 10
DEPTH = FOCAL * BASELINE / DISPARITY
_stamps = itertools.count(10**9, 10**8)


class Pair:
    """Two cameras before a wall."""

    def __init__(self, probe):
        self.probe, node, qos = probe, probe.node, QoSProfile(depth=200)
        probe.images = node.create_publisher(Image, '/left/image', qos)
        self.rights = node.create_publisher(Image, '/right/image', qos)
        self.infos = [
            node.create_publisher(CameraInfo, f'/{side}/camera_info', qos)
            for side in ('left', 'right')
        ]

    def hello(self, image, stamp):
        """A set for `Probe.hello`, which publishes the left image itself."""
        self.calibrate(stamp)
        self.rights.publish(named(image_message(image, stamp), 'right_optical'))
        return named(image_message(image, stamp), 'left_optical')

    def calibrate(self, stamp):
        for publisher, centre in zip(self.infos, (0.0, BASELINE), strict=True):
            info = camera_info(stamp, focal=FOCAL, d=[0.0] * 5)
            info.p[3] = -FOCAL * centre
            publisher.publish(info)

    def send(self, count=1, moves=0):
        stamps = [next(_stamps) for _ in range(count)]
        for i, stamp in enumerate(stamps):
            self.calibrate(stamp)
            right = image_message(texture(20 + moves * i), stamp)
            self.rights.publish(named(right, 'right_optical'))
            left = image_message(texture(20 + DISPARITY + moves * i), stamp)
            self.probe.images.publish(named(left, 'left_optical'))
        return stamps


def named(message, frame_id):
    message.header.frame_id = frame_id
    return message


@pytest.fixture(scope='module')
def pair(data):
    with running(
        8,
        sender=Pair,
        cameras='stereo',
        drop_policy='queue',
        diagnostics_period=0.2,
        device='cpu',
    ) as (_, probe):
        yield probe.sender


@pytest.fixture(autouse=True)
def forget(pair):
    assert pair.probe.reset().success
    pair.probe.clear()


def cameras_of(tracks):
    """Rows of the left, and of the right camera, of the ids that both have."""
    ids, camera = np.array(tracks.id), np.array(tracks.camera_id)
    left, right = (np.flatnonzero(camera == each) for each in (0, 1))
    _, a, b = np.intersect1d(ids[left], ids[right], return_indices=True)
    return left[a], right[b]


def test_one_message_holds_both_cameras_left_first_and_the_same_points_under_one_id(pair):
    [tracks] = pair.probe.wait_for_stamps('tracks', pair.send())
    assert list(tracks.camera_id) == sorted(tracks.camera_id) and set(tracks.camera_id) == {0, 1}
    assert tracks.header.frame_id == 'left_optical'
    left, right = cameras_of(tracks)
    u, v = np.array(tracks.u), np.array(tracks.v)
    assert len(left) > 0.6 * sum(camera == 0 for camera in tracks.camera_id)
    offsets = np.column_stack([u[left] - u[right] - DISPARITY, v[left] - v[right]])
    assert (np.abs(offsets).max(axis=1) < 1).mean() > 0.95


def test_left_tracks_have_their_depth_and_right_ones_none(pair):
    [tracks] = pair.probe.wait_for_stamps('tracks', pair.send())
    depth, camera = np.array(tracks.depth), np.array(tracks.camera_id)
    known = depth[(camera == 0) & np.isfinite(depth)]
    assert len(known) > 0.6 * (camera == 0).sum() and np.isnan(depth[camera == 1]).all()
    assert np.median(np.abs(known / DEPTH - 1)) < 0.01
    sigma = np.array(tracks.depth_sigma)
    assert np.array_equal(np.isnan(sigma), np.isnan(depth)) and np.nanmax(sigma) < 0.2 * DEPTH


def test_each_camera_has_its_keypoints_under_its_own_frame(pair):
    stamps = pair.send()
    [tracks] = pair.probe.wait_for_stamps('tracks', stamps)
    both = pair.probe.wait('keypoints', 2)
    assert [m.header.frame_id for m in both] == ['left_optical', 'right_optical']
    assert [stamp_of(m) for m in both] == stamps * 2 and [m.camera_id for m in both] == [0, 1]
    rows, camera = np.array(tracks.keypoint_index), np.array(tracks.camera_id)
    for each, keypoints in enumerate(both):
        assert np.array_equal(
            np.array(keypoints.u)[rows[camera == each]], np.array(tracks.u)[camera == each]
        )
    assert len(both[0].depth) == len(both[0].u) and len(both[1].depth) == 0


def test_ids_last_in_both_cameras_and_are_lost_once(pair):
    messages = pair.probe.wait_for_stamps('tracks', pair.send(5, moves=2))
    left, right = cameras_of(messages[-1])
    ages = np.array(messages[-1].age)
    assert (ages[left] == 5).sum() > 10 and (ages[right] == 5).sum() > 10
    lost = [track for message in messages for track in message.lost_ids]
    assert len(lost) == len(set(lost)) and not set(lost) & set(messages[-1].id)


def test_vins_fusion_gets_both_cameras(pair):
    encoder = VinsFusion(BridgeConfig(consumer='vins_fusion', min_interval=0.0))
    clouds = [
        step.cloud
        for tracks in pair.probe.wait_for_stamps('tracks', pair.send(3))
        if (step := encoder.encode(tracks)).cloud is not None
    ]
    channels = dict(clouds[-1].channels)
    left, right = (channels['id'][channels['camera_id'] == each] for each in (0, 1))
    assert len(right) > 10 and set(right) <= set(left)
    assert np.isfinite(clouds[-1].points).all()


@pytest.mark.parametrize('order', list(itertools.permutations(range(4)))[::5])
def test_rtabmap_gets_the_left_keypoints_with_the_depth_of_the_pair(pair, order):
    [stamp] = pair.send()
    both = pair.probe.wait('keypoints', 2)
    image = named(image_message(texture(), stamp), 'left_optical')
    info = camera_info(stamp, focal=FOCAL, d=[0.0] * 5)
    messages = [(KEYPOINTS, both[0]), (KEYPOINTS, both[1]), (IMAGE, image), (CAMERA_INFO, info)]
    met, missing = [], []
    same_stamp = SameStamp((IMAGE, CAMERA_INFO, KEYPOINTS), met.append, missing.append)
    take = takers(same_stamp, (IMAGE, CAMERA_INFO, KEYPOINTS))
    for i in order:
        topic, message = messages[i]
        take[topic](message)
    [found] = met
    assert same_stamp.waiting == 0 and found[KEYPOINTS].header.frame_id == 'left_optical'
    features = local_features(found[KEYPOINTS], camera_from_info(found[CAMERA_INFO]))
    known = np.isfinite(features.points[:, 2])
    assert known.sum() > 0.6 * len(known)
    assert np.median(np.abs(features.points[known, 2] / DEPTH - 1)) < 0.01
    seen = camera_from_info(info).project(features.points[known])
    assert np.allclose(seen, features.keypoints[known], atol=1e-3)


def test_a_left_image_without_a_right_one_is_counted(pair):
    before = pair.probe.wait_diagnostics(lambda d: d['waiting'] == '0')
    pair.probe.images.publish(image_message(texture(), next(_stamps)))
    pair.probe.wait_for_stamps('tracks', pair.send())
    lost = int(before['unmatched: left/image']) + 1
    after = pair.probe.wait_diagnostics(lambda d: int(d['unmatched: left/image']) == lost)
    assert after['unmatched: right/image'] == before['unmatched: right/image']
    assert int(after['received']) == int(after['processed']) + int(after['dropped'])


def test_stereo_parameters_change_while_running(pair):
    assert pair.probe.set('max_depth', DEPTH / 2).successful
    [tracks] = pair.probe.wait_for_stamps('tracks', pair.send())
    assert np.isnan(tracks.depth).mean() > 0.95 and len(tracks.depth) > 20
    assert pair.probe.set('max_depth', 100.0).successful


def test_calibrations_at_one_place_give_tracks_without_depth_and_a_warning(data, caplog):
    with Extractor(weights=str(data / 'models' / 'alike-t.pth'), device='cpu') as extractor:
        journal = Journal(logging.getLogger('frontend'))
        config = NodeConfig(cameras='stereo')
        eyes = tuple(open_eyes(journal, config).values())
        geometry = open_geometry(journal, config, eyes)
        for eye in eyes:
            eye.book.add(camera_info(1))
        links = Links(None, Health(), journal, None)
        pipeline = RigPipeline(RigFrontEnd(extractor, 2), links, config, eyes, geometry)
        images = [image_message(texture(), 1) for _ in eyes]
        look = pipeline._look(Arrival(images[0], 0.0, tuple(images[1:])))
    assert 'a baseline of 0.0 m' in caplog.text and 'no depths' in caplog.text
    assert all(len(result.tracks) > 20 and result.depths is None for result in look.results)
    assert np.isfinite(look.results[1].normalised).all()
