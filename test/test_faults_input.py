"""Whatever a camera sends, in thousands of examples; here what needs no ROS.

Nodes get the same and more in test_faults_input_node.py and test_faults_input_sets.py.
"""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from broken_messages import BOMBS, WHOLE, compressed_image, raw_image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alike_ros.camera import Camera, camera_from_info
from alike_ros.errors import CameraError, ImageError
from alike_ros.extractor import Extractor
from alike_ros.frontend import FrontEnd
from alike_ros.image import MAX_NETWORK_PIXELS
from alike_ros.image_decode import decode_image
from alike_ros.image_message import depth_from_msg, image_from_msg
from alike_ros.image_size import MAX_PIXELS, MAX_SIDE, encoded_size
from alike_ros.stereo_camera import stereo_from_infos
from alike_ros.structures import Frame
from alike_ros.synchronisation import Synchroniser

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
RANDOM = st.randoms(use_true_random=False)
S = 10**9
MOST_NS = (2**31 - 1) * S + 2**32 - 1  # what builtin_interfaces/Time can hold; 2038 is before it
LEAST_NS = -(2**31) * S


def outcome(convert, msg):
    """Return what it gives, or None for one sentence that says why not."""
    try:
        return convert(msg)
    except ImageError as error:
        assert 10 < len(str(error)) < 800
        return None


@settings(QUICK, max_examples=2500)
@given(RANDOM)
def test_a_raw_image_is_pixels_of_its_size_or_one_sentence(random):
    msg = raw_image(random)
    image = outcome(image_from_msg, msg)
    if image is not None:
        assert image.dtype == np.uint8 and image.shape[:2] == (msg.height, msg.width)


@settings(QUICK, max_examples=700)
@given(RANDOM, st.sampled_from(['16UC1', 'mono16', '32FC1', None]))
def test_a_depth_image_is_metres_above_zero_or_nan_or_one_sentence(random, encoding):
    msg = raw_image(random, encoding)
    depth = outcome(depth_from_msg, msg)
    if depth is not None:
        assert depth.shape == (msg.height, msg.width)
        assert (depth[~np.isnan(depth)] > 0).all() and not np.isinf(depth).any()


@settings(QUICK, max_examples=1500)
@given(RANDOM)
def test_a_compressed_image_is_pixels_or_one_sentence(random):
    image = outcome(image_from_msg, compressed_image(random))
    if image is not None:
        assert image.dtype == np.uint8 and image.ndim in (2, 3)
        assert 0 < image.size <= 3 * MAX_PIXELS


@pytest.mark.parametrize('kind', BOMBS)
def test_a_few_bytes_that_claim_a_huge_image_are_refused_before_memory_is_taken(kind):
    data = BOMBS[kind](60000, 60001)
    assert encoded_size(data) == (60000, 60001)
    with pytest.raises(ImageError, match='at most 70000000 pixels .* got 60000 x 60001; shrink'):
        decode_image(data)


@pytest.mark.parametrize('data', WHOLE, ids=lambda data: repr(data[:4]))
def test_headers_say_the_size_that_the_pixels_have(data):
    assert encoded_size(data) == (40, 30)


