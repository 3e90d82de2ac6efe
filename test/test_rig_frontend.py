"""Sets of two cameras: EuRoC's real pairs, the body at rest."""

import numpy as np
import pytest

from alike_ros.config import StereoConfig, TrackerConfig
from alike_ros.datasets.euroc import open_rig
from alike_ros.errors import ConfigError, ImageError
from alike_ros.extractor import Extractor
from alike_ros.frontend import FrontEnd
from alike_ros.rig_frontend import RigFrontEnd
from alike_ros.structures import Frame


@pytest.fixture(scope='module')
def recording(data):
    """The rig and four pairs of frames."""
    rig, sources = open_rig(data / 'euroc')
    return rig, list(zip(*([*source][:4] for source in sources), strict=True))


@pytest.fixture(scope='module')
def extractor(data):
    with Extractor(weights=str(data / 'models' / 'alike-t.pth'), device='cpu') as extractor:
        yield extractor


@pytest.fixture(params=['hybrid', 'descriptor'])
def tracker(request):
    return TrackerConfig(tracker=request.param)


def run(recording, extractor, tracker):
    rig, sets = recording
    front_end = RigFrontEnd(extractor, 2, tracker)
    pairs = {(0, 1): rig.stereo(0, 1)}
    return [front_end.process(frames, rig.cameras, pairs) for frames in sets]


def test_one_id_is_one_point_of_the_scene(recording, extractor, tracker):
    pair = recording[0].stereo(0, 1)
    for left, right in run(recording, extractor, tracker):
        assert len(np.unique(left.tracks.ids)) == len(left.tracks)
        assert len(np.unique(right.tracks.ids)) == len(right.tracks)
        _, a, b = np.intersect1d(left.tracks.ids, right.tracks.ids, return_indices=True)
        assert len(a) > 0.4 * len(left.tracks)
        rows = (
            pair.rectify_left(left.features.keypoints[a])[:, 1],
            pair.rectify_right(right.features.keypoints[b])[:, 1],
        )
        assert np.mean(np.abs(rows[0] - rows[1]) < 2) > 0.95


def test_depths_of_what_rests_stay_from_set_to_set(recording, extractor, tracker):
    *_, before, last = (left for left, _ in run(recording, extractor, tracker))
    seen = last.tracks.previous >= 0
    pairs = np.column_stack([before.depths[last.tracks.previous[seen]], last.depths[seen]])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    assert len(pairs) > 100 and np.nanmedian(np.abs(pairs[:, 0] / pairs[:, 1] - 1)) < 0.01


def test_detections_of_the_other_image_give_depth_too(recording, extractor):
    left, right = run(recording, extractor, TrackerConfig())[-1]
    alone = ~np.isin(left.tracks.ids, right.tracks.ids)
    assert np.isfinite(left.depths[alone]).sum() > 10 and right.depths is None


def test_each_camera_has_the_tracks_that_it_would_have_alone(recording, extractor, tracker):
    rig, sets = recording
    alone = FrontEnd(extractor, tracker)
    for frames, (_, right) in zip(sets, run(recording, extractor, tracker), strict=True):
        expected = alone.process(frames[1], rig.cameras[1])
        assert np.allclose(right.features.keypoints, expected.features.keypoints, atol=1e-3)
        assert np.array_equal(right.tracks.ages, expected.tracks.ages)


def test_lost_ids_are_of_all_cameras_and_stand_in_the_first_result(recording, extractor, tracker):
    seen, lost = set(), set()
    for left, right in run(recording, extractor, tracker):
        both = {*left.tracks.ids.tolist(), *right.tracks.ids.tolist()}
        assert not both & lost and not len(right.tracks.lost_ids)
        assert set(left.tracks.lost_ids.tolist()) <= seen - both
        lost |= set(left.tracks.lost_ids.tolist())
        seen |= both


def test_a_set_that_fails_leaves_everything_as_it_was(recording, extractor):
    rig, sets = recording
    front_end = RigFrontEnd(extractor, 2)
    first, _ = front_end.process(sets[0], rig.cameras, {})
    bad = Frame(np.zeros((4, 4), np.float32), 0)
    with pytest.raises(ImageError):
        front_end.process([sets[1][0], bad], rig.cameras, {})
    second, _ = front_end.process(sets[1], rig.cameras, {})
    assert second.frame_seq == 1 and second.epoch == first.epoch
    assert np.isin(second.tracks.ids, first.tracks.ids).mean() > 0.5


def test_a_reset_and_a_successor_never_repeat_an_id(recording, extractor):
    rig, sets = recording
    front_end = RigFrontEnd(extractor, 2)
    ids = [np.concatenate([r.tracks.ids for r in front_end.process(sets[0], rig.cameras, {})])]
    front_end.reset()
    for each in (front_end, RigFrontEnd(extractor, 2, first=front_end.successor())):
        results = each.process(sets[0], rig.cameras, {})
        assert results[0].epoch == len(ids)
        ids.append(np.unique(np.concatenate([result.tracks.ids for result in results])))
    assert not set(ids[0]) & set(ids[1]) and not set(ids[0]) & set(ids[2])


def test_stereo_parameters_change_while_running_or_nothing_does(recording, extractor):
    rig, sets = recording
    front_end = RigFrontEnd(extractor, 2, stereo=StereoConfig(max_depth=100.0))
    with pytest.raises(ConfigError):
        front_end.configure(max_depth=3.0, model='alike-l')
    pairs = {(0, 1): rig.stereo(0, 1)}
    far, _ = front_end.process(sets[0], rig.cameras, pairs)
    front_end.configure(max_depth=3.0, max_tracks=50)
    near, _ = front_end.process(sets[1], rig.cameras, pairs)
    assert np.nanmax(far.depths) > 3 >= np.nanmax(near.depths)
    assert len(near.tracks) <= 50 < len(far.tracks)
