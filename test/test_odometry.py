"""The small odometry on worlds whose points and poses are known exactly."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from alike_ros.errors import ConfigError
from alike_ros.odometry.adjustment import Bundle, adjust, cost
from alike_ros.odometry.config import FramesConfig, OdometryConfig
from alike_ros.odometry.frames import RobotFrames, pose_from_text, rotation_vector
from alike_ros.odometry.localisation import about_pose, locate
from alike_ros.odometry.monocular import MonocularOdometry, State
from alike_ros.odometry.numbering import Numbering
from alike_ros.odometry.sightings import Sightings, sightings_from_tracks
from alike_ros.odometry.two_view import relative_pose
from alike_ros.odometry.views import errors, inverse, transform, triangulate

PIXEL = 1 / 500
PERIOD_NS = 50_000_000


def pose_at(way, turn=0.0):
    """(4, 4) of an optical frame that went `way` (3,) m and turned right by `turn` rad."""
    pose = np.eye(4)
    c, s = np.cos(turn), np.sin(turn)
    pose[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    pose[:3, 3] = way
    return pose


@pytest.fixture
def world(rng):
    """Points (N, 3) around the way of the camera, near and far."""
    return rng.uniform([-8, -3, 2], [8, 3, 20], (1500, 3))


@pytest.fixture
def drive():
    """A curve of 40 images, the first at the world's origin."""
    steps = [(0.002 * i * i, 0.01 * np.sin(i / 3), 0.12 * i) for i in range(40)]
    return [pose_at(np.array(step), 0.006 * i) for i, step in enumerate(steps)]


def look(world, pose, index, noise_px=0.0, rng=None, first_id=0, depth=False):
    """Return what a camera of 640 x 480 px sees of the world, up to 300 points."""
    inside = transform(inverse(pose), world)
    with np.errstate(divide='ignore', invalid='ignore'):
        rays = inside[:, :2] / inside[:, 2:]
    seen = (inside[:, 2] > 0.5) & (np.abs(rays) < [0.64, 0.48]).all(axis=1)
    ids = np.flatnonzero(seen)[:300]
    rays = rays[ids]
    if noise_px:
        rays = rays + rng.normal(0, noise_px * PIXEL, rays.shape)
    sigmas = np.full(len(ids), max(noise_px, 0.1) * PIXEL)
    depths = inside[ids, 2] if depth else np.full(len(ids), np.nan)
    return Sightings(
        index * PERIOD_NS, (ids + first_id).astype(np.uint64), rays, sigmas, depths, PIXEL
    )


def scale_of(found, true):
    """Metres a unit of the odometry, from how far both went."""
    away = [np.linalg.norm(poses[-1][:3, 3] - poses[0][:3, 3]) for poses in (true, found)]
    return away[0] / away[1]


def tracked(estimates, poses):
    rows = [i for i, e in enumerate(estimates) if e.state is State.TRACKING]
    return [estimates[i].pose for i in rows], [poses[i] for i in rows]


def test_exact_rays_give_the_exact_path_up_to_scale(world, drive):
    odometry = MonocularOdometry(OdometryConfig(scale=2.0))
    estimates = [odometry.update(look(world, pose, i)) for i, pose in enumerate(drive)]
    found, true = tracked(estimates, drive)
    assert len(found) > 25
    assert np.linalg.norm(found[0][:3, 3]) == pytest.approx(2.0)
    unit = np.linalg.norm(true[0][:3, 3]) / 2.0
    for a, b in zip(found, true, strict=True):
        np.testing.assert_allclose(a[:3, 3] * unit, b[:3, 3], atol=1e-4)
        np.testing.assert_allclose(a[:3, :3], b[:3, :3], atol=1e-5)


def test_noise_of_half_a_pixel_leaves_the_path_within_a_few_per_cent(world, drive, rng):
    odometry = MonocularOdometry()
    sights = [look(world, pose, i, 0.5, rng) for i, pose in enumerate(drive)]
    found, true = tracked([odometry.update(s) for s in sights], drive)
    scale = scale_of(found, true)
    off = [np.linalg.norm(scale * a[:3, 3] - b[:3, 3]) for a, b in zip(found, true, strict=True)]
    assert len(found) > 25 and max(off) < 0.03 * 4.7  # m of the way


