"""`alike track` gives offline, byte for byte, what the node gives with drop_policy queue."""

import json
import signal

import cv2
import numpy as np
import pytest
from mcap.reader import make_reader

from alike_ros.bags import Bag, BagWriter
from alike_ros.bags.types import typestore
from alike_ros.camera import Camera, camera_info_fields
from alike_ros.cli.main import main
from alike_ros.image_message import image_fields, image_from_msg

RESULTS = ('/frontend/tracks', '/frontend/keypoints')
TIMEOUT_S = 60.0


def pictures(data):
    """Colour and grey images of real scenes, small to be quick."""
    paths = sorted((data / 'tum').glob('*.png'))[:5]
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    small = [cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA) for image in images]
    return [*small[:3], *(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small[3:])]


@pytest.fixture
def bag(data, tmp_path, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    path = tmp_path / 'in.mcap'
    matrix = np.array([[260.0, 0, 160], [0, 260, 120], [0, 0, 1]])
    camera = Camera(matrix, (0.2, -0.1, 0.0, 0.0, 0.0), 'plumb_bob', (320, 240))
    with BagWriter(path) as writer:
        for i, image in enumerate(pictures(data)):
            stamp = 1_700_000_000_123_456_789 + i * 33_333_333
            head = {'header': (stamp, 'some_optical_frame')}
            for topic, kind, fields in (
                ('/cam/camera_info', 'CameraInfo', camera_info_fields(camera)),
                ('/cam/image_raw', 'Image', image_fields(image)),
            ):
                writer.write(topic, f'sensor_msgs/msg/{kind}', head | fields, stamp)
    return path


def content(path, topic):
    """Return the CDR bytes of each message, its padding set to zero.

    Fast CDR leaves what was in memory in the gaps before 8-byte values.
    """
    store = typestore()
    with path.open('rb') as file:
        raw = [(s.name, m.data) for s, _, m in make_reader(file).iter_messages([topic])]
    return [
        bytes(store.serialize_cdr(store.deserialize_cdr(data, kind), kind)) for kind, data in raw
    ]


def test_it_writes_keypoints_and_tracks_with_the_stamps_of_the_images(bag, tmp_path, capsys):
    output = tmp_path / 'out.mcap'
    options = ['--device', 'cpu', '--descriptor_type', 'float16', '--image']
    options += ['--tracker', 'descriptor', '--top_k', '100']
    assert main(['track', str(bag), str(output), *options]) == 0
    assert '5 images tracked, 0 left out' in capsys.readouterr().out
    with Bag(output) as result, Bag(bag) as given:
        assert {t.count for t in result.topics} == {5} and len(result.topics) == 4
        tracks = [message for _, _, message in result.messages('/frontend/tracks')]
        keypoints = [message for _, _, message in result.messages('/frontend/keypoints')]
        kept = [image_from_msg(m) for _, _, m in result.messages('/image')]
        images = [message for _, _, message in given.messages('/cam/image_raw')]
    assert [str(m.header) for m in tracks] == [str(m.header) for m in images]
    assert all(np.array_equal(a, image_from_msg(b)) for a, b in zip(kept, images, strict=True))
    assert [len(m.u) for m in tracks] == [100] * 5 and (tracks[-1].age > 1).any()
    assert np.isfinite(tracks[0].x).all()
    assert keypoints[0].descriptor_type == 'float16'
    assert len(keypoints[0].descriptors) == 100 * keypoints[0].descriptor_dim * 2


def test_the_same_bag_gives_the_same_bytes_twice(bag, tmp_path):
    outputs = [tmp_path / 'a.mcap', tmp_path / 'b.mcap']
    for output in outputs:
        assert main(['track', str(bag), str(output), '--device', 'cpu']) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_a_bag_without_images_is_one_sentence_and_leaves_no_output(bag, tmp_path, capsys):
    output = tmp_path / 'out.mcap'
    assert main(['track', str(bag), str(output), '--topic', '/other']) == 2
    assert '/other' in capsys.readouterr().err and not output.exists()


def test_its_output_must_not_be_its_input(bag, capsys):
    before = bag.read_bytes()
    assert main(['track', str(bag), str(bag)]) == 2
    assert bag.read_bytes() == before and capsys.readouterr().err.count('\n') == 1


def test_it_is_equal_to_what_the_node_publishes_for_the_same_bag(bag, tmp_path):
    pytest.importorskip('rclpy')
    pytest.importorskip('alike_ros.msg')
    offline, online = tmp_path / 'offline.mcap', tmp_path / 'online.mcap'
    assert main(['track', str(bag), str(offline), '--device', 'cpu']) == 0
    run_graph(bag, online)
    for topic in RESULTS:
        assert len(content(online, topic)) == 5
        assert content(offline, topic) == content(online, topic)


def run_graph(bag, output):
    """Replay the bag through a front end in queue mode into a recorder, all over DDS."""
    from ros_fixtures import domain_id, environment

    from alike_ros.ros.graph.children import Children

    with Children(environment(domain_id(31))) as children:

        def start(name, **parameters):
            flags = [f'{key}:={json.dumps(value)}' for key, value in parameters.items()]
            arguments = [part for flag in flags for part in ('-p', flag)]
            return children.start(name, f'alike_ros.ros.{name}_node', '--ros-args', *arguments)

        recorder = start('recorder', output=str(output))
        front_end = start('frontend', drop_policy='queue', device='cpu')
        replay = start('replay', input=str(bag), rate=0.0, wait_for_subscribers=2)
        assert replay.wait(TIMEOUT_S) == 0, [replay.failure(), front_end.lines]
        front_end.signal(signal.SIGINT)
        assert front_end.wait(TIMEOUT_S) == 0, front_end.failure()
        recorder.signal(signal.SIGINT)
        assert recorder.wait(TIMEOUT_S) == 0, recorder.failure()
