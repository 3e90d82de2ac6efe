"""VINS-Fusion and VINS-Mono understand the messages: read here as their nodes read them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from consumer_rules import read_by_fusion, read_by_mono

from alike_ros.consumers.config import BridgeConfig
from alike_ros.consumers.vins import VinsFusion, VinsMono
from alike_ros.consumers.vins_points import Numbers, observations

PLAIN = BridgeConfig(spacing=0.0, max_epipolar_error=0.0)
PERIOD_NS = 100_000_000
ESTIMATORS = (VinsFusion, VinsMono)


def tracks(ids, seq, camera=0, age=5, epoch=0, dt=0.1, stamp_ns=None, **fields):
    """Return a Tracks message; x, y follow from id and camera alone unless given."""
    ids = np.asarray(ids, np.uint64)
    cameras = np.broadcast_to(np.asarray(camera, np.uint8), ids.shape)
    stamp = PERIOD_NS * (seq + 1) if stamp_ns is None else stamp_ns
    columns = {
        'x': ids % 97 / 100 + cameras / 1000,
        'y': ids % 89 / 100,
        'u': ids * 7.0,
        'v': ids * 3.0,
        'vx': ids / 10,
        'vy': -(ids / 10),
        'score': np.full(len(ids), 0.5),
    }
    sec, nanosec = divmod(stamp, 10**9)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec)),
        frame_seq=seq,
        epoch=epoch,
        dt=dt,
        id=ids,
        camera_id=cameras,
        age=np.broadcast_to(np.asarray(age, np.uint32), ids.shape),
        **{name: np.asarray(v, np.float32) for name, v in (columns | fields).items()},
    )


def fusion(cloud):
    return read_by_fusion(cloud.points, [values for _, values in cloud.channels])


def mono(cloud, cameras=1):
    return read_by_mono(cloud.points, [values for _, values in cloud.channels], cameras)


READ = {VinsFusion: fusion, VinsMono: mono}


class Estimator:
    """Its feature list: an id's observations are taken for those of consecutive frames."""

    def __init__(self):
        self.frame = 0
        self.features = {}

    def add(self, image):
        for feature_id, seen in image.items():
            start, rows = self.features.setdefault(feature_id, (self.frame, []))
            rows.append(seen[0][1])
        self.frame += 1

    def observations(self):
        """Yield the frame that the estimator believes in, and the observation."""
        for start, rows in self.features.values():
            yield from ((start + k, row) for k, row in enumerate(rows))


@pytest.mark.parametrize('kind', ESTIMATORS)
def test_every_value_arrives_where_the_estimator_looks_for_it(kind):
    message = tracks([10**12, 4, 10**12 + 1], 0)
    image = READ[kind](kind(PLAIN).encode(message).cloud)
    found = sorted(observation for [(_, observation)] in image.values())
    rows = zip(
        *(getattr(message, n).tolist() for n in ('x', 'y', 'u', 'v', 'vx', 'vy')), strict=True
    )
    assert found == sorted((x, y, 1.0, u, v, vx, vy) for x, y, u, v, vx, vy in rows)


def test_fusion_gets_nine_channels_and_mono_five():
    message = tracks([1, 2], 0)
    assert len(VinsFusion(PLAIN).encode(message).cloud.channels) == 9
    assert len(VinsMono(PLAIN).encode(message).cloud.channels) == 5


def test_the_right_camera_follows_the_left_one_and_never_comes_alone():
    message = tracks([7, 3, 7, 5, 9], 0, camera=[1, 0, 0, 1, 2])
    image = fusion(VinsFusion(PLAIN).encode(message).cloud)
    assert sorted([camera for camera, _ in seen] for seen in image.values()) == [[0], [0, 1]]
    [stereo] = [seen for seen in image.values() if len(seen) == 2]
    left, right = (observation for _, observation in stereo)
    assert left[2:] == right[2:] and right[0] - left[0] == pytest.approx(0.001, rel=1e-4)


