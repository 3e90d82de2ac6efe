"""Broken images, stamps and calibrations over DDS to a node that runs; then a good image works."""

import math
from random import Random

import numpy as np
import pytest
from broken_messages import BOMBS, compressed_image, raw_image

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.serialization import serialize_message  # noqa: E402
from ros_fixtures import (  # noqa: E402
    camera_info,
    compressed_message,
    header,
    image_message,
    running,
    stamp_of,
    texture,
)
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from alike_ros.errors import ImageError  # noqa: E402
from alike_ros.image_message import image_from_msg  # noqa: E402

CAUSES = {'bad': 'dropped: bad image', 'error': 'dropped: error'}
BATCH = 30
GROWTH_KB = 150_000  # networks of four image sizes; 30000 x 30000 px would be 2.7 GB


class Feed:
    """One stream of images whose stamps only go forward, and what the node counts of it."""

    def __init__(self, process, probe, make):
        self.process, self.probe, self.make = process, probe, make
        self.stamp = 10**9

    def next_stamp(self):
        self.stamp += 10**8
        return self.stamp

    def counts(self):
        """Return the diagnostics once nothing waits."""
        found = self.probe.wait_diagnostics(lambda d: d['waiting'] == '0')
        numbers = {name: int(found[key]) for name, key in CAUSES.items()}
        return numbers | {name: int(found[name]) for name in ('received', 'processed')}

    def works(self):
        """Send a good image and wait for its tracks."""
        self.probe.images.publish(self.make(texture(), self.next_stamp()))
        [tracks] = self.probe.wait_for_stamps('tracks', [self.stamp])
        assert len(tracks.id) > 20

    def publish(self, message):
        message.header = header(self.next_stamp(), message.header.frame_id)
        self.probe.images.publish(message)

    def check(self, messages):
        """Publish messages: each is counted once, as processed or as bad, and none as an error."""
        before, before_kb, bad = self.counts(), self.process.most_memory_kb(), 0
        for begin in range(0, len(messages), BATCH):
            for message in messages[begin : begin + BATCH]:
                bad += not is_image(message)
                self.publish(message)
            self.works()
        good = len(messages) - bad + math.ceil(len(messages) / BATCH)
        want = {'bad': bad, 'error': 0, 'processed': good, 'received': good + bad}
        after = self.counts()
        assert {name: after[name] - before[name] for name in want} == want
        assert 'Traceback' not in self.process.text
        assert self.process.most_memory_kb() < before_kb + GROWTH_KB
        return bad


def is_image(message):
    try:
        image_from_msg(message)
    except ImageError:
        return False
    return True


def filled(message, fields):
    for name, value in vars(fields).items():
        setattr(message, name, value)
    return message


@pytest.fixture(scope='module')
def raw(data):
    with running(
        21, drop_policy='queue', diagnostics_period=0.1, camera_info_wait=0.3, device='cpu'
    ) as both:
        yield Feed(*both, image_message)


@pytest.fixture(scope='module')
def compressed(data):
    with running(
        22,
        'compressed',
        drop_policy='queue',
        diagnostics_period=0.1,
        camera_info_wait=0.3,
        use_sim_time=True,
        device='cpu',
    ) as both:
        yield Feed(*both, compressed_message)


def test_300_raw_images_of_random_fields_are_each_processed_or_dropped_with_a_sentence(raw):
    random = Random(5)
    names = ('optical', '', 'káméra', 'x' * 1000)
    messages = [
        filled(Image(header=header(0, random.choice(names))), raw_image(random))
        for _ in range(300)
    ]
    assert 100 < raw.check(messages) < 280
    assert 'An image was skipped' in raw.process.text


def test_300_compressed_images_are_each_processed_or_dropped_with_a_sentence(compressed):
    random = Random(6)
    messages = [filled(CompressedImage(), compressed_image(random)) for _ in range(300)]
    assert 60 < compressed.check(messages) < 280


def check_refused(feed, messages):
    """Publish messages that are all refused, and ask for the sentence."""
    assert feed.check(messages) == len(messages)
    feed.publish(messages[0])
    feed.probe.wait_diagnostics(lambda d: 'shrink it, or mend' in d['message'])
    feed.works()


