"""The node with drop_policy queue: every image, in order. One process for the module."""

import itertools
import math

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from alike_ros.msg import FrontendStatus  # noqa: E402
from ros_fixtures import (  # noqa: E402
    camera_info,
    image_message,
    running,
    stamp_of,
    texture,
)

from alike_ros.camera import camera_from_info  # noqa: E402

_stamps = itertools.count(10**9, 10**8)


@pytest.fixture(scope='module')
def node(data):
    with running(
        drop_policy='queue', diagnostics_period=0.2, camera_info_wait=0.3, device='cpu'
    ) as both:
        yield both


@pytest.fixture
def probe(node):
    """Return the probe, the tracker reset and everything received forgotten."""
    _, probe = node
    assert probe.reset().success
    probe.clear()
    return probe


def send(probe, images, **options):
    """Publish images a tenth of a second apart; return their stamps."""
    stamps = [next(_stamps) for _ in images]
    for stamp, image in zip(stamps, images, strict=True):
        probe.images.publish(image_message(image, stamp, **options))
    return stamps


def outputs(probe, stamps):
    return [probe.wait_for_stamps(name, stamps) for name in ('keypoints', 'tracks', 'status')]


@pytest.mark.parametrize('padding', [0, 7])
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'mono8', 'rgba8', 'mono16'])
def test_every_encoding_gives_keypoints_and_tracks(probe, encoding, padding):
    rgb = texture()
    grey = rgb.mean(axis=2).astype(np.uint8)
    image = {
        'rgb8': rgb,
        'bgr8': rgb[:, :, ::-1],
        'mono8': grey,
        'rgba8': np.dstack([rgb, grey]),
        'mono16': grey.astype(np.uint16) * 257,
    }[encoding]
    stamps = send(probe, [np.ascontiguousarray(image)] * 2, encoding=encoding, padding=padding)
    (keypoints, _), (_, second), (_, status) = outputs(probe, stamps)
    assert (keypoints.width, keypoints.height, keypoints.model) == (160, 120, 'alike-t')
    assert len(keypoints.u) > 20 and set(second.age) == {2}
    assert len(keypoints.descriptors) == len(keypoints.u) * 64 * 4
    assert status.state == FrontendStatus.STATE_TRACKING
    assert math.isclose(status.inlier_ratio, 1.0) and status.frames_dropped == 0
    assert status.inference > 0 and status.publish > 0 and status.coverage > 0.3


def test_header_is_copied_unchanged_to_every_message(probe):
    [stamp] = send(probe, [texture()])
    for [message] in outputs(probe, [stamp]):
        assert message.header.frame_id == 'camera_optical' and stamp_of(message) == stamp


def test_ids_are_stable_unique_never_reused_and_lost_ids_exact(probe):
    images = [texture(2 * i) for i in range(6)] + [texture(0, seed=1)] * 6
    stamps = send(probe, images)
    tracks = probe.wait_for_stamps('tracks', stamps)
    alive, ever, seen = {}, set(), {}
    for index, message in enumerate(tracks):
        ids = list(message.id)
        assert len(set(ids)) == len(ids) and not set(ids) & set(message.lost_ids)
        for track, age in zip(ids, message.age, strict=True):
            assert (age == 1) == (track not in alive) and (age > 1 or track not in ever)
            alive[track], seen[track] = age, index
        assert set(message.lost_ids) <= set(alive)
        assert all(index - seen[lost] == 5 for lost in message.lost_ids)  # four are remembered
        for lost in message.lost_ids:
            del alive[lost]
        ever.update(ids)
    assert all(len(tracks) - 1 - seen[track] <= 4 for track in alive)
    assert len(set(alive) - set(tracks[-1].id)) < 0.1 * len(alive)
    assert [m.frame_seq - tracks[0].frame_seq for m in tracks] == list(range(12))


def test_tracks_follow_the_motion_of_the_image(probe):
    stamps = send(probe, [texture(0), texture(3)])
    _, second = probe.wait_for_stamps('tracks', stamps)
    old = np.array(second.age) > 1
    flow = np.array(second.u)[old] - np.array(second.prev_u)[old]
    assert old.sum() > 30 and abs(np.median(flow) - 3) < 0.2 and math.isclose(second.dt, 0.1)


def test_queue_processes_every_image_in_order(probe):
    stamps = send(probe, [texture(i % 5) for i in range(40)])
    probe.wait_for_stamps('status', stamps)
    assert [stamp_of(m) for m in probe.got('tracks')] == stamps
    assert probe.got('status')[-1].frames_dropped == probe.got('status')[0].frames_dropped


