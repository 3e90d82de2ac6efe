"""The node `odometry` beside a front end that runs, over DDS."""

import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')
pytest.importorskip('nav_msgs')

from alike_ros.msg import Tracks  # noqa: E402
from nav_msgs.msg import Odometry, Path  # noqa: E402
from ros_fixtures import domain_id, header, stamp_of  # noqa: E402
from ros_processes import TIMEOUT_S, listening, started  # noqa: E402
from test_odometry import look, pose_at  # noqa: E402

from alike_ros.datasets.room import RoomSource  # noqa: E402
from alike_ros.datasets.trajectory import pose_matrix  # noqa: E402

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # not among the wheels of PyPI
    TFMessage = None

DURATION_S = 0.8
LEAST_POSES = 12


@pytest.fixture
def listener():
    with listening(domain_id(47)) as made:
        yield made


def poses_of(messages):
    """Return (4, 4) poses by stamp."""
    return {
        stamp_of(m): pose_matrix(
            np.array([p.position.x, p.position.y, p.position.z]),
            np.array([p.orientation.x, p.orientation.y, p.orientation.z, p.orientation.w]),
        )
        for m in messages
        for p in [m.pose.pose]
    }


def test_the_path_through_the_room_is_published_as_it_was(listener, photos, data):
    odometries = listener.collect(Odometry, '/odometry/odometry')
    paths = listener.collect(Path, '/odometry/path')
    transforms = listener.collect(TFMessage, '/tf') if TFMessage else None
    domain, there = listener.domain, listener.node.count_subscribers
    options = {'drop_policy': 'queue', 'device': 'cpu', 'model': 'alike-t', 'n_limit': 400}
    with (
        started('odometry', domain, scale=0.1) as odometry,
        started('frontend', domain, **options) as front_end,
    ):
        listener.wait(lambda: there('/frontend/tracks') > 0, 'the odometry subscribes')
        replayed = {'rate': 0.0, 'wait_for_subscribers': 1, 'duration': DURATION_S}
        with started('replay', domain, **replayed) as replay:
            assert listener.finish(replay) == 0, [replay.failure(), front_end.lines]
        listener.wait(lambda: len(odometries) >= LEAST_POSES, 'poses')
        listener.wait(lambda: len(paths) > 0, 'a path')
        for process in (odometry, front_end):
            process.signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0, process.failure()

    room = RoomSource()
    found = poses_of(odometries)
    stamps = sorted(found)
    true = [room.truth.pose(room.index_of(stamp)) for stamp in stamps]
    steps = [np.linalg.inv(found[stamps[0]]) @ found[stamp] for stamp in stamps]
    true_steps = [np.linalg.inv(true[0]) @ pose for pose in true]
    scale = np.linalg.norm(true_steps[-1][:3, 3]) / np.linalg.norm(steps[-1][:3, 3])
    way = np.linalg.norm(true_steps[-1][:3, 3])
    for step, true_step in zip(steps, true_steps, strict=True):
        np.testing.assert_allclose(scale * step[:3, 3], true_step[:3, 3], atol=0.05 * way)
        np.testing.assert_allclose(step[:3, :3], true_step[:3, :3], atol=0.01)
    newest = odometries[-1]
    assert newest.header.frame_id == paths[-1].header.frame_id == 'odom'
    assert newest.child_frame_id == room.frame(0).frame_id
    covariance = np.reshape(newest.pose.covariance, (6, 6))
    assert (np.linalg.eigvalsh((covariance + covariance.T) / 2) > 0).all()
    if transforms is not None:
        last = transforms[-1].transforms[0]
        assert (last.header.frame_id, last.child_frame_id) == ('odom', newest.child_frame_id)


def tracks_message(sight, stamp_ns):
    """Return Tracks of a camera with a focal length of 500 px."""
    message = Tracks(header=header(stamp_ns, 'optical'))
    message.id = sight.ids.tolist()
    message.camera_id = [0] * len(sight)
    for name, values in zip('xyuv', (*sight.rays.T, *500 * sight.rays.T), strict=True):
        setattr(message, name, values.tolist())
    message.sigma = [0.5] * len(sight)
    message.depth = sight.depths.tolist()
    return message


def test_a_clock_that_jumps_back_begins_a_path_at_the_origin_of_the_base(listener, rng):
    odometries = listener.collect(Odometry, '/odometry/odometry')
    tracks = listener.node.create_publisher(Tracks, '/frontend/tracks', 100)
    world = rng.uniform([-8, -3, 2], [8, 3, 20], (1500, 3))
    parameters = {'base_frame': 'base_link', 'camera_pose': '0.2 0.0 0.5 0.0 0.0 0.0'}
    with started('odometry', listener.domain, **parameters) as odometry:
        listener.wait(lambda: tracks.get_subscription_count() == 1, 'the odometry subscribes')
        for i in [0, 1, 2, 3, 0]:
            sight = look(world, pose_at(np.array([0.0, 0.0, 0.1 * i])), i, depth=True)
            tracks.publish(tracks_message(sight, 10**9 + sight.stamp_ns))
        listener.wait(lambda: len(odometries) == 5, 'poses of all images')
        tracks.publish(tracks_message(replace(sight, rays=sight.rays * np.nan), 3 * 10**9))
        listener.wait(lambda: any('camera_info' in line for line in odometry.lines), 'a remedy')
        odometry.signal(signal.SIGINT)
        assert odometry.wait(TIMEOUT_S) == 0, odometry.failure()
    places = [[p.x, p.y, p.z] for p in (m.pose.pose.position for m in odometries)]
    np.testing.assert_allclose(places, [[0.1 * i, 0, 0] for i in [0, 1, 2, 3, 0]], atol=1e-4)
    assert {m.child_frame_id for m in odometries} == {'base_link'}
    speeds = [m.twist.twist.linear.x for m in odometries]
    assert speeds == pytest.approx([0, 2.0, 2.0, 2.0, 0], abs=0.01)
    assert odometries[0].twist.covariance[0] > 1e3 > odometries[1].twist.covariance[0]


def test_a_camera_pose_that_cannot_be_is_one_fatal_sentence_and_code_1():
    parameters = {'base_frame': 'base_link', 'camera_pose': 'in front'}
    with started('odometry', domain_id(48), **parameters) as child:
        assert child.wait(TIMEOUT_S) == 1
    [fatal] = [line for line in child.lines if 'FATAL' in line]
    assert 'six numbers' in fatal
    assert not any('Traceback' in line for line in child.lines)
