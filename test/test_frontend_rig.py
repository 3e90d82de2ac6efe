"""The node with a rig of three cameras side by side. One process."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import NodeProcess, domain_id, image_message, running, texture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from alike_ros.datasets.euroc import open_rig, read_rig  # noqa: E402
from alike_ros.errors import DatasetError  # noqa: E402

COUNT, FOCAL, BASELINE, DISPARITY = 3, 100.0, 0.1, 10
DEPTH = FOCAL * BASELINE / DISPARITY
SENSOR = """%YAML:1.0
T_BS:
  rows: 4
  cols: 4
  data: [1.0, 0.0, 0.0, {x}, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
resolution: [160, 120]
intrinsics: [{focal}, {focal}, 80.0, 60.0]
distortion_model: radial-tangential
distortion_coefficients: [0.0, 0.0, 0.0, 0.0]
"""
_stamps = itertools.count(10**9, 10**8)


@pytest.fixture(scope='module')
def calibration(tmp_path_factory):
    folder = tmp_path_factory.mktemp('rig')
    for camera in range(COUNT):
        (folder / f'cam{camera}').mkdir()
        text = SENSOR.format(x=camera * BASELINE, focal=FOCAL)
        (folder / f'cam{camera}' / 'sensor.yaml').write_text(text)
    return folder


@pytest.fixture(scope='module')
def rig(data, calibration):
    """The probe, and `send` for a set of images of a wall."""
    publishers = []

    def sender(probe):
        publishers.extend(
            probe.node.create_publisher(Image, f'/image_{camera}', QoSProfile(depth=200))
            for camera in range(COUNT)
        )
        probe.images = publishers[0]
        return SimpleNamespace(hello=hello)

    def hello(image, stamp):
        for publisher in publishers[1:]:
            publisher.publish(image_message(image, stamp))
        return image_message(image, stamp)

    def send():
        stamp = next(_stamps)
        for camera, publisher in enumerate(publishers):
            shift = 20 + (COUNT - camera) * DISPARITY
            publisher.publish(image_message(texture(shift), stamp))
        return stamp

    with running(
        9,
        sender=sender,
        cameras='rig',
        camera_count=COUNT,
        rig_calibration=calibration,
        drop_policy='queue',
        diagnostics_period=0.2,
        device='cpu',
    ) as (_, probe):
        assert probe.reset().success
        yield SimpleNamespace(probe=probe, send=send)


def test_a_point_has_one_id_in_all_cameras_and_depth_by_its_neighbour(rig):
    [tracks] = rig.probe.wait_for_stamps('tracks', [rig.send()])
    camera, ids, u = (np.array(each) for each in (tracks.camera_id, tracks.id, tracks.u))
    assert list(camera) == sorted(camera) and set(camera) == set(range(COUNT))
    of_camera = [dict(zip(ids[camera == i], u[camera == i], strict=True)) for i in range(COUNT)]
    shared = set.intersection(*map(set, of_camera))
    assert len(shared) > 5
    steps = np.diff([[positions[track] for track in shared] for positions in of_camera], axis=0)
    errors = np.abs(steps + DISPARITY)
    assert errors.max() < 3 and np.median(errors) < 0.5  # px
    depth = np.array(tracks.depth)
    for i in range(COUNT - 1):
        known = depth[(camera == i) & np.isfinite(depth)]
        assert len(known) > 10 and np.median(np.abs(known / DEPTH - 1)) < 0.02
    assert np.isnan(depth[camera == COUNT - 1]).all()


def test_the_file_calibrates_without_camera_info(rig):
    [tracks] = rig.probe.wait_for_stamps('tracks', [rig.send()])
    assert np.allclose(tracks.x, (np.array(tracks.u) - 80) / FOCAL, atol=1e-5)
    rig.probe.wait_diagnostics(lambda d: d['level'] == b'\x00')


def test_a_set_wants_an_image_of_every_camera(rig):
    before = rig.probe.wait_diagnostics(lambda d: d['waiting'] == '0')
    rig.probe.images.publish(image_message(texture(), next(_stamps)))
    rig.probe.wait_for_stamps('tracks', [rig.send()])
    lost = int(before['unmatched: image_0']) + 1
    after = rig.probe.wait_diagnostics(lambda d: int(d['unmatched: image_0']) == lost)
    assert after['unmatched: image_2'] == before['unmatched: image_2']


def test_a_file_that_is_missing_ends_the_start_with_one_sentence(calibration):
    process = NodeProcess(
        domain_id(10), cameras='rig', camera_count=4, rig_calibration=calibration, device='cpu'
    )
    assert process.exit_code() == 1
    assert 'cam3/sensor.yaml cannot be read' in process.text and 'Traceback' not in process.text


def test_a_rig_is_read_without_images(data, calibration):
    expected, _ = open_rig(data / 'euroc')
    found = read_rig(data / 'euroc', 2)
    assert np.array_equal(found.body_from_camera, expected.body_from_camera)
    assert np.array_equal(found.cameras[1].matrix, expected.cameras[1].matrix)
    assert sorted(read_rig(calibration, COUNT).overlaps()) == [(0, 1), (0, 2), (1, 2)]
    with pytest.raises(DatasetError):
        read_rig(calibration, COUNT + 1)