def test_the_same_images_give_the_same_tracks_twice_under_new_numbers(node):
    _, probe = node
    runs, ids = [], []
    for _ in range(2):
        assert probe.transition('deactivate') and probe.transition('cleanup')
        probe.wait_matched(0)
        assert probe.transition('configure') and probe.transition('activate')
        probe.wait_matched(1)
        probe.wait_until(probe.infos.get_subscription_count, lambda found: found == 1)
        probe.clear()
        stamps = range(5 * 10**9, 6 * 10**9, 10**8)
        for shift, stamp in enumerate(stamps):
            probe.images.publish(image_message(texture(shift), stamp))
            focal = 100.0 if shift < 5 else 120.0  # the calibration changes half-way
            probe.infos.publish(camera_info(stamp, focal=focal))
        tracks = probe.wait_for_stamps('tracks', list(stamps))
        keypoints = probe.wait_for_stamps('keypoints', list(stamps))
        assert np.isfinite(tracks[0].x).all()
        ids.append({i for m in tracks for i in m.id})
        count_from_zero(tracks)
        runs.append([content(m) for m in tracks + keypoints])
    assert not ids[0] & ids[1]
    assert [i for i, (a, b) in enumerate(zip(*runs, strict=True)) if a != b] == []


def count_from_zero(tracks):
    """Take the numbers that go on after a new configure back to those of a new node."""
    first_id, first_epoch, first_seq = min(tracks[0].id), tracks[0].epoch, tracks[0].frame_seq
    for message in tracks:
        message.id = [i - first_id for i in message.id]
        message.lost_ids = [i - first_id for i in message.lost_ids]
        message.epoch -= first_epoch
        message.frame_seq -= first_seq


def test_reset_begins_an_epoch_with_new_ids(probe):
    [a] = send(probe, [texture()])
    [first] = probe.wait_for_stamps('tracks', [a])
    assert probe.reset().success
    [b] = send(probe, [texture()])
    [second] = probe.wait_for_stamps('tracks', [b])
    assert second.epoch == first.epoch + 1 and math.isnan(second.dt)
    assert set(second.age) == {1} and not set(second.id) & set(first.id)


def test_disabled_images_are_counted_and_the_status_says_so(probe):
    before = probe.wait_diagnostics(lambda found: True)
    assert probe.enable(False).message == 'disabled'
    stamps = send(probe, [texture()] * 3)
    status = probe.wait_for_stamps('status', stamps)
    assert {s.state for s in status} == {FrontendStatus.STATE_DISABLED}
    dropped = 'dropped: disabled'
    after = probe.wait_diagnostics(lambda d: int(d[dropped]) == int(before[dropped]) + 3)
    assert 'disabled' in after['message'] and not probe.got('tracks')
    assert probe.enable(True).success
    probe.wait_for_stamps('tracks', send(probe, [texture()]))


