"""What training learns from: views and pairs of photos, the library's own detector, losses."""

import cv2
import numpy as np
import pytest
import torch

from alike_ros.config import DetectorConfig
from alike_ros.detector import LEAST_VARIANCE, VARIANCE_SHARE
from alike_ros.detector import detect as detect_by_library
from alike_ros.errors import DatasetError
from alike_ros.network import ALNet
from alike_ros.variants import VARIANTS
from training import losses, photometry
from training.config import TrainingConfig
from training.detection import Keypoints, detect
from training.pairs import batch_at, make_pair, motion_at
from training.photos import read_photos
from training.sparse import describe, score_map
from training.trainee import learning_rate
from training.warps import Motion, project, random_homography, random_view, render

STILL = Motion(rotation=0.0, scale=1.0, tilt=0.0, shift=0.0)


@pytest.fixture(scope='session')
def photo(photo_folder):
    return read_photos(photo_folder, 0.0).training[0]


def test_a_view_shows_the_photo_where_its_homography_says(photo, rng):
    view = random_view(rng, photo, 96, zoom=1.0)
    x, y = np.round(-view[:2, 2] / view[0, 0]).astype(int)
    exact = np.diag([1.0, 1.0, 1.0])
    exact[:2, 2] = -x, -y
    expected = photo.levels[0][y : y + 96, x : x + 96]
    assert np.array_equal(render(photo, exact, 96), expected)


def test_a_reduced_view_keeps_the_mean_of_fine_stripes(rng):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    folder_photo = _photo_of(stripes)
    view = np.diag([0.25, 0.25, 1.0])
    seen = render(folder_photo, view, 64)[8:-8, 8:-8]
    assert abs(seen.astype(int) - 100).max() <= 1


def test_partner_views_agree_through_their_homography(photo, rng):
    motion = Motion(rotation=40.0, scale=1.3, tilt=30.0, shift=0.05)
    pair = make_pair(rng, photo, 128, motion)
    warped = cv2.warpPerspective(pair.clean[0], pair.homography, (128, 128))
    mask = cv2.warpPerspective(np.full((128, 128), 255, np.uint8), pair.homography, (128, 128))
    inner = cv2.erode(mask, np.ones((9, 9))) == 255
    both = inner & pair.valid[1]
    blurred = [cv2.blur(image, (5, 5)).astype(int) for image in (warped, pair.clean[1])]
    assert both.sum() > 500
    assert np.median(abs(blurred[0] - blurred[1])[both]) <= 4


def test_no_motion_is_the_identity(rng):
    assert np.allclose(random_homography(rng, 64, STILL), np.eye(3), atol=1e-12)


def test_pairs_widen_with_the_steps():
    config = TrainingConfig(calm_share=0.0, widen_steps=100)
    early, late = (
        [motion_at(np.random.default_rng(seed), step, config) for seed in range(50)]
        for step in (0, 100)
    )
    assert all(a.tilt < b.tilt for a, b in zip(early, late, strict=True))
    assert max(motion.rotation for motion in late) > 90 > max(m.rotation for m in early)


@pytest.mark.parametrize('probability, effect', photometry.EFFECTS)
def test_an_effect_keeps_shape_type_and_place(probability, effect, rng):
    image = np.zeros((64, 64, 3), np.float32)
    image[31:34, 31:34] = 200
    out = effect(rng, image)
    assert out.shape == image.shape
    assert out.dtype == np.float32
    bright = out.mean(axis=2) - np.median(out.mean(axis=2))
    weights = np.clip(bright, 0.3 * bright.max(), None) - 0.3 * bright.max()
    centre = (np.indices(weights.shape) * weights).sum(axis=(1, 2)) / weights.sum()
    assert np.allclose(centre, 32, atol=0.75)


def test_a_batch_is_a_function_of_seed_and_step(photo_folder):
    photos = read_photos(photo_folder, 0.0).training
    config = TrainingConfig(crop=64, batch=1)
    one, same = (batch_at(3, photos, config) for _ in range(2))
    other = batch_at(4, photos, config)
    assert np.array_equal(one.seen, same.seen)
    assert not np.array_equal(one.seen, other.seen)


def test_photos_are_held_out_by_name(photo_folder, tmp_path):
    some = read_photos(photo_folder, 0.5)
    names = {photo.name for photo in some.held_out}
    (tmp_path / 'more').mkdir()
    for path in photo_folder.iterdir():
        (tmp_path / 'more' / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'new.png').write_bytes((photo_folder / '0.png').read_bytes())
    assert names <= {photo.name for photo in read_photos(tmp_path, 0.5).held_out}


def test_a_folder_without_photos_is_named(tmp_path):
    with pytest.raises(DatasetError, match='has 0 photos'):
        read_photos(tmp_path, 0.1)


