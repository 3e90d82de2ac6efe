"""`health` beside front ends that run in broken graphs, and what it makes of what it sees."""

import math
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from ros_fixtures import LOCAL, camera_info, domain_id, environment, image_message, texture  # noqa: E402
from ros_processes import Listener, started  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from alike_ros.ros.graph.children import Child  # noqa: E402
from alike_ros.ros.health.findings import FrontEndSeen, Input, Publisher, findings  # noqa: E402

IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
PERIOD_S = 0.1
SIZE = (320, 240)
LATE_NS = 100 * 10**9
APART_NS = 20 * 10**6


@pytest.fixture
def listener(monkeypatch):
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    made = Listener(domain_id(53))
    yield made
    made.close()


def health(listener, *arguments):
    """Return the exit code of the program and the lines that it printed."""
    module = 'alike_ros.ros.health.__main__'
    child = Child('health', module, arguments, environment(listener.domain))
    return listener.finish(child), list(child.lines)


class Camera:
    """Publishes a moving texture."""

    def __init__(self, node, name, late_ns=0, reliable=True, info=True):
        kind = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        self._images = node.create_publisher(
            Image, f'/{name}/image', QoSProfile(depth=5, reliability=kind)
        )
        self._infos = (
            node.create_publisher(CameraInfo, f'/{name}/camera_info', 5) if info else None
        )
        self._late_ns, self._count = late_ns, 0

    def publish(self, now_ns):
        stamp = now_ns - self._late_ns
        self._count += 1
        if self._infos is not None:
            self._infos.publish(camera_info(stamp, SIZE))
        self._images.publish(image_message(texture(self._count % 100, SIZE), stamp))


def front_end(domain, name, **parameters):
    wiring = ('-r', f'__node:={name}')
    for side in ('left/', 'right/') if parameters.get('cameras') == 'stereo' else ('',):
        for topic in ('image', 'camera_info'):
            wiring += ('-r', f'{side}{topic}:=/{name}/{side}{topic}')
    return started('frontend', domain, *wiring, device='cpu', model='alike-t', **parameters)


def test_each_broken_graph_is_told_in_a_sentence_and_the_others_are_left_alone(listener, data):
    cameras = {
        'well': Camera(listener.node, 'well'),
        'deaf': Camera(listener.node, 'deaf', reliable=False),
        'late': Camera(listener.node, 'late', late_ns=LATE_NS, info=False),
    }
    sides = {'apart/left': 0, 'apart/right': APART_NS, 'one_eyed/left': 0}
    all_cameras = [Camera(listener.node, name, late_ns) for name, late_ns in sides.items()]
    all_cameras += cameras.values()

    def publish():
        now_ns = listener.node.get_clock().now().nanoseconds
        for camera in all_cameras:
            camera.publish(now_ns)

    listener.node.create_timer(PERIOD_S, publish)
    parameters = {name: {} for name in (*cameras, 'blind')}
    parameters['deaf'] = {'input_reliability': 'reliable'}
    parameters |= dict.fromkeys(('apart', 'one_eyed'), {'cameras': 'stereo'})
    with ExitStack() as processes:
        for name, given in parameters.items():
            processes.enter_context(front_end(listener.domain, name, **given))
        there = listener.node.count_subscribers
        topics = [f'/{name}/image' for name in (*cameras, 'blind')]
        topics += ['/apart/right/image', '/one_eyed/right/image']
        listener.wait(lambda: all(map(there, topics)), 'all subscribe')
        code, lines = health(listener, '--duration', '4')
    assert code == 1
    told = {name: [t for t in lines if t.startswith(f'/{name}: ')] for name in parameters}
    assert sum(map(len, told.values())) == len(lines), lines
    [well] = told['well']
    assert 'all is well' in well and 'images/s' in well
    [blind] = told['blind']
    assert 'Nobody publishes /blind/image' in blind and '/deaf/image' in blind
    [deaf] = told['deaf']
    assert 'QoS of /deaf/image' in deaf and 'input_reliability' in deaf
    late = ' '.join(told['late'])
    assert 'behind the clock' in late and 'Nobody publishes /late/camera_info' in late
    [apart] = told['apart']
    assert '/apart/right/image are stamped 20 ms before those of /apart/left/image' in apart
    images, infos = told['one_eyed']
    assert 'Nobody publishes /one_eyed/right/image' in images
    assert 'Nobody publishes /one_eyed/right/camera_info' in infos


def test_without_a_front_end_it_says_so_with_code_2(listener):
    code, [line] = health(listener, '--duration', '0.5')
    assert code == 2 and 'No front end was found' in line