def test_wrong_tracks_are_left_out(world, drive, rng):
    odometry = MonocularOdometry()
    estimates = []
    for i, pose in enumerate(drive):
        sight = look(world, pose, i)
        rays = sight.rays.copy()
        wrong = np.flatnonzero(sight.ids % 5 == 0)
        rays[wrong] += rng.uniform(0.05, 0.2, (len(wrong), 2))
        estimates.append(odometry.update(replace(sight, rays=rays)))
    found, true = tracked(estimates, drive)
    scale = scale_of(found, true)
    assert len(found) > 25
    for a, b in zip(found, true, strict=True):
        np.testing.assert_allclose(scale * a[:3, 3], b[:3, 3], atol=0.02)


def test_turning_on_the_spot_begins_no_map(world, rng):
    odometry = MonocularOdometry()
    states = {
        odometry.update(look(world, pose_at(np.zeros(3), 0.01 * i), i, 0.3, rng)).state
        for i in range(40)
    }
    assert states == {State.INITIALISING}


def test_turning_on_the_spot_after_a_drive_moves_the_position_little(world, drive, rng):
    turns = [pose_at(drive[19][:3, 3], 0.006 * 19 + 0.008 * k) for k in range(20)]
    odometry = MonocularOdometry()
    sights = [look(world, p, i, 0.3, rng) for i, p in enumerate(drive[:20] + turns)]
    estimates = [odometry.update(sight) for sight in sights]
    assert {e.state for e in estimates[20:]} == {State.TRACKING}
    found, true = tracked(estimates[:20], drive[:20])
    moved = np.linalg.norm(estimates[-1].pose[:3, 3] - estimates[19].pose[:3, 3])
    assert moved * scale_of(found, true) < 0.05
    turned = rotation_vector(estimates[19].pose[:3, :3].T @ estimates[-1].pose[:3, :3])
    assert turned[1] == pytest.approx(0.008 * 20 - 0.008, abs=0.005)


def test_after_a_loss_a_new_map_goes_on_from_the_last_pose(world, drive):
    odometry = MonocularOdometry()
    for i in range(20):
        last = odometry.update(look(world, drive[i], i))
    dark = replace(look(world, drive[20], 20), ids=np.zeros(0, np.uint64))
    dark = replace(dark, rays=np.zeros((0, 2)), sigmas=np.zeros(0), depths=np.zeros(0), pixel=0.0)
    lost = odometry.update(dark)
    assert lost.state is State.LOST and np.isnan(lost.covariance).all()
    np.testing.assert_array_equal(lost.pose, last.pose)
    again = [odometry.update(look(world, drive[i], i, first_id=5000)) for i in range(21, 40)]
    found, true = tracked(again, drive[21:])
    assert len(found) > 8
    before = np.linalg.norm(last.pose[:3, 3])
    assert np.linalg.norm(found[0][:3, 3] - last.pose[:3, 3]) < before / 2
    unit = np.linalg.norm(drive[19][:3, 3]) / before
    assert scale_of(found, true) == pytest.approx(unit, rel=0.2)  # the speed was kept
    assert np.trace(again[-1].drift) > np.trace(last.drift)


def test_one_image_without_tracks_is_forgiven_when_ids_come_back(world, drive):
    odometry = MonocularOdometry()
    states = []
    for i, pose in enumerate(drive[:30]):
        sight = look(world, pose, i)
        if i == 20:
            empty = np.zeros(0)
            sight = Sightings(i, empty.astype(np.uint64), empty.reshape(0, 2), empty, empty, 0.0)
        states.append(odometry.update(sight).state)
    assert states[19:22] == [State.TRACKING, State.LOST, State.TRACKING]


def test_depths_make_the_first_image_a_metric_map(world, drive):
    odometry = MonocularOdometry(OdometryConfig(scale=7.0))
    sights = [look(world, pose, i, depth=True) for i, pose in enumerate(drive)]
    for sight, pose in zip(sights, drive, strict=True):
        estimate = odometry.update(sight)
        assert estimate.state is State.TRACKING
        np.testing.assert_allclose(estimate.pose, pose, atol=1e-4)


def test_reset_begins_at_the_origin(world, drive):
    odometry = MonocularOdometry()
    first = [odometry.update(look(world, pose, i)).pose for i, pose in enumerate(drive[:20])]
    odometry.reset()
    again = [odometry.update(look(world, pose, i)).pose for i, pose in enumerate(drive[:20])]
    np.testing.assert_array_equal(first, again)


def test_the_covariance_of_a_location_is_that_of_its_errors(world, rng):
    pose = pose_at(np.array([1.0, 0.2, 3.0]), 0.3)
    about_place = about_pose(pose)
    distances = []
    for _ in range(60):
        sight = look(world, pose, 0, 0.5, rng)
        found = locate(world[sight.ids], sight.rays, sight.sigmas, 3 * PIXEL)
        shift = pose[:3, 3] - found.pose[:3, 3]
        turn = rotation_vector(pose[:3, :3] @ found.pose[:3, :3].T)
        off = np.concatenate([shift, turn])
        covariance = about_place @ found.covariance @ about_place.T
        distances.append(off @ np.linalg.solve(covariance, off))
    assert np.mean(distances) == pytest.approx(6.0, abs=1.5)  # chi squared of 6 degrees of freedom


