import numpy as np
import pytest

from alike_ros.config import TrackerConfig
from alike_ros.errors import ConfigError
from alike_ros.structures import Features, View
from alike_ros.tracking.by_descriptor import DescriptorTracker

NO_IMAGE = np.zeros((0, 0), np.uint8)
POINTS = np.eye(12, dtype=np.float32)  # one unmistakable descriptor a scene point


def seen(*points, shift=0.0):
    """Features in which the named scene points are visible, at x = 10 * point + shift."""
    index = np.array(points, int)
    keypoints = np.stack([index * 10 + shift, index * 0], axis=1).astype(np.float32)
    ones = np.ones(len(index), np.float32)
    return Features(keypoints, ones, POINTS[index], ones, (640, 480))


class Tracker(DescriptorTracker):
    """Takes features, as no image and no other point is looked at."""

    def update(self, features, stamp_ns):
        published, tracks = super().update(View(NO_IMAGE, features, None), stamp_ns)
        assert published is features
        return tracks


def test_ids_follow_scene_points_in_any_order():
    tracker = Tracker()
    first = tracker.update(seen(0, 1, 2), 0)
    second = tracker.update(seen(2, 3, 0), 1)
    assert second.ids.tolist() == [first.ids[2], 3, first.ids[0]]
    assert second.ages.tolist() == [2, 1, 2]
    assert second.previous.tolist() == [2, -1, 0]
    assert np.isnan(second.similarity[1])
    assert np.allclose(second.similarity[[0, 2]], 1)


def test_a_track_knows_where_and_when_it_was_last_seen():
    tracker = Tracker()
    tracker.update(seen(4), 100)
    tracks = tracker.update(seen(4, 5, shift=3), 200)
    assert tracks.last_keypoints[0].tolist() == [40, 0]
    assert np.isnan(tracks.last_keypoints[1]).all()
    assert tracks.last_stamps_ns.tolist() == [100, 200]


def test_a_track_comes_back_within_max_lost_frames_and_is_lost_after():
    tracker = Tracker(TrackerConfig(max_lost_frames=2))
    [gone, stays] = tracker.update(seen(0, 1), 0).ids
    assert tracker.update(seen(1), 1).lost_ids.tolist() == []
    assert tracker.update(seen(1), 2).lost_ids.tolist() == []
    back = tracker.update(seen(0, 1), 3)
    assert back.ids.tolist() == [gone, stays]
    assert back.previous.tolist() == [-1, 0]
    assert back.ages.tolist() == [2, 4]
    for stamp in (4, 5):
        assert tracker.update(seen(1), stamp).lost_ids.tolist() == []
    assert tracker.update(seen(1), 6).lost_ids.tolist() == [gone]
    assert tracker.update(seen(0, 1), 7).ids.tolist() == [2, stays]


def test_without_memory_a_missed_track_is_lost_at_once():
    tracker = Tracker(TrackerConfig(max_lost_frames=0))
    [first] = tracker.update(seen(0), 0).ids
    assert tracker.update(seen(1), 1).lost_ids.tolist() == [first]


def test_ids_are_never_given_again_not_even_after_a_reset():
    tracker = Tracker()
    before = set(tracker.update(seen(0, 1), 0).ids)
    tracker.reset()
    after = tracker.update(seen(0, 1), 1)
    assert not before & set(after.ids)
    assert after.ages.tolist() == [1, 1]
    assert len(after.lost_ids) == 0


def test_the_motion_window_keeps_matches_near():
    tracker = Tracker(TrackerConfig(motion_window=20.0))
    first = tracker.update(seen(0, 1), 0)
    moved = seen(0, 1, shift=15)
    assert tracker.update(moved, 1).ids.tolist() == first.ids.tolist()
    assert not set(tracker.update(seen(0, 1, shift=90), 2).ids) & set(first.ids)


def test_images_without_keypoints_are_part_of_the_stream():
    tracker = Tracker(TrackerConfig(max_lost_frames=1))
    [first] = tracker.update(seen(0), 0).ids
    assert len(tracker.update(seen(), 1)) == 0
    assert tracker.update(seen(0), 2).ids.tolist() == [first]
    assert len(Tracker().update(seen(), 0)) == 0


def test_every_id_is_unique_and_reported_lost_exactly_once(rng):
    tracker = Tracker(TrackerConfig(max_lost_frames=2))
    lost, alive = [], set()
    for stamp in range(60):
        points = rng.permutation(12)[: rng.integers(0, 12)]
        tracks = tracker.update(seen(*points), stamp)
        assert len(set(tracks.ids)) == len(tracks)
        assert not set(tracks.ids) & set(lost)
        lost += tracks.lost_ids.tolist()
        alive |= set(tracks.ids.tolist())
    assert len(lost) == len(set(lost))
    assert set(lost) <= alive


def test_types_are_those_of_the_message():
    tracks = Tracker().update(seen(0, 1), 0)
    kinds = {'ids': 'u8', 'ages': 'u4', 'previous': 'i4', 'last_stamps_ns': 'i8'}
    for name, kind in kinds.items():
        assert getattr(tracks, name).dtype == np.dtype(kind)


def test_live_parameters_change():
    tracker = Tracker()
    tracker.configure(min_similarity=0.5)
    assert tracker.config.min_similarity == 0.5
    with pytest.raises(ConfigError, match='min_similarity must lie in'):
        tracker.configure(min_similarity=2.0)