def status(**changed):
    usual = {'state': 1, 'keypoints': 400, 'tracked': 300, 'latency': 0.02}
    return SimpleNamespace(**(usual | changed))


@pytest.fixture
def seen():
    """A front end that is well."""
    camera = Publisher('/camera', IMAGE, '')
    return FrontEndSeen(
        name='/frontend',
        inputs=(
            Input('/image', IMAGE, (camera,)),
            Input('/camera_info', INFO, (replace(camera, type=INFO),), (1, 2, 3)),
        ),
        diagnostics=(0, '30.0 images/s'),
        statuses=(status(state=0, tracked=0), status(), status()),
    )


def test_a_front_end_that_is_well_has_no_findings(seen):
    assert findings(seen) == []


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'diagnostics': None}, 'ROS_DOMAIN_ID'),
        ({'diagnostics': (2, 'unknown encoding yuv9')}, 'It says: unknown encoding yuv9.'),
        ({'diagnostics': (0, 'inactive: waits'), 'inputs': ()}, 'It takes no images: inactive'),
        ({'statuses': (status(latency=-7.0),)}, '7.0 s ahead of the clock'),
        ({'statuses': (status(keypoints=9, tracked=5),)}, 'Only 9 keypoints'),
        ({'statuses': (status(tracked=5, latency=math.nan),)}, 'Only 5 of 400'),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_remedy(seen, changes, words):
    [sentence] = findings(replace(seen, **changes))
    assert words in sentence and sentence.endswith('.')


def test_a_camera_info_that_is_silent_is_named(seen):
    inputs = (seen.inputs[0], replace(seen.inputs[1], stamps_ns=()))
    [sentence] = findings(replace(seen, inputs=inputs))
    assert 'Nothing came on /camera_info, though /camera' in sentence


def test_images_that_never_arrive_though_they_fit_are_named(seen):
    told = (3, 'no image has come on /image: is the camera running?')
    [sentence] = findings(replace(seen, diagnostics=told))
    assert 'Nothing comes on /image, though /camera publishes it' in sentence
    assert 'same user' in sentence


def several(seen, stamps, others):
    """Return a front end that takes images of two topics, and what it says when none fit."""
    [image, _] = seen.inputs
    inputs = (replace(image, stamps_ns=stamps), replace(image, topic='/other', stamps_ns=others))
    return replace(seen, inputs=inputs, diagnostics=(1, 'most images find no partner: …'))


@pytest.mark.parametrize(
    ('late_ns', 'words'), [(20_000_000, '20 ms after'), (-2_500_000, '2.5 ms before')]
)
def test_images_too_far_apart_for_a_set_are_told_how_far(seen, late_ns, words):
    stamps = tuple(range(0, 10**9, 10**8))
    apart = several(seen, stamps, tuple(stamp + late_ns for stamp in stamps[1:]))
    [sentence] = findings(apart)
    assert f'/other are stamped {words} those of /image' in sentence
    assert f'sync_tolerance above {abs(late_ns) / 1e9:g}.' in sentence


def test_a_silent_camera_of_several_is_named(seen):
    [sentence] = findings(several(seen, (1, 2), ()))
    assert 'Nothing comes on /other' in sentence


def test_only_a_few_other_topics_are_named(seen):
    [image, info] = seen.inputs
    inputs = (replace(image, publishers=()), info)
    topics = tuple(f'/camera_{i}/image' for i in range(9))
    [sentence] = findings(replace(seen, inputs=inputs, image_topics=topics))
    assert '/camera_3/image and 5 more' in sentence and '/camera_4' not in sentence


def test_an_image_topic_of_another_type_is_named(seen):
    compressed = Publisher('/camera', 'sensor_msgs/msg/CompressedImage', '')
    inputs = (Input('/image', IMAGE, (compressed,)), seen.inputs[1])
    [sentence] = findings(replace(seen, inputs=inputs, diagnostics=(2, 'wrong type')))
    assert 'as sensor_msgs/msg/CompressedImage' in sentence and 'image_transport' in sentence


def test_a_slow_front_end_on_a_busy_computer_is_told_the_load(seen, monkeypatch):
    slow = replace(seen, diagnostics=(1, 'too slow: of 30 images/s only 5 are processed'))
    monkeypatch.setattr('os.getloadavg', lambda: (1000.0, 0, 0))
    words, load = findings(slow)
    assert 'too slow' in words and 'load 1000.0' in load
    monkeypatch.setattr('os.getloadavg', lambda: (0.1, 0, 0))
    assert len(findings(slow)) == 1