def test_few_bytes_that_claim_a_huge_image_take_no_memory(compressed):
    sizes = [(60000, 60000), (30000, 30000), (10, 65000)]
    messages = [
        CompressedImage(format=kind, data=bomb(*size))
        for kind, bomb in BOMBS.items()
        for size in sizes
    ]
    check_refused(compressed, messages)


def test_raw_images_that_claim_to_be_huge_take_no_memory(raw):
    sizes = [(60000, 60000), (2**32 - 1, 2**32 - 1), (20000, 1), (1, 20000), (16000, 8000)]
    messages = [
        image_message(texture(), 0, width=w, height=h, step=step)
        for w, h in sizes
        for step in (0, w, 2**32 - 1)
    ]
    long = np.zeros((1, 100_000), np.uint8)  # with all its data
    messages += [image_message(image, 0) for image in (long, long.T)]
    check_refused(raw, messages)


def test_bytes_that_are_no_message_and_text_that_is_no_unicode_do_no_harm(raw):
    random, before = Random(7), raw.counts()
    whole = serialize_message(image_message(texture(), raw.next_stamp()))
    odd = whole.replace(b'camera_optical', b'\xff\xfecamera_opt\xc3\x28')
    odd = odd.replace(b'rgb8', b'\xff\xfe\xfd8')
    assert len(odd) == len(whole)
    for i in range(60):
        broken = bytearray(whole)
        for _ in range(i % 4):
            broken[random.randrange(4, 60)] = random.randrange(256)
        raw.probe.images.publish(bytes(broken[: random.randrange(4, 100)] if i % 2 else odd))
    raw.works()
    after = raw.counts()
    assert after['error'] == before['error'] and after['bad'] >= before['bad'] + 30
    assert 'Traceback' not in raw.process.text


def info_cases():
    """Yield what is changed of a camera_info, and what diagnostics say; none: it is usable."""
    yield {}, ''
    yield {'focal': 140.0}, ''
    yield {'size': (320, 240)}, 'describes images of 320x240, the image has 160x120'
    yield {'distortion_model': 'equidistant', 'd': [0.01, 0.0, 0.0, 0.0]}, ''
    yield {'distortion_model': 'woodscape'}, "unknown distortion model 'woodscape'"
    yield {'d': [0.1] * 3}, 'plumb_bob has 4 or 5 coefficients, got 3'
    yield {'d': [0.1] * 200}, 'coefficients, got 200'
    yield {'d': [math.nan] * 5}, 'finite distortion'
    yield {'k': [math.nan] * 9}, 'finite numbers'
    yield {'k': [0.0] * 9}, 'uncalibrated camera'
    yield {'k': [100.0, *[0.0] * 8]}, 'expected a camera matrix'
    yield {'focal': -100.0}, 'expected a camera matrix'
    yield {'focal': 1e300}, 'expected a camera matrix'
    yield {}, ''
    yield {'binning_x': 2, 'binning_y': 2}, 'describes images of 80x60'
    yield {'size': (320, 240), 'focal': 200.0, 'binning_x': 2, 'binning_y': 2}, ''
    roi = camera_info(0).roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = 10, 20, 100, 80
    yield {'roi': roi}, 'describes images of 100x80'
    roi.width, roi.height = 160, 120
    yield {'size': (640, 480), 'roi': roi, 'd': []}, ''
    yield {'d': []}, ''
    yield {}, ''


def test_coordinates_follow_each_calibration_or_are_nan_with_the_reason(raw):
    def calibrated():
        raw.probe.infos.publish(camera_info(raw.stamp + 10**8))
        raw.works()
        return raw.probe.got('tracks')[-1].x

    raw.probe.wait_until(calibrated, lambda x: np.isfinite(x).all())
    for changes, reason in info_cases():
        raw.probe.infos.publish(camera_info(raw.stamp + 10**8, **changes))
        raw.works()
        tracks = raw.probe.got('tracks')[-1]
        assert np.isnan(tracks.x).all() if reason else np.isfinite(tracks.x).all(), changes
        raw.probe.wait_diagnostics(lambda d, r=reason or 'ok': r in d['calibration and masks'])
    assert 'Traceback' not in raw.process.text