def test_mono_with_two_cameras_packs_both_into_one_channel():
    encoder = VinsMono(dataclasses.replace(PLAIN, cameras=2))
    message = tracks([7, 3, 7, 5], 0, camera=[1, 0, 0, 1])
    image = mono(encoder.encode(message).cloud, cameras=2)
    assert sorted([camera for camera, _ in seen] for seen in image.values()) == [[0], [0, 1]]


@pytest.mark.parametrize('kind', ESTIMATORS)
def test_nothing_that_is_not_finite_is_sent(kind):
    nan, inf = np.nan, np.inf
    message = tracks([1, 2, 3, 4], 0, x=[0.1, nan, inf, 0.4], vx=[nan, 1, 1, inf])
    cloud = kind(PLAIN).encode(message).cloud
    assert len(cloud.points) == 2
    assert np.isfinite(cloud.points).all()
    for name, values in cloud.channels:
        assert np.isfinite(values).all() and len(values) == 2, name
    image = READ[kind](cloud)
    assert all(observation[5] == 0.0 for [(_, observation)] in image.values())


def test_mono_gets_only_points_seen_more_than_once():
    encoder = VinsMono(PLAIN)
    assert encoder.encode(tracks([1, 2], 0, age=1, dt=np.nan)).cloud is None
    assert len(encoder.encode(tracks([1, 2, 3], 1, age=[2, 2, 1])).cloud.points) == 2


@pytest.mark.parametrize('kind', ESTIMATORS)
def test_the_estimator_never_mistakes_the_frame_of_an_observation(kind, rng):
    """Tracks that vanish and come back, and messages lost on the way, included."""
    encoder, estimator = kind(PLAIN), Estimator()
    sent = []
    for seq in range(60):
        if rng.random() < 0.2:
            continue  # lost
        ids = np.flatnonzero(rng.random(40) < 0.7)
        message = tracks(ids, seq, x=np.full(len(ids), seq / 100))
        estimator.add(READ[kind](encoder.encode(message).cloud))
        sent.append(np.float32(seq / 100))
    seen = list(estimator.observations())
    assert len(seen) > 1000
    assert all(row[0] == sent[frame] for frame, row in seen)


def test_a_track_that_goes_on_keeps_its_id():
    encoder = VinsFusion(PLAIN)
    images = [fusion(encoder.encode(tracks([5, 6], seq)).cloud) for seq in range(9)]
    assert all(image.keys() == images[0].keys() for image in images)


def test_ids_count_up_and_wrap_below_the_limit_past_those_in_use():
    numbers = Numbers(6)
    given = []
    for fresh in range(1, 9):  # track 0 lives on, the other is new each time
        given.append(numbers.number(observations(tracks([0, fresh], fresh))))
    assert given == [[0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 1], [0, 2], [0, 3]]


def test_the_largest_ids_survive_the_way_through_float32():
    encoder = VinsMono(dataclasses.replace(PLAIN, cameras=2))
    encoder._numbers._next = (1 << 23) - 3
    ids = np.arange(6).repeat(2)
    cloud = encoder.encode(tracks(ids, 0, camera=np.tile([0, 1], 6))).cloud
    image = mono(cloud, cameras=2)
    assert set(image) == {8388605, 8388606, 8388607, 0, 1, 2}
    assert all([camera for camera, _ in seen] == [0, 1] for seen in image.values())


@pytest.mark.parametrize('kind', ESTIMATORS)
@pytest.mark.parametrize(
    'change',
    [{'epoch': 1}, {'stamp_ns': 1}, {'stamp_ns': 10**10}, {'seq': 0}],
    ids=['reset', 'clock back', 'pause', 'front end started again'],
)
def test_a_jump_restarts_the_estimator_and_sends_no_points_with_it(kind, change):
    encoder = kind(PLAIN)
    for seq in range(3):
        assert not encoder.encode(tracks([1], seq)).restart
    jump = tracks([1], **{'seq': 3, 'stamp_ns': 4 * PERIOD_NS} | change)
    step = encoder.encode(jump)
    assert step.restart and step.cloud is None
    after_ns = jump.header.stamp.sec * 10**9 + jump.header.stamp.nanosec + PERIOD_NS
    after = tracks([1], jump.frame_seq + 1, epoch=jump.epoch, stamp_ns=after_ns)
    step = encoder.encode(after)
    assert not step.restart and len(step.cloud.points) == 1


