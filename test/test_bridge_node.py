"""The node `bridge` beside a front end that runs, over DDS; read as its consumers read it."""

import json
import signal
from contextlib import ExitStack
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from consumer_rules import message_parts, read_by_fusion, read_by_mono, read_by_rtabmap

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from alike_ros.msg import Keypoints, Tracks  # noqa: E402
from ros_fixtures import domain_id, header, stamp_of  # noqa: E402
from ros_processes import TIMEOUT_S, listening, started, write_bag  # noqa: E402
from sensor_msgs.msg import PointCloud  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402

from alike_ros.ros.bridge.stamps import KEPT, SameStamp  # noqa: E402

PERIOD_NS = 50_000_000
COUNT = 8
BEFORE_PAUSE = 5


@pytest.fixture
def listener():
    with listening(domain_id(41)) as made:
        yield made


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Images of a camera with calibration; two seconds are missing after the fifth."""
    path = tmp_path_factory.mktemp('bag') / 'pause.mcap'
    pauses = [2 * 10**9 if i >= BEFORE_PAUSE else 0 for i in range(COUNT)]
    return write_bag(path, [10**9 + i * PERIOD_NS + pause for i, pause in enumerate(pauses)])


def tracked(listener, bag, bridges, topic, holds):
    """Replay the bag through a front end beside bridges that subscribe to `topic`."""
    with ExitStack() as processes:
        domain = listener.domain
        running = [processes.enter_context(started('bridge', domain, *b)) for b in bridges]
        front_end = processes.enter_context(
            started('frontend', domain, drop_policy='queue', device='cpu', model='alike-t')
        )
        there = listener.node.count_subscribers
        listener.wait(lambda: there(topic) > len(bridges), 'the bridges and the test subscribe')
        options = {'rate': 0.0, 'wait_for_subscribers': 1, 'input': str(bag)}
        with started('replay', domain, **options) as replay:
            assert listener.finish(replay) == 0, [replay.failure(), front_end.lines]
        listener.wait(holds, 'what the bridges publish')
        for process in (*running, front_end):
            process.signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0, process.failure()


def rows_of(tracks):
    """Return the observations of a Tracks message as VINS has them, by their pixel."""
    columns = [np.nan_to_num(np.asarray(getattr(tracks, n))) for n in ('x', 'y', 'vx', 'vy')]
    found = zip(tracks.u, tracks.v, *columns, strict=True)
    return {(u, v): (x, y, vx, vy) for u, v, x, y, vx, vy in found}


def check(message, read, tracks):
    """Every point that the estimator reads is an observation of the front end."""
    image = read(*message_parts(message))
    known = rows_of(tracks[stamp_of(message)])
    assert message.header.frame_id == 'optical'
    for seen in image.values():
        for camera, (x, y, _, u, v, vx, vy) in seen:
            assert camera == 0 and known[(u, v)] == pytest.approx((x, y, vx, vy))
    return image


def test_both_estimators_read_the_tracks_of_a_front_end_that_runs(listener, bag, data):
    tracks = listener.collect(Tracks, '/frontend/tracks')
    clouds = {
        'fusion': listener.collect(PointCloud, '/feature_tracker/feature'),
        'mono': listener.collect(PointCloud, '/mono/feature'),
    }
    restarts = {
        'fusion': listener.collect(Bool, '/vins_restart'),
        'mono': listener.collect(Bool, '/feature_tracker/restart'),
    }
    bridges = [
        ('-p', 'consumer:=vins_fusion'),
        ('-p', 'consumer:=vins_mono', '-r', '/feature_tracker/feature:=/mono/feature')
        + ('-r', '__node:=mono'),
    ]

    def arrived():
        return len(clouds['fusion']) >= COUNT - 1 and len(clouds['mono']) >= COUNT - 2

    tracked(listener, bag, bridges, '/frontend/tracks', arrived)
    by_stamp = {stamp_of(message): message for message in tracks}
    stamps = sorted(by_stamp)
    assert len(stamps) == COUNT
    pause = stamps[BEFORE_PAUSE]
    assert [stamp_of(m) for m in clouds['fusion']] == [s for s in stamps if s != pause]
    assert [stamp_of(m) for m in clouds['mono']] == [s for s in stamps[1:] if s != pause]
    assert [[m.data for m in sent] for sent in restarts.values()] == [[True], [True]]
    images = {
        'fusion': [check(m, read_by_fusion, by_stamp) for m in clouds['fusion']],
        'mono': [check(m, read_by_mono, by_stamp) for m in clouds['mono']],
    }
    for found in images.values():
        first, second = found[1:3]
        assert len(first) > 10 and len(first.keys() & second.keys()) > len(first) / 2


@pytest.mark.skipif(find_spec('rtabmap_msgs') is None, reason='rtabmap_msgs is not installed')
def test_rtabmap_reads_the_keypoints_beside_their_image(listener, bag, data):
    from rtabmap_msgs.msg import RGBDImage

    keypoints = listener.collect(Keypoints, '/frontend/keypoints')
    images = listener.collect(RGBDImage, '/rgbd_image')
    bridges = [('-p', 'consumer:=rtabmap')]
    tracked(listener, bag, bridges, '/frontend/keypoints', lambda: len(images) == COUNT)
    by_stamp = {stamp_of(message): message for message in keypoints}
    for message in images:
        sent = by_stamp[stamp_of(message)]
        rows = read_by_rtabmap(message.descriptors.tobytes())
        assert rows.tobytes() == sent.descriptors.tobytes() and len(rows) > 10
        assert [(k.pt.x, k.pt.y) for k in message.key_points] == list(
            zip(sent.u, sent.v, strict=True)
        )
        assert [k.response for k in message.key_points] == list(sent.score)
        assert {(k.size, k.angle) for k in message.key_points} == {(8.0, -1.0)}
        assert len(message.points) == len(rows) and np.isnan(message.points[0].z)
        assert message.rgb.width == message.rgb_camera_info.width == 160
        assert stamp_of(message.rgb) == stamp_of(message.rgb_camera_info) == stamp_of(message)


@pytest.mark.parametrize(
    ('consumer', 'reason'),
    [
        ('kimera', 'consumer must be one of vins_fusion, vins_mono, rtabmap'),
        pytest.param(
            'rtabmap',
            'rtabmap_msgs',
            marks=pytest.mark.skipif(
                find_spec('rtabmap_msgs') is not None, reason='rtabmap_msgs is installed'
            ),
        ),
    ],
)
def test_what_cannot_be_served_is_one_fatal_sentence_and_code_1(consumer, reason):
    with started('bridge', domain_id(42), '-p', f'consumer:={json.dumps(consumer)}') as child:
        assert child.wait(TIMEOUT_S) == 1
    [fatal] = [line for line in child.lines if 'FATAL' in line]
    assert reason in fatal
    assert not any('Traceback' in line for line in child.lines)


def stamped(stamp_ns):
    return SimpleNamespace(header=header(stamp_ns))


def test_messages_meet_by_their_stamp_in_any_order():
    met, missing = [], []
    same_stamp = SameStamp('abc', met.append, missing.append)
    for topic, stamp in ('a', 1), ('b', 1), ('a', 2), ('c', 2), ('c', 1), ('b', 2), ('b', 3):
        same_stamp.add(topic, stamped(stamp))
    assert [sorted({stamp_of(m) for m in found.values()}) for found in met] == [[1], [2]]
    assert all(found.keys() == set('abc') for found in met)
    assert missing == []


def test_a_topic_that_never_comes_is_named():
    met, missing = [], []
    same_stamp = SameStamp('abc', met.append, missing.append)
    for stamp in range(1, 3 * KEPT):
        same_stamp.add('a', stamped(stamp))
        same_stamp.add('c', stamped(stamp))
    assert not met and missing and all(found == {'b'} for found in missing)


def test_images_that_the_front_end_skips_are_no_reason_to_warn():
    met, missing = [], []
    same_stamp = SameStamp('ab', met.append, missing.append)
    for stamp in range(1, 10 * KEPT):
        same_stamp.add('a', stamped(stamp))
        if stamp % 10 == 0:
            same_stamp.add('b', stamped(stamp))
    assert len(met) == KEPT - 1 and not missing