def test_clock_that_jumps_back_resets_and_says_so(node, probe):
    process, _ = node
    stamps = send(probe, [texture()] * 2)
    probe.images.publish(image_message(texture(), 10**9 // 2))
    first, _, jumped = probe.wait_for_stamps('tracks', [*stamps, 10**9 // 2])
    assert jumped.epoch == first.epoch + 1 and not set(jumped.id) & set(first.id)
    process.wait_for_log('The clock jumped back')
    assert 'clock' in probe.wait_diagnostics(lambda d: 'clock' in d['message'])['message']


def test_size_may_change_in_mid_stream(probe):
    sizes = [(160, 120), (90, 200), (31, 17), (160, 120)]
    stamps = send(probe, [texture(size=size) for size in sizes])
    keypoints = probe.wait_for_stamps('keypoints', stamps)
    assert [(m.width, m.height) for m in keypoints] == sizes


def content(message):
    """Return all values of a message as bytes (CDR's padding between them is arbitrary)."""
    if not hasattr(message, 'get_fields_and_field_types'):
        return message.tobytes() if hasattr(message, 'tobytes') else repr(message).encode()
    return [content(getattr(message, name)) for name in message.get_fields_and_field_types()]


def bad_images():
    good = image_message(texture(), 0)
    yield 'unknown encoding', {'encoding': 'plaid8'}
    yield 'encoding in capitals', {'encoding': 'RGB8'}
    yield 'data too short', {'data': good.data[:1000]}
    yield 'no data', {'data': good.data[:0]}
    yield 'step too short', {'step': 10}
    yield 'no size', {'width': 0, 'height': 0}
    yield 'far too high', {'height': 2**31}
    yield 'far too wide', {'width': 2**32 - 1}
    yield 'depth', {'encoding': '32SC1'}
    yield 'Bayer of colour bytes', {'encoding': 'bayer_rggb8', 'height': 2**20}


def test_bad_images_are_counted_and_a_good_one_still_works(node, probe):
    process, _ = node
    before = int(probe.wait_diagnostics(lambda found: True)['dropped: bad image'])
    cases = list(bad_images())
    for _, fields in cases:
        probe.images.publish(image_message(texture(), next(_stamps), **fields))
    floats = np.full((120, 160), np.nan, np.float32)
    probe.images.publish(image_message(floats, next(_stamps), encoding='32FC1'))
    stamps = send(probe, [texture()])
    probe.wait_for_stamps('tracks', stamps)
    bad = before + len(cases) + 1
    probe.wait_diagnostics(lambda found: int(found['dropped: bad image']) == bad)
    assert len(probe.got('tracks')) == 1
    process.wait_for_log('An image was skipped')
    assert 'Traceback' not in process.text


def test_blank_image_gives_no_keypoints(probe):
    stamps = send(probe, [np.zeros((120, 160), np.uint8), np.full((120, 160, 3), 255, np.uint8)])
    for message in probe.wait_for_stamps('tracks', stamps):
        assert len(message.id) == 0


def with_info(probe, **options):
    """Send an image with its camera_info; return the info and the tracks."""
    stamp = next(_stamps)
    info = camera_info(stamp, **options)
    probe.infos.publish(info)
    probe.images.publish(image_message(texture(), stamp))
    [tracks] = probe.wait_for_stamps('tracks', [stamp])
    return info, tracks


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'focal': 140.0, 'd': ()},
        {'distortion_model': 'equidistant', 'd': (0.01, -0.02, 0.003, 0.001)},
        {
            'distortion_model': 'rational_polynomial',
            'd': (0.1, -0.05, 0.001, 0.002, 0.0, 0.01, 0.02, 0.0),
        },
        {'size': (320, 240), 'focal': 200.0, 'binning_x': 2, 'binning_y': 2},
    ],
)
def test_coordinates_are_those_of_the_camera(probe, options):
    info, tracks = with_info(probe, **options)
    pixels = np.column_stack([tracks.u, tracks.v]).astype(np.float32)
    expected = camera_from_info(info).normalise(pixels)
    np.testing.assert_allclose(np.column_stack([tracks.x, tracks.y]), expected, atol=1e-6)


def test_coordinates_are_nan_without_a_fitting_calibration(node, probe):
    process, _ = node
    _, tracks = with_info(probe, size=(64, 48))
    assert np.isnan(tracks.x).all() and len(tracks.x) > 30
    process.wait_for_log('camera_info describes images of')
    _, tracks = with_info(probe, focal=0.0)
    assert np.isnan(tracks.x).all()
    process.wait_for_log('uncalibrated camera')
    _, tracks = with_info(probe, focal=float('nan'))
    assert np.isnan(tracks.x).all()
    process.wait_for_log('camera_info is not usable')
    _, tracks = with_info(probe)
    assert np.isfinite(tracks.x).all()


def test_thresholds_change_while_running_and_refusals_say_why(probe):
    assert probe.set('top_k', 20).successful
    [few] = probe.wait_for_stamps('tracks', send(probe, [texture()]))
    assert 10 < len(few.id) <= 20
    assert probe.set('top_k', -1).successful
    assert probe.set('descriptor_type', 'none').successful
    [bare] = probe.wait_for_stamps('keypoints', send(probe, [texture()]))
    assert len(bare.u) > 30 and len(bare.descriptors) == 0
    assert probe.set('descriptor_type', 'float32').successful
    refused = probe.set('descriptor_type', 'int4')
    assert not refused.successful and 'must be one of none, float32, float16' in refused.reason
    assert not probe.set('scores_th', 1.5).successful
    assert not probe.set('scores_th', float('nan')).successful
    read_only = probe.set('model', 'alike-l')
    assert not read_only.successful and 'read-only' in read_only.reason.replace('_', '-')


def test_parameters_are_described_with_range_and_meaning(probe):
    scores_th, top_k, model = probe.describe('scores_th', 'top_k', 'model')
    assert scores_th.floating_point_range[0].to_value == 1.0 and 'score' in scores_th.description
    assert top_k.integer_range[0].from_value == -1 and not top_k.read_only
    assert model.read_only and 'alike-t' in model.additional_constraints


def test_diagnostics_say_what_computes_and_how_fast(probe):
    with_info(probe)
    found = probe.wait_diagnostics(lambda d: float(d['processed rate'].split()[0]) > 0)
    assert found['name'] == '/frontend: front end' and found['lifecycle'] == 'active'
    assert found['device'] == 'cpu' and found['model'] == 'alike-t' and found['backend']
    assert len(found['weights sha256']) == 12
    assert found['arrival to publish p99'].endswith('ms')
    received, processed, dropped = (int(found[k]) for k in ('received', 'processed', 'dropped'))
    assert received == processed + dropped + int(found['waiting'])