def test_keypoints_are_those_of_the_library(rng):
    scores = np.zeros((96, 96), np.float32)
    scores[8:90:8, 8:90:8] = rng.random((11, 11))
    scores = cv2.GaussianBlur(np.roll(scores, rng.integers(-2, 3, 2), (0, 1)), (0, 0), 1.0)
    ours = detect(torch.from_numpy(scores)[None, None], 30)
    theirs = detect_by_library(scores, DetectorConfig(top_k=30))
    nearest = torch.cdist(ours.points[0], torch.from_numpy(theirs.keypoints)).min(0)
    assert nearest.values.max() < 1e-3
    variances = LEAST_VARIANCE + VARIANCE_SHARE * ours.dispersities[0, nearest.indices] / 2
    assert np.allclose(variances.sqrt(), theirs.sigmas, atol=1e-3)


@pytest.mark.parametrize('model', ['alike-t', 'alike-l'])
def test_the_sparse_network_equals_the_dense_one(model):
    torch.manual_seed(3)
    network = ALNet(VARIANTS[model]).eval()
    image = torch.rand(1, 3, 64, 96)
    points = torch.tensor([[[0, 0], [95, 63], [10, 50], [31, 7]]])
    with torch.no_grad():
        scores, dense = network(image)
        levels = network.pyramid(image)
        rows = describe(network, levels, points.float())[0]
    expected = torch.nn.functional.normalize(
        dense[0, :, points[0, :, 1], points[0, :, 0]].T, dim=1
    )
    assert torch.allclose(rows, expected, atol=1e-4)
    assert torch.allclose(torch.sigmoid(score_map(network, levels)), scores, atol=1e-5)


def keypoints_at(points):
    points = torch.tensor(points, dtype=torch.float32)
    ones = torch.ones(points.shape[:2])
    return Keypoints(points, ones, ones, ones.bool())


def test_keypoints_correspond_where_the_homography_takes_them():
    shift = torch.eye(3).repeat(2, 1, 1)
    shift[0, 0, 2], shift[1, 0, 2] = 10, -10
    found = keypoints_at([[[20, 20], [30, 40], [60, 60]], [[31, 20], [40, 40], [20, 30]]])
    result = losses.correspond(found, shift, torch.ones(2, 80, 80, dtype=torch.bool))
    assert result.mutual.tolist() == [[True, True, False], [True, True, False]]
    assert result.visible.tolist() == [[True] * 3, [True] * 3]
    loss = losses.reprojection_loss(result, found).item()
    assert loss == pytest.approx(0.5, abs=1e-3)


def test_a_keypoint_outside_the_partner_is_not_visible():
    identity = torch.eye(3).repeat(2, 1, 1)
    valid = torch.ones(2, 80, 80, dtype=torch.bool)
    valid[1, :40] = False
    found = keypoints_at([[[20, 20], [20, 60]], [[20, 20], [20, 60]]])
    result = losses.correspond(found, identity, valid)
    assert result.visible.tolist() == [[False, True], [False, True]]


def test_right_descriptors_cost_less_than_wrong_ones():
    identity = torch.eye(3).repeat(2, 1, 1)
    found = keypoints_at([[[20, 20], [60, 60]]] * 2)
    result = losses.correspond(found, identity, torch.ones(2, 80, 80, dtype=torch.bool))
    right, nothing = torch.eye(2).repeat(2, 1, 1), torch.zeros(2, 0, 2)
    costs = []
    for true in (right, right.flip(1)):
        logits = losses.match_logits(result, found, right, true, nothing, nothing, 0.05)
        costs.append(losses.descriptor_loss(logits, result.visible).item())
    assert costs == pytest.approx([0, np.log(2)], abs=1e-3)


def test_reliability_moves_scores_against_each_other_only():
    logits = torch.tensor([[[5.0, 0.0], [0.0, 5.0]]])
    scores = torch.full((1, 2), 0.5, requires_grad=True)
    losses.reliability_loss(logits, scores, torch.ones(1, 2, dtype=torch.bool)).backward()
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1]
    assert scores.grad.sum().item() == pytest.approx(0, abs=1e-5)


def test_the_teachers_own_score_map_costs_nothing():
    logits = torch.randn(2, 1, 8, 8)
    target = torch.sigmoid(logits)
    assert losses.score_loss(logits, target, 3.0).item() == pytest.approx(0, abs=1e-5)
    assert losses.score_loss(-logits, target, 3.0) > 0.1


def test_the_rate_rises_stays_and_falls():
    config = TrainingConfig(steps=1000, learning_rate=1.0, warmup_steps=100, decay_steps=200)
    rates = [learning_rate(step, config) for step in (0, 49, 99, 500, 800, 999)]
    assert rates[:5] == pytest.approx([0.01, 0.5, 1, 1, 1])
    assert rates[5] < 0.012


def _photo_of(image):
    from training.photos import Photo

    levels = [image]
    for _ in range(3):
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Photo('made', levels, np.zeros((image.shape[0] // 8, image.shape[1] // 8), np.float32))


def test_a_homography_and_its_inverse_cancel(rng):
    homography = random_homography(rng, 64, Motion(90.0, 2.0, 50.0, 0.1))
    points = rng.uniform(16, 48, (10, 2))
    back = project(np.linalg.inv(homography), project(homography, points))
    assert np.allclose(back, points)