S = 10**9
NOW = 1_700_000_000 * S
STAMPS = (
    [NOW, NOW + S, NOW + S, NOW + S]  # standing still
    + [NOW + 2 * S, NOW + 2 * S - 1, NOW + 3 * S, NOW - 7200 * S]  # back by a bit, and by hours
    + [NOW, NOW + 7200 * S, NOW + 7201 * S]  # ahead
    + [0, 0, 1, NOW, 0, (2**31 - 1) * S, 2**31 * S - 1]  # zero; the last seconds, in 2038
    + [-(2**31) * S, -1, 1, S, NOW]
)


def test_stamps_that_stand_still_go_back_or_leap_have_the_outcome_that_is_written_down(raw):
    probe, random = raw.probe, Random(8)
    some = [random.randrange(-(2**31) * S, 2**31 * S) for _ in range(30)]
    stamps = [*STAMPS, *some, *sorted(some)]
    assert probe.reset().success
    probe.clear()
    for stamp in stamps:
        probe.images.publish(image_message(texture(), stamp))
    tracks = probe.wait('tracks', len(stamps))
    assert [stamp_of(message) for message in tracks] == stamps
    last, epoch, alive, ever = None, tracks[0].epoch, set(), set()
    for stamp, message in zip(stamps, tracks, strict=True):
        back = last is not None and stamp < last
        epoch, alive = (epoch + 1, set()) if back else (epoch, alive)
        assert message.epoch == epoch
        known = last is not None and not back
        assert message.dt == pytest.approx((stamp - last) / S) if known else math.isnan(message.dt)
        for track, age in zip(message.id, message.age, strict=True):
            assert (track in alive) if age > 1 else (track not in ever)
        alive = (alive | set(message.id)) - set(message.lost_ids)
        ever |= set(message.id)
        last = stamp
    assert len(ever) > 30 * len([1 for a, b in zip(stamps, stamps[1:], strict=False) if b < a])
    raw.process.wait_for_log('The clock jumped back')
    raw.process.wait_for_log('An image has the stamp of the one before')
    raw.stamp = NOW
    found = probe.wait_diagnostics(lambda d: d['waiting'] == '0')
    assert 'do two cameras publish on one topic?' in found['message']


def test_a_stamp_beyond_its_second_is_the_time_that_it_adds_up_to(raw):
    late = image_message(texture(), raw.stamp)
    late.header.stamp.nanosec = 2**32 - 1
    stamp = late.header.stamp.sec * S + 2**32 - 1
    raw.probe.images.publish(late)
    [tracks] = raw.probe.wait_for_stamps('tracks', [stamp])
    assert tracks.header.stamp == late.header.stamp
    raw.stamp = stamp
    raw.works()


def test_a_clock_that_jumps_while_images_flow_changes_latencies_only(compressed):
    probe = compressed.probe
    clock = probe.node.create_publisher(Clock, '/clock', 10)
    probe.wait_until(clock.get_subscription_count, lambda found: found >= 1)
    compressed.works()
    epoch, ids = probe.got('tracks')[-1].epoch, set()
    for shift in (0, 250_000_000, -7200 * S, S, 7200 * S, -(10**8)):
        now = Clock()
        at = max(0, compressed.stamp + shift)
        now.clock.sec, now.clock.nanosec = divmod(at, S)
        clock.publish(now)

        def latency(at=at):
            compressed.works()
            late_by = probe.wait_for_stamps('status', [compressed.stamp])[0].latency
            want = (at - compressed.stamp) / S if at else math.nan
            return late_by == pytest.approx(want, abs=1e-6, nan_ok=True)

        probe.wait_until(latency, lambda holds: holds)
        ids |= set(probe.got('tracks')[-1].id)
    tracks = probe.got('tracks')[-1]
    assert tracks.epoch == epoch and max(tracks.age) > 6
    compressed.stamp = 10**9 // 2  # the images go back, too: a simulation that begins again
    clock.publish(Clock())
    compressed.works()
    tracks = probe.got('tracks')[-1]
    assert tracks.epoch == epoch + 1 and not ids & set(tracks.id)
    assert probe.wait_diagnostics(lambda d: d['waiting'] == '0')['dropped: error'] == '0'
    probe.node.destroy_publisher(clock)