@pytest.mark.parametrize(
    ('width', 'height'),
    [(MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (MAX_SIDE, MAX_NETWORK_PIXELS // MAX_SIDE + 1)],
)
def test_the_network_refuses_what_would_fill_the_memory_and_names_the_parameter(
    front_end, width, height
):
    image = np.broadcast_to(np.uint8(0), (height, width))
    with pytest.raises(ImageError, match=f'got {width} x {height}; set image_size_max'):
        front_end.process(Frame(image, 0))


@pytest.fixture(scope='module')
def front_end(data):
    with Extractor(device='cpu', model='alike-t') as extractor:
        yield FrontEnd(extractor)


def corners():
    """Return an image (64, 64) with a few squares."""
    image = np.full((64, 64), 60, np.uint8)
    for x, y in ((10, 12), (40, 9), (25, 34), (44, 45), (8, 48)):
        cv2.rectangle(image, (x, y), (x + 9, y + 9), 230, -1)
    return image


@st.composite
def stamp_lists(draw):
    """Stamps that stand still, go back by a little and by hours, leap, or are anything."""
    stamps = [draw(st.sampled_from([0, 1, S, 1_700_000_000 * S, LEAST_NS, MOST_NS]))]
    for _ in range(draw(st.integers(1, 9))):
        last = stamps[-1]
        step = draw(st.sampled_from([S // 30, S // 30, 0, 1, -1, -S, -7200 * S, 7200 * S]))
        anything = st.integers(LEAST_NS, MOST_NS) | st.sampled_from([0, LEAST_NS, MOST_NS])
        stamp = draw(st.just(last + step) | st.just(last + step) | anything)
        stamps.append(min(max(stamp, LEAST_NS), MOST_NS))
    return stamps


@settings(QUICK, max_examples=60)
@given(stamp_lists())
def test_any_stamps_give_the_epochs_steps_and_ids_that_are_written_down(front_end, stamps):
    front_end.reset()
    camera = Camera(np.array([[60.0, 0, 32], [0, 60, 32], [0, 0, 1]]))
    image, epoch = corners(), front_end.epoch
    ever = set(range(front_end.successor().track_id))
    last, alive = None, set()
    for stamp in stamps:
        result = front_end.process(Frame(image, stamp), camera)
        back = last is not None and stamp < last
        epoch, alive = (epoch + 1, set()) if back else (epoch, alive)
        assert (result.clock_jumped, result.epoch) == (back, epoch)
        steps = math.nan if last is None or back else (stamp - last) * 1e-9
        assert result.dt == steps or math.isnan(result.dt) and math.isnan(steps)
        check_tracks(result, alive, ever)
        last = stamp


def check_tracks(result, alive, ever):
    """Only what lives goes on; velocities are known where time has passed."""
    ids, ages = result.tracks.ids.tolist(), result.tracks.ages
    assert len(ids) > 3 and len(set(ids)) == len(ids)
    known = np.isfinite(result.velocities).all(axis=1)
    assert not known[ages == 1].any() and known[ages > 1].all() == (result.dt > 0 or not alive)
    for track, age in zip(ids, ages, strict=True):
        assert (track in alive) if age > 1 else (track not in ever)
    assert np.isfinite(result.normalised).all()
    alive.update(ids)
    alive.difference_update(result.tracks.lost_ids.tolist())
    ever.update(ids)


@settings(QUICK, max_examples=400)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-9, 9) | st.integers(LEAST_NS, MOST_NS))))
def test_any_stamps_of_three_cameras_make_sets_of_one_time_and_nothing_is_lost_count_of(arrivals):
    tolerance = 3
    synchroniser = Synchroniser(3, tolerance, capacity=4)
    used, given_ = [], [0, 0, 0]
    for item, (stream, stamp) in enumerate(arrivals):
        given_[stream] += 1
        for one in synchroniser.add(stream, stamp, item):
            times = [each.stamp_ns for each in one]
            assert max(times) - min(times) <= tolerance
            used += [each.item for each in one]
    assert len(set(used)) == len(used)
    for stream in range(3):
        waiting = synchroniser.waiting(stream)
        assert waiting <= 4
        assert given_[stream] == len(used) // 3 + synchroniser.unmatched[stream] + waiting


NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 100.0, 1e-300, 1e300, math.nan, math.inf]) | st.floats()
COUNTS = st.sampled_from([0, 4, 5, 8, 12, 14]) | st.integers(0, 20)
MODELS = ('plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', '', 'none', 'thin_prism')


@st.composite
def changed(draw, values):
    """The values with two of them at most replaced by any number."""
    for place in draw(st.lists(st.integers(0, len(values) - 1), max_size=2)):
        values[place] = draw(NUMBERS)
    return values


@st.composite
def camera_infos(draw):
    """CameraInfo of which each field may be anything that the message can hold."""
    small = st.floats(-0.5, 0.5)
    unsigned = st.sampled_from([0, 0, 1, 2, 2**32 - 1])
    roi = {name: draw(unsigned) for name in ('x_offset', 'y_offset', 'width', 'height')}
    return SimpleNamespace(
        width=draw(unsigned),
        height=draw(unsigned),
        distortion_model=draw(st.sampled_from(MODELS)),
        d=draw(COUNTS.flatmap(lambda n: st.lists(small | NUMBERS, min_size=n, max_size=n))),
        k=draw(changed([100.0, 0.0, 32.0, 0.0, 100.0, 32.0, 0.0, 0.0, 1.0])),
        p=draw(
            changed([100.0, 0.0, 32.0, draw(NUMBERS), 0.0, 100.0, 32.0] + [0.0] * 3 + [1.0, 0.0])
        ),
        r=draw(changed(np.eye(3).ravel().tolist())),
        binning_x=draw(unsigned),
        binning_y=draw(unsigned),
        roi=SimpleNamespace(**roi),
    )


@pytest.mark.filterwarnings('error')
@settings(QUICK, max_examples=600)
@given(camera_infos(), st.booleans())
def test_any_camera_info_is_a_camera_none_or_one_sentence(info, rectified):
    pixels = np.array([[0, 0], [31.5, 31.5], [63, 10], [-20, 900]], np.float32)
    try:
        camera = camera_from_info(info, rectified)
    except CameraError as error:
        assert 10 < len(str(error)) < 800
        return
    assert (camera is None) == (info.k[0] == 0)
    if camera is not None:
        normalised = camera.normalise(pixels)
        assert normalised.shape == (4, 2) and normalised.dtype == np.float32
        assert not np.isinf(normalised).any()


@pytest.mark.filterwarnings('error')
@settings(QUICK, max_examples=250)
@given(camera_infos(), camera_infos(), st.booleans())
def test_any_two_camera_infos_are_a_pair_none_or_one_sentence(left, right, rectified):
    try:
        pair = stereo_from_infos(left, right, rectified)
    except CameraError as error:
        assert 10 < len(str(error)) < 800
        return
    if pair is not None:
        rows = pair.rectify_left(np.array([[0, 0], [31.5, 31.5]], np.float32))
        assert rows.shape == (2, 2) and pair.baseline_m > 0