def test_a_stamp_is_sent_once_and_images_that_come_too_soon_are_left_out():
    encoder = VinsFusion(dataclasses.replace(PLAIN, min_interval=0.2))
    clouds = [encoder.encode(tracks([1], seq)).cloud for seq in (0, 0, 1, 2, 3, 4)]
    assert [cloud is not None for cloud in clouds] == [True, False, False, True, False, True]


def test_no_message_can_overrun_the_arrays_of_the_estimators():
    """1000 places: Mono counts ids seen twice that began in 8 of 11 frames, Fusion four times."""
    most = BridgeConfig(max_points=222, spacing=0.0)
    cloud = VinsFusion(most).encode(tracks(np.arange(5000), 0)).cloud
    assert len(cloud.points) == 222
    assert 9 * 222 // 2 <= 1000 and 11 * 222 // 4 <= 1000


def test_old_tracks_come_first_and_those_sent_before_stay():
    encoder = VinsFusion(dataclasses.replace(PLAIN, max_points=3))

    def sent(seq, ids, age):
        cloud = encoder.encode(tracks(ids, seq, age=age)).cloud
        return sorted((dict(cloud.channels)['u'] / 7).tolist())

    assert sent(0, [1, 2, 3, 4, 5], [1, 9, 8, 1, 7]) == [2, 3, 5]
    assert sent(1, [1, 2, 3, 4, 6], [99, 10, 9, 2, 98]) == [1, 2, 3]


def test_a_cell_takes_a_new_point_only_while_it_is_free():
    encoder = VinsFusion(dataclasses.replace(PLAIN, spacing=20.0))

    def sent(seq, ids, u):
        v = np.zeros(len(ids))
        cloud = encoder.encode(tracks(ids, seq, u=u, v=v, score=np.array(ids) / 10)).cloud
        return sorted(dict(cloud.channels)['u'].tolist())

    assert sent(0, [1, 2, 3], [5, 15, 25]) == [15, 25]
    assert sent(1, [2, 3, 4], [15, 16, 25]) == [15, 16, 25], 'those sent before may meet'
    assert sent(2, [2, 3, 5], [15, 16, 10]) == [15, 16]


def test_points_off_the_epipolar_geometry_are_left_out(rng):
    count, wrong = 60, 5
    scene = rng.uniform([-2, -2, 4], [2, 2, 8], (count, 3))
    moved = scene - [0.3, 0.1, 0.2]
    now = moved[:, :2] / moved[:, 2:]
    now[:wrong] += [[0.0, 0.2]]
    encoder = VinsFusion(dataclasses.replace(PLAIN, max_epipolar_error=1.0))
    ids = np.arange(count)
    first = scene[:, :2] / scene[:, 2:]
    encoder.encode(tracks(ids, 0, x=first[:, 0], y=first[:, 1]))
    cloud = encoder.encode(tracks(ids, 1, x=now[:, 0], y=now[:, 1])).cloud
    assert sorted((dict(cloud.channels)['u'] / 7).tolist()) == list(range(wrong, count))


@pytest.mark.parametrize('kind', ESTIMATORS)
def test_an_image_without_points_is_sent_and_one_without_calibration_is_not(kind):
    encoder = kind(PLAIN)
    assert len(encoder.encode(tracks([], 0)).cloud.points) == 0
    step = encoder.encode(tracks([1, 2], 1, x=[np.nan] * 2, y=[np.nan] * 2))
    assert step.cloud is None and 'camera_info' in step.warning
