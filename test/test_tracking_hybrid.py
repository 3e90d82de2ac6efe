"""The tracker that follows points, on images whose motion is known."""

import cv2
import numpy as np
import pytest

from alike_ros.config import TrackerConfig
from alike_ros.structures import Features, View
from alike_ros.tracking import hybrid, patches, search
from alike_ros.tracking.flow import follow
from alike_ros.tracking.hybrid import HybridTracker
from alike_ros.tracking.starts import corner_strengths

WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope='module')
def texture():
    noise = np.random.default_rng(1).normal(size=(400, 600)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


class World:
    """A texture whose corners have descriptors of their own, seen through a moving window."""

    def __init__(self, texture):
        self.texture = texture.astype(np.uint8)
        corners = cv2.goodFeaturesToTrack(self.texture, 800, 0.01, 8)
        self.corners = corners[:, 0]
        rows = np.random.default_rng(2).normal(size=(len(corners), 32)).astype(np.float32)
        self.descriptors = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def view(self, x, y, keep=None, image=None):
        """Return the window at (x, y) px; keep: rows of the corners that are detected."""
        points = self.corners - np.float32([x, y])
        visible = ((points >= 4) & (points <= [WIDTH - 5, HEIGHT - 5])).all(axis=1)
        rows = np.flatnonzero(visible if keep is None else visible & keep)
        if image is None:
            image = self.texture[y : y + HEIGHT, x : x + WIDTH].copy()
        offset = np.float32([x, y])
        return View(image, self._features(rows, points), lambda p: self._described(p, offset))

    def _features(self, rows, points):
        ones = np.ones(len(rows), np.float32)
        scores = np.linspace(1, 0.5, len(rows), dtype=np.float32)
        return Features(points[rows], scores, self.descriptors[rows], ones, (WIDTH, HEIGHT))

    def _described(self, points, offset):
        """What is at any points is what the nearest corner is, or nothing like any."""
        distances = np.linalg.norm(points[:, None] + offset - self.corners, axis=2)
        nearest = distances.argmin(axis=1)
        near = distances[np.arange(len(points)), nearest] < 3
        descriptors = np.where(near[:, None], self.descriptors[nearest], 0).astype(np.float32)
        ones = np.ones(len(points), np.float32)
        return Features(points, ones, descriptors, ones, (WIDTH, HEIGHT))


@pytest.fixture
def world(texture):
    return World(texture)


def offsets(features, tracks):
    """Return how the tracks that are not new moved, (N, 2) px."""
    found = tracks.ages > 1
    return (features.keypoints - tracks.last_keypoints)[found]


def test_points_are_followed_where_nothing_is_detected(world):
    tracker = HybridTracker()
    _, first = tracker.update(world.view(50, 50), 0)
    blind = np.zeros(len(world.corners), bool)
    features, tracks = tracker.update(world.view(53, 48, keep=blind), 1)
    assert len(tracks) > 0.8 * len(first)
    assert set(tracks.ids) <= set(first.ids)
    assert np.quantile(np.abs(offsets(features, tracks) - [-3, 2]), 0.95) < 0.02


def test_a_jump_that_flow_cannot_follow_is_bridged_by_descriptors(world):
    tracker = HybridTracker()
    _, first = tracker.update(world.view(50, 50), 0)
    features, tracks = tracker.update(world.view(150, 80), 1)
    common = set(first.ids) & set(tracks.ids)
    assert len(common) > 0.4 * len(first)
    assert np.abs(np.median(offsets(features, tracks), axis=0) - [-100, -30]).max() < 0.2


@pytest.mark.parametrize('gain', [0.5, 1.8])
def test_a_change_of_exposure_ends_no_track(world, gain):
    tracker = HybridTracker()
    dim = world.texture[50:290, 50:370] // 2 + 20
    _, first = tracker.update(world.view(50, 50, image=dim), 0)
    changed = np.clip(world.texture[50:290, 52:372] // 2 * gain + 20 * gain, 0, 255)
    blind = np.zeros(len(world.corners), bool)
    seen = world.view(52, 50, keep=blind, image=changed.astype(np.uint8))
    _, tracks = tracker.update(seen, 1)
    assert len(tracks) > 0.8 * len(first)


@pytest.mark.parametrize('shown', ['nothing', 'noise', 'another scene'])
def test_tracks_come_back_after_images_that_show_something_else(world, rng, shown):
    tracker = HybridTracker()
    for step in range(3):
        first, before = tracker.update(world.view(50 + 5 * step, 50), step)
    blind = np.zeros(len(world.corners), bool)
    for step in (3, 4):
        if shown == 'another scene':
            view = world.view(250, 150 - step)
        else:
            noise = rng.integers(0, 256 if shown == 'noise' else 1, (HEIGHT, WIDTH), np.uint8)
            view = world.view(50, 50, keep=blind, image=noise)
        tracker.update(view, step)
    last, tracks = tracker.update(world.view(75, 50), 5)
    _, rows, again = np.intersect1d(before.ids, tracks.ids, return_indices=True)
    assert len(rows) > 0.9 * len(before)
    moved = last.keypoints[again] - first.keypoints[rows]
    assert np.quantile(np.abs(moved - [-15, 0]), 0.95) < 0.2


def test_a_long_memory_of_lost_tracks_is_no_jump(texture, monkeypatch):
    wide = World(np.hstack([texture, texture[:, ::-1], texture]))
    tracker = HybridTracker(TrackerConfig(max_lost_frames=80))
    for step in range(80):
        _, tracks = tracker.update(wide.view(18 * step, 50), step)
        if step == 3:  # the motion is known
            monkeypatch.setattr(search, 'match_mutual', None)  # cannot be called
    assert tracker.next_id > 3 * len(tracks)
    assert (tracks.ages > 1).mean() > 0.7


def test_what_no_longer_looks_like_the_track_ends_it(world):
    tracker = HybridTracker(TrackerConfig(max_lost_frames=1))
    _, first = tracker.update(world.view(50, 50), 0)
    strange = world.view(51, 50)
    nothing = world.view(51, 50, keep=np.zeros(len(world.corners), bool)).features
    other = View(strange.image, nothing, lambda p: _unlike(strange.describe(p)))
    for stamp in (1, 2):
        features, tracks = tracker.update(other, stamp)
        assert len(features) == len(tracks) == 0
    assert set(tracks.lost_ids) == set(first.ids)


def _unlike(features):
    return Features(
        features.keypoints,
        features.scores,
        -features.descriptors,
        features.sigmas,
        features.image_size,
    )


def test_what_flow_takes_elsewhere_than_its_neighbours_is_looked_for_there(world, monkeypatch):
    tracker = HybridTracker()
    _, first = tracker.update(world.view(50, 50), 0)
    _, before = tracker.update(world.view(52, 50), 1)

    def misled(*args):
        places = follow(*args)
        places[::5] += np.float32([6, -9])
        return places

    monkeypatch.setattr(search, 'follow', misled)
    monkeypatch.setattr(patches, 'LEAST_LIKENESS', -1)  # as where structure repeats
    features, tracks = tracker.update(world.view(54, 50), 2)
    assert len(set(before.ids) & set(tracks.ids)) > 0.9 * len(before)
    assert np.abs(offsets(features, tracks) - [-2, 0]).max() < 0.2


def test_a_track_that_strays_is_held_back_and_comes_back_under_its_id(world, monkeypatch):
    tracker = HybridTracker()
    _, first = tracker.update(world.view(50, 50), 0)
    monkeypatch.setattr(hybrid, 'fit_one_motion', lambda a, b: a[:, 0] > 100)
    features, tracks = tracker.update(world.view(51, 50), 1)
    assert (features.keypoints[tracks.ages > 1][:, 0] > 98).all()
    monkeypatch.undo()
    features, tracks = tracker.update(world.view(52, 50), 2)
    back = (tracks.ages == 2) & (features.keypoints[:, 0] < 98)
    assert back.sum() > 20
    assert set(tracks.ids[back]) <= set(first.ids)
    assert (tracks.previous[back] == -1).all()
    steps = (features.keypoints - tracks.last_keypoints)[back]
    assert np.abs(np.median(steps, axis=0) - [-2, 0]).max() < 0.02


def test_a_track_that_goes_on_straying_is_lost(world, monkeypatch):
    tracker = HybridTracker(TrackerConfig(max_lost_frames=1))
    _, first = tracker.update(world.view(50, 50), 0)
    monkeypatch.setattr(hybrid, 'fit_one_motion', lambda a, b: a[:, 0] > 100)
    _, tracks = tracker.update(world.view(51, 50), 1)
    assert not len(tracks.lost_ids)
    held = set(first.ids) - set(tracks.ids)
    _, tracks = tracker.update(world.view(52, 50), 2)
    assert len(held) > 20 and held <= set(tracks.lost_ids) <= set(first.ids)


def test_a_track_held_back_again_and_again_is_lost_in_the_end(world, monkeypatch):
    tracker = HybridTracker(TrackerConfig(max_lost_frames=1))
    _, first = tracker.update(world.view(50, 50), 0)
    monkeypatch.setattr(hybrid, 'fit_one_motion', lambda a, b: a[:, 0] > 100)
    seen, lost = dict.fromkeys(first.ids.tolist(), 0), set()
    for i in range(1, 10):
        _, tracks = tracker.update(world.view(50 + i, 50), i)
        lost |= set(tracks.lost_ids.tolist())
        seen |= dict.fromkeys(tracks.ids.tolist(), i)
        assert {one for one, last in seen.items() if i - last > 1} <= lost
    assert len(lost) > 20


def test_points_that_move_on_their_own_do_not_fit_the_motion_of_the_others(rng):
    scene = rng.uniform([-3, -2, 4], [3, 2, 12], (200, 3))
    before = scene[:, :2] / scene[:, 2:] * 500 + 320
    moved = scene @ cv2.Rodrigues(np.float64([0.01, 0.03, 0]))[0].T + [0.3, 0, 0.1]
    after = moved[:, :2] / moved[:, 2:] * 500 + 320
    strays = rng.permutation(200)[:30]
    after[strays] += rng.uniform(5, 20, (30, 2)) * rng.choice([-1, 1], (30, 2))
    fits = hybrid.fit_one_motion(before.astype(np.float32), after.astype(np.float32))
    assert fits[np.setdiff1d(np.arange(200), strays)].mean() > 0.98
    assert fits[strays].mean() < 0.3


def test_of_tracks_that_end_on_one_point_the_surest_goes_on():
    points = np.float32([[10, 10], [10.5, 10.2], [50, 50], [10.2, 10.9], [52.5, 50]])
    kept = hybrid.surest_in_cells(points, np.float32([0.3, 0.1, 0.2, 0.2, 0.9]))
    assert kept.tolist() == [False, True, True, False, True]
    assert hybrid.surest_in_cells(points[:0], points[:0, 0]).shape == (0,)


def test_tracks_are_bounded_apart_and_unique(world):
    tracker = HybridTracker(TrackerConfig(max_tracks=60, track_distance=12.0))
    lost, previous = set(), None
    for i in range(12):
        features, tracks = tracker.update(world.view(50 + 4 * i, 50 + i), i)
        assert len(features) == len(tracks) <= 60
        assert len(set(tracks.ids)) == len(tracks)
        assert not lost & set(tracks.ids)
        lost |= set(tracks.lost_ids)
        new = features.keypoints[tracks.ages == 1]
        distances = np.linalg.norm(new[:, None] - features.keypoints, axis=2)
        assert (distances[distances > 0] > 11).all()
        if previous is not None:
            known = tracks.previous >= 0
            before = previous[0].keypoints[tracks.previous[known]]
            assert (before == tracks.last_keypoints[known]).all()
            assert (previous[1].ids[tracks.previous[known]] == tracks.ids[known]).all()
        assert (np.diff(features.scores) <= 0).all()
        previous = features, tracks


def test_fewer_tracks_may_be_asked_for_while_running(world):
    tracker = HybridTracker()
    tracker.update(world.view(50, 50), 0)
    _, before = tracker.update(world.view(51, 50), 1)
    tracker.configure(max_tracks=30)
    _, after = tracker.update(world.view(52, 50), 2)
    assert len(after) == 30
    assert set(after.ids) <= set(before.ids)


def test_a_reset_gives_new_ids(world):
    tracker = HybridTracker()
    _, first = tracker.update(world.view(50, 50), 0)
    tracker.reset()
    _, second = tracker.update(world.view(50, 50), 1)
    assert not set(first.ids) & set(second.ids)
    assert (second.ages == 1).all()


def test_types_are_those_of_the_message(world):
    tracker = HybridTracker()
    tracker.update(world.view(50, 50), 0)
    features, tracks = tracker.update(world.view(52, 50), 1)
    kinds = {
        'ids': 'u8',
        'ages': 'u4',
        'previous': 'i4',
        'last_stamps_ns': 'i8',
        'last_keypoints': 'f4',
        'similarity': 'f4',
        'lost_ids': 'u8',
    }
    for name, kind in kinds.items():
        assert getattr(tracks, name).dtype == np.dtype(kind), name
    assert features.keypoints.dtype == features.descriptors.dtype == np.float32


def test_tracks_begin_in_portions(world):
    tracker = HybridTracker(TrackerConfig(max_tracks=100))
    _, first = tracker.update(world.view(50, 50), 0)
    assert len(first) == 100
    fresh = []
    for i in range(1, 25):
        _, tracks = tracker.update(world.view(50 + 8 * i, 50), i)
        fresh.append(int((tracks.ages == 1).sum()))
        assert (tracks.ages > 1).sum() > 80
    begun = [count for count in fresh if count]
    assert sum(begun) > 50 and len(begun) < len(fresh) / 2
    assert min(begun) >= 0.09 * 100


def test_where_tracks_are_few_those_begin_too_that_leave_the_image_soon(world):
    tracker = HybridTracker()
    for x in (0, 60, 120, 180):
        features, tracks = tracker.update(world.view(x, 50), x)
    begun = features.keypoints[tracks.ages == 1]
    assert len(begun) > 30
    assert (begun[:, 0] > 60).all()  # those left of it are out of view in the next image


def test_corner_strengths_are_those_of_opencv(world, rng):
    image = world.texture[:HEIGHT, :WIDTH].copy()
    points = rng.uniform([6, 6], [WIDTH - 7, HEIGHT - 7], (200, 2)).astype(np.float32)
    ours = corner_strengths(image, points)
    columns, rows = np.rint(points).astype(int).T
    theirs = cv2.cornerMinEigenVal(image, 7)[rows, columns]
    assert np.allclose(ours / ours.max(), theirs / theirs.max(), atol=1e-4)
