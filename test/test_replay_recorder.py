"""The nodes `replay` and `recorder` as processes of their own, over DDS."""

import json
import signal
import time

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from ros_fixtures import (  # noqa: E402
    domain_id,
    header,
    image_message,
    stamp_of,
    texture,
)
from ros_processes import TIMEOUT_S, listening, started, write_bag  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from alike_ros.bags import Bag  # noqa: E402
from alike_ros.image_message import image_from_msg  # noqa: E402

PERIOD_NS = 20_000_000
FIRST_NS = 5 * 10**9
COUNT = 6
NOISE = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


@pytest.fixture
def listener():
    with listening(domain_id(17)) as made:
        yield made


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Six colour images 20 ms apart, with calibration."""
    path = tmp_path_factory.mktemp('bag') / 'six.mcap'
    return write_bag(path, [FIRST_NS + i * PERIOD_NS for i in range(COUNT)])


def replayed(listener, bag, **parameters):
    """Replay to the end; return images, calibrations and clocks that arrived."""
    received = [
        listener.collect(Image, 'image'),
        listener.collect(CameraInfo, 'camera_info'),
        listener.collect(Clock, '/clock'),
    ]
    with started('replay', listener.domain, input=str(bag), **parameters) as child:
        assert listener.finish(child) == 0, child.failure()
    listener.wait(lambda: len(received[0]) >= COUNT, 'all images')
    return received


def test_replay_sends_the_recorded_images_and_calibration_unchanged(listener, bag, tmp_path):
    report = tmp_path / 'report.json'
    images, infos, clocks = replayed(listener, bag, report=str(report))
    stamps = [FIRST_NS + i * PERIOD_NS for i in range(COUNT)]
    assert [stamp_of(image) for image in images] == stamps
    assert [stamp_of(info) for info in infos] == stamps
    assert {image.header.frame_id for image in images} == {'optical'}
    for i, image in enumerate(images):
        assert np.array_equal(image_from_msg(image), texture(2 * i))
    assert infos[0].k[0] == 100.0 and infos[0].d[0] == 0.1
    assert not clocks
    told = json.loads(report.read_text())
    assert (told['frames_sent'], told['stamp_offset_ns']) == (COUNT, 0)
    assert told['wall_s'] >= (COUNT - 1) * PERIOD_NS * 1e-9


def test_stamps_now_begin_now_and_the_clock_runs_with_and_between_them(listener, bag, tmp_path):
    report = tmp_path / 'report.json'
    options = {'stamps': 'now', 'frame_id': 'other', 'publish_clock': True, 'rate': 0.5}
    before_ns = time.time_ns()
    images, _, clocks = replayed(listener, bag, report=str(report), **options)
    stamps = [stamp_of(image) for image in images]
    assert before_ns < stamps[0] < time.time_ns()
    assert set(np.diff(stamps)) == {PERIOD_NS}
    assert stamps[0] - json.loads(report.read_text())['stamp_offset_ns'] == FIRST_NS
    assert images[0].header.frame_id == 'other'
    times = [clock.clock.sec * 10**9 + clock.clock.nanosec for clock in clocks]
    assert times == sorted(times) and len(times) > COUNT
    assert set(stamps) <= set(times)


@pytest.mark.parametrize('stamps, grows', [('now', True), ('original', False)])
def test_a_loop_ends_by_a_signal_with_code_0(listener, bag, stamps, grows):
    images = listener.collect(Image, 'image')
    options = {'loop': True, 'stamps': stamps, 'rate': 10.0, 'hold': 0.0}
    with started('replay', listener.domain, input=str(bag), **options) as child:
        listener.wait(lambda: len(images) > 2 * COUNT, 'a third pass')
        child.signal(signal.SIGINT)
        assert listener.finish(child) == 0, child.failure()
    steps = np.diff([stamp_of(image) for image in images])
    assert bool((steps > 0).all()) == grows


def test_rate_0_waits_for_the_answer_to_each_image(listener, bag):
    from alike_ros.msg import FrontendStatus

    images = []
    answers = listener.node.create_publisher(FrontendStatus, 'frontend/status', 100)
    listener.node.create_subscription(Image, 'image', images.append, 100)
    with started('replay', listener.domain, input=str(bag), rate=0.0) as child:
        for i in range(COUNT):
            listener.wait(lambda i=i: len(images) > i, f'image {i}')
            quiet_until_s = time.monotonic() + 0.1
            listener.wait(lambda end=quiet_until_s: time.monotonic() > end, 'no other image')
            assert len(images) == i + 1
            answers.publish(FrontendStatus(header=images[i].header))
        assert listener.finish(child) == 0, child.failure()


@pytest.mark.parametrize(
    'parameters, reason',
    [
        ({'input': '/nowhere/at/all'}, 'is not there'),
        ({'input': 'BAG', 'topic': '/other'}, '/other'),
        ({'rate': -1.0}, 'rate'),
        ({'stamps': 'tomorrow'}, 'stamps must be one of original, now'),
    ],
)
def test_what_cannot_be_replayed_is_one_fatal_sentence_and_code_1(bag, parameters, reason):
    if parameters.get('input') == 'BAG':
        parameters = parameters | {'input': str(bag)}
    with started('replay', domain_id(18), **parameters) as child:
        assert child.wait(TIMEOUT_S) == 1
    [fatal] = [line for line in child.lines if 'FATAL' in line]
    assert reason in fatal
    assert not any('Traceback' in line for line in child.lines)


def matched(listener, publisher):
    listener.wait(lambda: publisher.get_subscription_count() > 0, 'the recorder subscribes')


def counts(path):
    with Bag(path) as recording:
        return {topic.name: topic.count for topic in recording.topics}


def test_the_recorder_writes_what_was_published_byte_for_byte(listener, tmp_path):
    output = tmp_path / 'out.mcap'
    images = listener.node.create_publisher(Image, 'image', 100)
    others = listener.node.create_publisher(Header, 'unknown/beforehand', 100)
    topics = ['image', 'unknown/beforehand']
    with started('recorder', listener.domain, output=str(output), topics=topics) as child:
        matched(listener, images)
        matched(listener, others)
        for i in range(20):
            images.publish(image_message(texture(i), i + 1))
            others.publish(header(i + 1, 'x'))
        assert images.wait_for_all_acked() and others.wait_for_all_acked()
        child.signal(signal.SIGTERM)
        assert child.wait(TIMEOUT_S) == 0, child.failure()
    assert any('20 /image, 20 /unknown/beforehand' in line for line in child.lines)
    assert counts(output) == {'/image': 20, '/unknown/beforehand': 20}
    with Bag(output) as recording:
        pictures = [image_from_msg(m) for _, _, m in recording.messages('/image')]
    assert all(np.array_equal(pictures[i], texture(i)) for i in range(20))


def test_the_recorder_takes_best_effort_topics_too(listener, tmp_path):
    output = tmp_path / 'out.mcap'
    qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = listener.node.create_publisher(Image, 'image', qos)
    with started('recorder', listener.domain, output=str(output), topics=['image']) as child:
        matched(listener, images)
        listener.wait(_published_until_recorded(images, output), 'an image in the file')
        child.signal(signal.SIGINT)
        assert child.wait(TIMEOUT_S) == 0, child.failure()
    assert counts(output)['/image'] > 0


def _published_until_recorded(publisher, output):
    """Publish with every look until more than the header of the bag is in the file."""

    def recorded():
        publisher.publish(image_message(NOISE, 1))
        return output.stat().st_size > 100_000

    return recorded


def test_an_output_that_cannot_be_made_is_one_sentence_and_code_1(tmp_path):
    (tmp_path / 'file').write_text('')
    output = tmp_path / 'file' / 'out.mcap'
    with started('recorder', domain_id(19), output=str(output)) as child:
        assert child.wait(TIMEOUT_S) == 1
    assert any('FATAL' in line for line in child.lines)
    assert not any('Traceback' in line for line in child.lines)
