"""The checks of a soak: a real front end's messages pass, and each way to break them is found."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from alike_ros.msg import FrontendStatus, Keypoints, Tracks  # noqa: E402
from ros_fixtures import header, texture  # noqa: E402

from alike_ros import records  # noqa: E402
from alike_ros.config import ExtractorConfig, TrackerConfig  # noqa: E402
from alike_ros.extractor import Extractor  # noqa: E402
from alike_ros.frontend import FrontEnd  # noqa: E402
from alike_ros.ros.conversions import message_from_record  # noqa: E402
from alike_ros.ros.soak.consistency import Consistency  # noqa: E402
from alike_ros.ros.soak.life import Limits  # noqa: E402
from alike_ros.structures import Frame  # noqa: E402

PERIOD_NS = 33_333_333
SCENES = (0, 0, 0, 1, 0, 0, 2, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1, 1)
RESET_AT = 13
LAST, CHANGED = len(SCENES) - 1, 6
LIMITS = Limits(2, 2)


def stream(tracker):
    """Return what a front end publishes of a scene that is hidden now and then, and one reset."""
    extractor = Extractor(ExtractorConfig(weights='builtin', device='cpu'))
    frontend = FrontEnd(extractor, TrackerConfig(tracker=tracker, max_lost_frames=LIMITS.low))
    images = []
    for i, seed in enumerate(SCENES):
        if i == RESET_AT:
            frontend.reset()
        result = frontend.process(Frame(texture(2 * i, seed=seed), (i + 1) * PERIOD_NS, 'eye'))
        weights = extractor.weights
        status = records.status_record(
            result, received=i + 2, processed=i + 1, dropped=0, decode_s=0.0, publish_s=0.0,
            latency_s=0.0, inlier_ratio=1.0,
        )  # fmt: skip
        fields = {
            'tracks': (Tracks, records.tracks_record(result)),
            'keypoints': (Keypoints, records.keypoints_record(result, weights, False, 'float32')),
            'status': (FrontendStatus, status),
        }
        stamp = (i + 1) * PERIOD_NS
        made = {name: message_from_record(*each, header(stamp)) for name, each in fields.items()}
        images.append(SimpleNamespace(**made))
    extractor.close()
    return images


@pytest.fixture(scope='module')
def honest():
    return {tracker: stream(tracker) for tracker in ('hybrid', 'descriptor')}


@pytest.fixture
def images(honest):
    """A copy to be altered."""
    return copy.deepcopy(honest['hybrid'])


def report(images, tracker='hybrid'):
    checks = Consistency()
    for image in images:
        checks.image(image.tracks, image.keypoints, LIMITS)
        checks.status(image.status, image.tracks)
    return checks.report()


@pytest.mark.parametrize('tracker', ['hybrid', 'descriptor'])
def test_what_a_front_end_publishes_is_consistent(honest, tracker):
    found = report(honest[tracker], tracker)
    assert found['violations'] == {}, found['examples']
    assert found['losses'] > 20 and found['epochs'] == 2 and found['missed'] == 0
    assert found['tracks'] == found['keypoints'] == len(SCENES)
    ages = np.concatenate([image.tracks.age for image in honest[tracker]])
    assert (ages > 3).sum() > 20


@pytest.mark.parametrize('tracker', ['hybrid', 'descriptor'])
def test_messages_that_did_not_come_are_counted_and_accuse_nobody(honest, tracker, rng):
    for _ in range(200):
        kept = np.flatnonzero(rng.random(len(SCENES)) < rng.uniform(0.3, 1))
        if not len(kept):
            continue
        found = report([honest[tracker][i] for i in kept], tracker)
        assert found['violations'] == {}, (kept, found['examples'])
        assert found['missed'] == kept[-1] - kept[0] + 1 - len(kept)


def old(tracks):
    """Return the row of a track that was seen before."""
    return int(np.flatnonzero(np.asarray(tracks.age) > 1)[0])


def new(tracks):
    return int(np.flatnonzero(np.asarray(tracks.age) == 1)[0])


def id_twice(images):
    images[2].tracks.id[1] = images[2].tracks.id[0]


def lost_id_comes_back(images):
    gone = next(i for i in images if len(i.tracks.lost_ids)).tracks.lost_ids[0]
    tracks = images[11].tracks
    tracks.id[new(tracks)] = gone


def id_of_the_epoch_before(images):
    tracks = images[RESET_AT].tracks
    tracks.id[0] = images[RESET_AT - 1].tracks.id[0]


def missing_value(images):
    images[2].tracks.u.pop()


def missing_keypoint_value(images):
    images[2].keypoints.sigma.pop()


def missing_descriptor(images):
    del images[2].keypoints.descriptors[-4:]


def age_grows_by_two(images):
    tracks = images[2].tracks
    tracks.age[old(tracks)] += 1


def age_stays(images):
    tracks = images[2].tracks
    tracks.age[old(tracks)] -= 1


def new_track_of_age_two(images):
    tracks = images[CHANGED].tracks
    tracks.age[new(tracks)] = 2


def lost_once_more(images):
    first = next(i for i, image in enumerate(images) if len(image.tracks.lost_ids))
    again = images[first].tracks.lost_ids[0]
    images[first + 1].tracks.lost_ids.append(again)


def lost_twice_at_once(images):
    lost = next(i for i in images if len(i.tracks.lost_ids)).tracks.lost_ids
    lost.append(lost[0])


def lost_too_early(images):
    images[2].tracks.lost_ids.append(images[1].tracks.id[0])


def lost_while_seen(images):
    images[2].tracks.lost_ids.append(images[2].tracks.id[0])


def never_lost(images):
    for image in images:
        del image.tracks.lost_ids[:]


def lost_in_a_new_epoch(images):
    images[RESET_AT].tracks.lost_ids.append(images[RESET_AT - 1].tracks.id[0])


def number_again(images):
    images[3].tracks.frame_seq = images[2].tracks.frame_seq


def epoch_back(images):
    images[LAST].tracks.epoch = 0


def wrong_dt(images):
    images[2].tracks.dt += 0.01


def dt_of_a_first_image(images):
    images[RESET_AT].tracks.dt = 0.03


def stamp_back(images):
    images[4].tracks.header.stamp.nanosec -= 3 * PERIOD_NS


def other_place_than_the_keypoint(images):
    tracks = images[2].tracks
    tracks.u[old(tracks)] += 0.01


def keypoint_that_is_not(images):
    images[2].tracks.keypoint_index[0] = len(images[2].keypoints.u)


def one_keypoint_twice(images):
    images[2].tracks.keypoint_index[0] = images[2].tracks.keypoint_index[1]


def was_elsewhere(images):
    tracks = images[2].tracks
    tracks.prev_u[old(tracks)] += 0.5


def new_track_was_somewhere(images):
    tracks = images[CHANGED].tracks
    tracks.prev_v[new(tracks)] = 3.0


def nan(images):
    images[2].tracks.sigma[0] = float('nan')


def outside_of_the_image(images):
    images[2].keypoints.u[0] = images[2].tracks.u[0] = 160.0


def long_descriptor(images):
    raw = np.frombuffer(images[2].keypoints.descriptors, '<f4') * 1.1
    images[2].keypoints.descriptors[:] = type(images[2].keypoints.descriptors)('B', raw.tobytes())


def other_frame(images):
    images[2].keypoints.header.frame_id = 'ear'


def status_of_other_tracks(images):
    images[2].status.tracked += 1


def state_of_other_tracks(images):
    images[2].status.state = FrontendStatus.STATE_LOST


def received_too_few(images):
    images[2].status.frames_received = images[2].status.frames_processed - 1


def received_too_many(images):
    images[2].status.frames_received += 5


def counts_go_back(images):
    images[3].status.frames_processed -= 2
    images[3].status.frames_dropped += 2


def processed_twice(images):
    for image in images[3:]:
        image.status.frames_processed += 1


@pytest.mark.parametrize(
    ('alter', 'kind'),
    [
        (id_twice, 'id twice'),
        (lost_id_comes_back, 'id again'),
        (id_of_the_epoch_before, 'id again'),
        (missing_value, 'array sizes'),
        (missing_keypoint_value, 'array sizes'),
        (missing_descriptor, 'array sizes'),
        (age_grows_by_two, 'age'),
        (age_stays, 'age'),
        (new_track_of_age_two, 'age'),
        (lost_once_more, 'lost_ids'),
        (lost_twice_at_once, 'lost_ids'),
        (lost_too_early, 'lost_ids'),
        (lost_while_seen, 'lost_ids'),
        (never_lost, 'not declared lost'),
        (lost_in_a_new_epoch, 'lost_ids'),
        (number_again, 'frame_seq'),
        (epoch_back, 'epoch'),
        (wrong_dt, 'dt'),
        (dt_of_a_first_image, 'dt'),
        (stamp_back, 'stamp'),
        (other_place_than_the_keypoint, 'keypoint_index'),
        (keypoint_that_is_not, 'keypoint_index'),
        (one_keypoint_twice, 'keypoint_index'),
        (was_elsewhere, 'what was before'),
        (new_track_was_somewhere, 'what was before'),
        (nan, 'not a number'),
        (outside_of_the_image, 'outside'),
        (long_descriptor, 'descriptors'),
        (other_frame, 'header'),
        (status_of_other_tracks, 'status'),
        (state_of_other_tracks, 'status'),
        (received_too_few, 'counts'),
        (received_too_many, 'counts'),
        (counts_go_back, 'counts'),
        (processed_twice, 'counts'),
    ],
)
def test_what_is_wrong_is_found(images, alter, kind):
    alter(images)
    found = report(images)
    assert kind in found['violations'], found['violations']
    assert any(sentence.startswith(f'{kind}: ') for sentence in found['examples'])


def test_counts_may_begin_anew_with_a_new_epoch_only(images):
    for image in images[RESET_AT:]:
        for name in ('frames_received', 'frames_processed'):
            setattr(image.status, name, getattr(image.status, name) - RESET_AT)
    found = report(images)
    assert found['violations'] == {} and found['restarts'] == 1
    for image in images[5:RESET_AT]:
        for name in ('frames_received', 'frames_processed'):
            setattr(image.status, name, getattr(image.status, name) - 5)
    assert 'counts' in report(images)['violations']


def test_a_loss_is_judged_by_the_limits_of_its_time(images):
    checks = Consistency()
    for image in images:
        checks.image(image.tracks, None, Limits(4, 6))
    assert set(checks.report()['violations']) == {'lost_ids'}
    checks = Consistency()
    for image in images:
        checks.image(image.tracks, None, Limits(0, 1))
    assert 'not declared lost' in checks.report()['violations']
