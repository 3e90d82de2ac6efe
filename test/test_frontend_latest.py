"""The node with drop_policy latest on compressed images, and what it draws."""

import itertools
import threading

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

import rclpy  # noqa: E402
from alike_ros.msg import Tracks  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from ros_fixtures import camera_info, compressed_message, domain_id, running, texture  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image, PointCloud2  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

DROPPED = 'dropped: replaced by a newer image'
_stamps = itertools.count(10**9, 10**8)


@pytest.fixture(scope='module')
def node(data):
    with running(1, 'compressed', diagnostics_period=0.2, use_sim_time=True, device='cpu') as both:
        yield both


@pytest.fixture
def probe(node):
    _, probe = node
    probe.clear()
    return probe


def send(probe, image, kind='png'):
    stamp = next(_stamps)
    probe.images.publish(compressed_message(image, stamp, kind))
    return stamp


@pytest.mark.parametrize('kind', ['png', 'jpg'])
@pytest.mark.parametrize('channels', [1, 3])
def test_compressed_images_give_tracks(probe, kind, channels):
    image = texture() if channels == 3 else texture()[:, :, 1].copy()
    [tracks] = probe.wait_for_stamps('tracks', [send(probe, image, kind)])
    assert len(tracks.id) > 20


def test_damaged_compressed_images_do_not_kill_the_node(probe):
    before = int(probe.wait_diagnostics(lambda d: True)['dropped: bad image'])
    whole = compressed_message(texture(), 0)
    for count, data in enumerate((whole.data[:0], whole.data[:200], whole.data[100:]), 1):
        whole.data = data
        probe.images.publish(whole)
        probe.wait_diagnostics(lambda d, n=count: int(d['dropped: bad image']) == before + n)
    probe.wait_for_stamps('tracks', [send(probe, texture())])


def test_only_the_newest_image_waits_and_every_drop_is_counted(probe):
    big = np.tile(texture(), (6, 6, 1))
    stop = threading.Event()

    def flood():
        while not stop.wait(0.003):
            send(probe, texture())

    send(probe, big)
    feeder = threading.Thread(target=flood)
    feeder.start()
    try:
        probe.wait_diagnostics(lambda d: int(d[DROPPED]) > 3)
    finally:
        stop.set()
        feeder.join()
    last = send(probe, texture())
    probe.wait_for_stamps('tracks', [last])
    found = probe.wait_diagnostics(lambda d: d['waiting'] == '0')
    assert int(found['received']) == int(found['processed']) + int(found['dropped'])


def test_latency_is_by_the_simulated_clock(probe):
    clock = probe.node.create_publisher(Clock, '/clock', 10)
    stamp = next(_stamps)
    now = Clock()
    now.clock.sec, now.clock.nanosec = divmod(stamp + 250_000_000, 10**9)

    def status():
        clock.publish(now)
        probe.images.publish(compressed_message(texture(), stamp))
        return [s.latency for s in probe.got('status')[-1:]]

    [latency] = probe.wait_until(status, lambda found: found and np.isfinite(found[0]))
    assert abs(latency - 0.25) < 1e-9
    probe.node.destroy_publisher(clock)


@pytest.mark.parametrize(
    ('topic', 'kind'),
    [('debug_image', Image), ('tracks_cloud', PointCloud2), ('markers', MarkerArray)],
)
def test_pictures_come_only_while_someone_subscribes(probe, topic, kind):
    stamp = next(_stamps)
    probe.infos.publish(camera_info(stamp))
    subscription = probe.subscribe(f'/frontend/{topic}', kind)
    shifts = itertools.count()

    def pictures():
        send(probe, texture(next(shifts) % 5))
        return probe.got(topic)

    found = probe.wait_until(pictures, lambda messages: len(messages) >= 3)[-1]
    probe.node.destroy_subscription(subscription)
    check = {'debug_image': check_image, 'tracks_cloud': check_cloud, 'markers': check_markers}
    check[topic](found)


def check_image(message):
    assert (message.width, message.height, message.encoding) == (160, 120, 'rgb8')
    assert message.header.frame_id == 'camera_optical'
    assert len(message.data) == 160 * 120 * 3


def check_cloud(message):
    assert [field.name for field in message.fields] == ['x', 'y', 'z', 'id', 'age', 'score']
    points = np.frombuffer(
        message.data, [(f.name, 'u4' if f.datatype == 6 else 'f4') for f in message.fields]
    )
    assert message.width == len(points) > 20 and set(points['z']) == {1.0}
    assert np.isfinite(points['x']).all() and points['age'].max() > 1


def check_markers(message):
    rays, tails = message.markers
    assert rays.type == Marker.LINE_LIST and len(rays.points) == len(rays.colors)
    assert rays.points[0].z == 0.0 and rays.points[1].z == 1.0
    assert len(tails.points) > 0 and {point.z for point in tails.points} == {1.0}


def test_misfit_of_qos_is_a_warning_with_the_remedy(node, probe):
    process, _ = node
    from rclpy.qos import DurabilityPolicy

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    subscription = probe.subscribe('/frontend/tracks', Tracks, latched)
    process.wait_for_log('subscribe to it like that')
    probe.node.destroy_subscription(subscription)


def test_topic_of_another_type_is_explained(node, probe):
    process, _ = node
    context = rclpy.Context()  # another participant, as a camera would be
    rclpy.init(context=context, domain_id=domain_id(1))
    camera = rclpy.create_node('camera', context=context)
    camera.create_publisher(Image, '/image/compressed', 10)
    found = probe.wait_diagnostics(lambda d: 'published as sensor_msgs/msg/Image' in d['message'])
    assert found['level'] == b'\x02' and 'image_transport' in found['message']
    process.wait_for_log('expected sensor_msgs/msg/CompressedImage')
    camera.destroy_node()
    rclpy.shutdown(context=context)
    probe.wait_for_stamps('tracks', [send(probe, texture())])


def test_unreliable_camera_and_reliable_subscription_is_explained(data):
    with running(2, 'compressed', input_reliability='reliable') as (process, probe):
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        camera = probe.node.create_publisher(CompressedImage, '/image/compressed', qos)
        process.wait_for_log('set the parameter input_reliability to best_effort')
        probe.node.destroy_publisher(camera)