def test_drift_grows_with_the_keyframes(world, drive, rng):
    odometry = MonocularOdometry()
    sights = [look(world, pose, i, 0.3, rng) for i, pose in enumerate(drive)]
    estimates = [odometry.update(sight) for sight in sights]
    traces = [np.trace(e.drift) for e in estimates if e.state is State.TRACKING]
    assert traces[0] == 0 and (np.diff(traces) >= 0).all() and traces[-1] > 0
    assert sum(e.is_keyframe for e in estimates) > 3


def test_triangulation_of_exact_rays_is_exact_and_unseen_views_do_not_count(rng):
    points = rng.uniform([-1, -1, 3], [1, 1, 6], (20, 3))
    poses = np.array([pose_at(np.array([0.3 * k, 0.0, 0.0]), 0.02 * k) for k in range(4)])
    inside = [transform(inverse(pose), points) for pose in poses]
    rays = np.array([p[:, :2] / p[:, 2:] for p in inside])
    rays[1, ::2] = np.nan
    found = triangulate(poses, rays, np.ones(rays.shape[:2]))
    np.testing.assert_allclose(found, points, atol=1e-9)
    off = errors(poses, rays, found)
    assert np.isnan(off[1, ::2]).all() and np.nanmax(off) < 1e-9
    assert np.isinf(errors(poses[:1], rays[:1], points * [1, 1, -1])).all()


def test_a_point_seen_once_has_no_place():
    rays = np.full((2, 1, 2), np.nan)
    rays[0] = 0.1
    assert np.isnan(triangulate(np.array([np.eye(4)] * 2), rays, np.ones((2, 1)))).all()


def test_an_adjustment_finds_poses_and_points_again(rng):
    points = rng.uniform([-2, -1, 3], [2, 1, 8], (60, 3))
    poses = np.array([pose_at(np.array([0.2 * k, 0.0, 0.1 * k]), 0.02 * k) for k in range(4)])
    inside = [transform(inverse(pose), points) for pose in poses]
    rays = np.array([p[:, :2] / p[:, 2:] for p in inside])
    rays[2, ::3] = np.nan
    off = pose_at(np.array([0.02, -0.01, 0.01]), 0.01)
    begun = Bundle(
        np.array([*poses[:2], *(poses[2:] @ off)]), points + rng.normal(0, 0.05, (60, 3))
    )
    found = adjust(begun, rays, np.full((4, 60), PIXEL), rounds=10, fixed=2)
    np.testing.assert_allclose(found.poses, poses, atol=1e-6)
    np.testing.assert_allclose(found.points, points, atol=1e-5)


def test_an_adjustment_never_makes_it_worse(rng):
    points = rng.uniform([-2, -1, 3], [2, 1, 8], (30, 3))
    poses = np.array([pose_at(np.array([0.2 * k, 0.0, 0.0])) for k in range(3)])
    rays = rng.uniform(-0.5, 0.5, (3, 30, 2))  # of nothing
    sigmas = np.full((3, 30), PIXEL)
    begun = Bundle(poses, points)
    found = adjust(begun, rays, sigmas, rounds=5)
    assert cost(found, rays, sigmas) <= cost(begun, rays, sigmas)
    np.testing.assert_array_equal(found.poses[0], poses[0])


def test_two_views_give_rotation_and_direction(world):
    a, b = pose_at(np.zeros(3)), pose_at(np.array([0.6, 0.0, 0.8]), 0.1)
    rays = [look(world, pose, 0) for pose in (a, b)]
    _, in_a, in_b = np.intersect1d(rays[0].ids, rays[1].ids, return_indices=True)
    pose, agreeing = relative_pose(rays[0].rays[in_a], rays[1].rays[in_b], PIXEL)
    np.testing.assert_allclose(pose, b, atol=1e-4)
    assert agreeing.mean() > 0.95
    assert relative_pose(rays[0].rays[:5], rays[1].rays[:5], PIXEL) is None


def fields(count, **given):
    nan = np.full(count, np.nan, np.float32)
    names = ('x', 'y', 'u', 'v', 'sigma', 'depth')
    columns = {name: nan for name in names} | given
    ids = np.arange(count, dtype=np.uint64)
    return SimpleNamespace(id=ids, **({'camera_id': np.zeros(count, np.uint8)} | columns))


