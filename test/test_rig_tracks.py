"""Ids of a rig, held to a rig that sees named points of a scene."""

import numpy as np
import pytest

from alike_ros.rig_tracks import TrackLinker
from alike_ros.structures import Features, Matches, View
from alike_ros.tracking.by_descriptor import DescriptorTracker

NO_IMAGE = np.zeros((0, 0), np.uint8)
POINTS = np.eye(40, dtype=np.float32)  # one unmistakable descriptor a scene point


def seen(points):
    index = np.array(points, int)
    keypoints = np.stack([index * 10, index * 0], axis=1).astype(np.float32)
    ones = np.ones(len(index), np.float32)
    return Features(keypoints, ones, POINTS[index], ones, (640, 480))


def matched(a, b, rng=None, share=1.0):
    """True matches between two lists of scene points, or a share of them."""
    rows = [(i, b.index(point)) for i, point in enumerate(a) if point in b]
    rows = [row for row in rows if rng is None or rng.random() < share]
    index = np.array(rows, np.intp).reshape(-1, 2)
    return Matches(index[:, 0], index[:, 1], np.ones(len(index), np.float32))


class Rig:
    """Trackers of cameras that see the scene points given, and the linker."""

    def __init__(self, count):
        self.trackers = [DescriptorTracker() for _ in range(count)]
        self.linker = TrackLinker(count)
        self.stamp = 0

    def see(self, *cameras, matches=None):
        """Return the rig's tracks; without matches given, those of neighbours are true."""
        self.stamp += 1
        tracks = [
            tracker.update(View(NO_IMAGE, seen(points), None), self.stamp)[1]
            for tracker, points in zip(self.trackers, cameras, strict=True)
        ]
        if matches is None:
            matches = {
                (a, a + 1): matched(cameras[a], cameras[a + 1]) for a in range(len(cameras) - 1)
            }
        return self.linker.update(tracks, matches)


def ids(tracks, points, camera=0):
    return dict(zip(points, tracks.cameras[camera].ids.tolist(), strict=True))


def test_matched_points_share_an_id_and_others_have_their_own():
    tracks = Rig(2).see([1, 2, 3], [3, 4, 1])
    left, right = ids(tracks, [1, 2, 3]), ids(tracks, [3, 4, 1], 1)
    assert (right[1], right[3]) == (left[1], left[3])
    assert len({*left.values(), *right.values()}) == 4
    cameras, rows = tracks.rows()
    assert cameras.tolist() == [0, 0, 0, 1, 1, 1]
    assert rows.tolist() == [0, 1, 2, 0, 1, 2]


def test_an_id_stays_when_the_match_is_gone_and_when_one_camera_loses_the_point():
    rig = Rig(2)
    first = ids(rig.see([1], [1]), [1])
    unmatched = rig.see([1], [1], matches={})
    assert ids(unmatched, [1], 1) == ids(unmatched, [1]) == first
    assert ids(rig.see([], [1]), [1], 1) == first


def test_a_point_that_comes_from_the_right_brings_its_id():
    rig = Rig(2)
    first = ids(rig.see([], [5]), [5], 1)
    tracks = rig.see([5], [5])
    assert ids(tracks, [5]) == ids(tracks, [5], 1) == first
    assert len(tracks.lost_ids) == 0


def test_two_ids_of_one_point_become_that_of_the_lower_camera():
    rig = Rig(2)
    before = rig.see([5], [5], matches={})
    left, right = ids(before, [5])[5], ids(before, [5], 1)[5]
    assert left != right
    tracks = rig.see([5], [5])
    assert ids(tracks, [5], 1)[5] == left
    assert tracks.lost_ids.tolist() == [right]


def test_a_track_that_another_is_matched_in_place_of_starts_anew():
    rig = Rig(2)
    first = ids(rig.see([1], [1, 2]), [1])[1]
    wrong = {(0, 1): Matches(np.array([0]), np.array([1]), np.ones(1, np.float32))}
    tracks = rig.see([1], [1, 2], matches=wrong)
    right = ids(tracks, [1, 2], 1)
    assert right[2] == first
    assert right[1] not in (first, *ids(tracks, [1]).values())


def test_ids_go_round_a_rig_in_chains():
    cameras = ([1, 2], [2, 3, 1], [3, 1], [1, 9])
    tracks = Rig(4).see(*cameras)
    found = [ids(tracks, points, camera) for camera, points in enumerate(cameras)]
    assert len({each[1] for each in found}) == 1
    assert found[1][3] == found[2][3]


def test_an_id_is_lost_once_when_no_camera_follows_it_any_more():
    rig = Rig(2)
    first = ids(rig.see([1], [1]), [1])[1]
    lost = [rig.see([], [1] if k < 2 else []).lost_ids.tolist() for k in range(8)]
    assert [first] in lost
    assert sum(map(len, lost)) == 1


def test_after_a_reset_no_id_comes_again():
    rig = Rig(2)
    before = rig.see([1, 2], [1, 3])
    for tracker in rig.trackers:
        tracker.reset()
    rig.linker.reset()
    after = rig.see([1, 2], [1, 3])
    used = {*before.cameras[0].ids, *before.cameras[1].ids}
    assert not used & {*after.cameras[0].ids, *after.cameras[1].ids}
    assert len(after.lost_ids) == 0


@pytest.mark.parametrize('wrong', [0.0, 0.2])
@pytest.mark.parametrize('count', [2, 3, 8])
def test_no_id_is_twice_in_a_camera_nor_comes_back_whatever_is_matched(rng, count, wrong):
    rig, gone = Rig(count), set()
    for _ in range(40):
        cameras = [rng.permutation(40)[: rng.integers(0, 30)].tolist() for _ in range(count)]
        matches = {}
        for a in range(count):
            for b in range(a + 1, count):
                pairs = matched(cameras[a], cameras[b], rng, 0.7)
                if rng.random() < wrong:
                    pairs = Matches(
                        pairs.index_a, rng.permutation(pairs.index_b), pairs.similarity
                    )
                matches[a, b] = pairs
        tracks = rig.see(*cameras, matches=matches)
        alive = set()
        for each in tracks.cameras:
            assert len(set(each.ids.tolist())) == len(each)
            alive |= set(each.ids.tolist())
        if not wrong and count == 2:
            a, b = tracks.cameras
            pairs = matches[0, 1]
            assert (a.ids[pairs.index_a] == b.ids[pairs.index_b]).all()
        assert not alive & gone
        gone |= set(tracks.lost_ids.tolist())
        assert not alive & gone