def test_sightings_know_the_size_of_a_pixel_and_leave_out_unknown_rays(rng):
    u, v = rng.uniform(0, 600, (2, 50)).astype(np.float32)
    x, y = (u - 300) / 500, (v - 200) / 500
    x[3] = np.nan
    right = np.zeros(50, np.uint8)
    right[7] = 1
    sigma = np.full(50, 0.5, np.float32)
    tracks = fields(50, u=u, v=v, x=x, y=y, sigma=sigma, camera_id=right)
    sight = sightings_from_tracks(tracks, 5)
    assert len(sight) == 48 and not {3, 7} & set(sight.ids.tolist())
    assert sight.pixel == pytest.approx(1 / 500, rel=1e-5)
    np.testing.assert_allclose(sight.sigmas, 0.5 / 500, rtol=1e-5)


@pytest.mark.parametrize('count', [0, 1, 20])
def test_tracks_without_calibration_give_no_pose(count):
    sight = sightings_from_tracks(fields(count), 5)
    assert len(sight) == 0
    assert MonocularOdometry().update(sight).state is State.INITIALISING


def estimate_at(pose, stamp_ns=0):
    odometry = MonocularOdometry()
    sight = look(np.zeros((0, 3)), pose, 0)
    estimate = replace(odometry.update(sight), pose=pose, stamp_ns=stamp_ns)
    return replace(estimate, covariance=np.diag([1.0, 2, 3, 0, 0, 0]), state=State.TRACKING)


def test_without_a_base_the_camera_moves_in_axes_of_the_robot():
    frames = RobotFrames(FramesConfig())
    frames.motion(estimate_at(pose_at(np.zeros(3))))
    motion = frames.motion(estimate_at(pose_at(np.array([1.0, 2.0, 3.0])), 10**9))
    np.testing.assert_allclose(motion.pose[:3, 3], [3, -1, -2])  # forward, left, up
    np.testing.assert_allclose(motion.pose[:3, 2], [1, 0, 0])  # the optical axis
    np.testing.assert_allclose(np.diag(motion.covariance)[:3], [3, 1, 2])
    np.testing.assert_allclose(motion.velocity[:3], [1, 2, 3])  # in the optical frame


def test_a_base_turns_about_itself_not_about_its_camera():
    config = FramesConfig(base_frame='base_link', camera_pose='0.5 0 0.2 0 0 0')
    frames = RobotFrames(config)
    assert frames.motion(estimate_at(np.eye(4))).pose == pytest.approx(np.eye(4))
    turn = 0.3  # to the left
    pose = pose_at(np.array([-0.5 * np.sin(turn), 0.0, 0.5 * np.cos(turn) - 0.5]), -turn)
    motion = frames.motion(estimate_at(pose, 10**9))
    np.testing.assert_allclose(motion.pose[:3, 3], 0, atol=1e-12)
    np.testing.assert_allclose(rotation_vector(motion.pose[:3, :3]), [0, 0, turn], atol=1e-12)
    np.testing.assert_allclose(motion.velocity, [0, 0, 0, 0, 0, turn], atol=1e-12)


def test_the_pose_of_the_camera_is_read_as_tf_reads_roll_pitch_yaw():
    pose = pose_from_text('1 2 3 0 0 1.5707963267948966')
    np.testing.assert_allclose(pose @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)
    pitched = pose_from_text('0 0 0 0 1.5707963267948966 0')
    np.testing.assert_allclose(pitched @ [1, 0, 0, 0], [0, 0, -1, 0], atol=1e-12)


@pytest.mark.parametrize('text', ['', '1 2 3', '1 2 3 4 5 six', '1 2 3 4 5 6 7'])
def test_a_camera_pose_of_other_than_six_numbers_is_refused(text):
    with pytest.raises(ConfigError, match='six numbers'):
        RobotFrames(FramesConfig(base_frame='base_link', camera_pose=text))


def test_ids_of_a_front_end_that_was_started_again_are_not_those_of_before(world, drive):
    numbering = Numbering()
    sight, none = look(world, drive[0], 0), look(world[:0], drive[0], 0)
    first = [numbering.unique(sight, seq) for seq in (5, 6)]
    again = [numbering.unique(each, seq) for seq, each in enumerate((none, sight, sight))]
    assert all(np.array_equal(each.ids, sight.ids) for each in first)
    assert not len(again[0]) and again[1].ids.min() > sight.ids.max()
    assert np.array_equal(np.diff(again[1].ids), np.diff(sight.ids))
    assert np.array_equal(again[1].ids, again[2].ids)
