import cv2
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from alike_ros import detector
from alike_ros.config import DetectorConfig
from alike_ros.detector import detect, gather_patches, local_maxima, refine, sample_bilinear

BORDER = 3  # pixels above and left; two below and right


def score_map_with(peaks, shape=(40, 50), floor=0.0):
    scores = np.full(shape, floor, np.float32)
    for (x, y), score in peaks.items():
        scores[y, x] = score
    return scores


def maxima_by_definition(scores):
    """Non-maximum suppression spelled out with padded windows instead of dilations."""

    def largest(values):
        padded = np.pad(values, 2, constant_values=-np.inf)
        return sliding_window_view(padded, (5, 5)).max(axis=(2, 3))

    kept = scores == largest(scores)
    for _ in range(2):
        near = largest(kept.astype(float)) > 0
        rest = np.where(near, 0, scores)
        kept |= (rest == largest(rest)) & ~near
    kept[:3] = kept[-2:] = False
    kept[:, :3] = kept[:, -2:] = False
    return kept


@pytest.mark.parametrize('pixels', [detector.BAND_PIXELS, 47 * 20, 1])
@pytest.mark.parametrize('levels', [0, 4, 20])
def test_maxima_equal_their_definition_in_bands_and_with_ties(rng, levels, pixels, monkeypatch):
    monkeypatch.setattr(detector, 'BAND_PIXELS', pixels)
    scores = rng.random((61, 47)).astype(np.float32)
    if levels:
        scores = np.floor(scores * levels) / np.float32(levels)
    assert (local_maxima(scores) == maxima_by_definition(scores)).all()


def test_a_peak_hidden_by_a_suppressed_one_survives_in_a_later_round():
    scores = score_map_with({(10, 10): 0.9, (12, 10): 0.8, (14, 10): 0.7})
    found = local_maxima(scores)
    assert found[10, 10]
    assert not found[10, 12]
    assert found[10, 14]


def test_peaks_whose_patch_leaves_the_image_are_dropped():
    height, width = 40, 50
    inside = {(3, 3): 0.5, (width - 3, height - 3): 0.5}
    outside = {(2, 20): 0.5, (20, 2): 0.5, (width - 2, 20): 0.5, (20, height - 2): 0.5}
    found = detect(score_map_with({**inside, **outside}), DetectorConfig(sub_pixel=False))
    assert sorted(map(tuple, found.keypoints)) == [(3, 3), (width - 3, height - 3)]


def test_threshold_mode_keeps_scores_above_it_and_n_limit_the_best():
    scores = score_map_with({(10, 10): 0.3, (20, 10): 0.9, (30, 10): 0.2, (40, 10): 0.5})
    found = detect(scores, DetectorConfig(scores_th=0.2, sub_pixel=False))
    assert np.allclose(found.scores, [0.9, 0.5, 0.3])
    found = detect(scores, DetectorConfig(scores_th=0.2, n_limit=2, sub_pixel=False))
    assert np.allclose(found.keypoints, [[20, 10], [40, 10]])


def test_top_k_keeps_the_best_whatever_scores_th_says_but_n_limit_holds():
    scores = score_map_with({(10, 10): 0.3, (20, 10): 0.9, (30, 10): 0.1, (40, 10): 0.5})
    config = DetectorConfig(top_k=3, scores_th=0.8, sub_pixel=False)
    assert np.allclose(detect(scores, config).scores, [0.9, 0.5, 0.3])
    config = DetectorConfig(top_k=3, n_limit=1, sub_pixel=False)
    assert np.allclose(detect(scores, config).scores, [0.9])


def test_top_k_returns_fewer_when_maxima_run_short():
    found = detect(score_map_with({(10, 10): 0.3}), DetectorConfig(top_k=100))
    assert len(found.scores) == 1


@pytest.mark.parametrize('top_k', [-1, 0, 100])
def test_a_flat_score_map_has_no_keypoints(top_k):
    flat = np.full((64, 64), 0.01, np.float32)
    assert len(detect(flat, DetectorConfig(top_k=top_k)).scores) == 0


@pytest.mark.parametrize('shape', [(1, 1), (5, 5), (3, 40), (6, 6)])
@pytest.mark.parametrize('sub_pixel', [True, False])
def test_any_size_is_taken(rng, shape, sub_pixel):
    found = detect(rng.random(shape).astype(np.float32), DetectorConfig(sub_pixel=sub_pixel))
    assert found.keypoints.shape == (len(found.scores), 2)


def test_soft_argmax_and_sigma_of_two_equal_pixels_lie_between_them():
    patch = np.full((5, 5), -10, np.float32)  # far below: no weight
    patch[2, 2] = patch[2, 3] = 1
    offsets, sigmas = refine(patch.reshape(1, 25))
    assert np.allclose(offsets, [[0.5, 0]], atol=1e-6)
    # half a pixel off along x, none along y: the mean of both variances is 0.125
    assert np.allclose(sigmas, np.sqrt(0.36 + 0.25 * 0.125), atol=1e-6)


def test_a_flat_patch_has_the_largest_sigma():
    _, sigmas = refine(np.full((1, 25), 0.3, np.float32))
    assert np.allclose(sigmas, np.sqrt(0.36 + 0.25 * 2), atol=1e-6)  # mean of the squares of -2..2


def test_patches_run_row_by_row():
    scores = np.arange(100, dtype=np.float32).reshape(10, 10)
    [patch] = gather_patches(scores, np.array([45]))
    assert (patch.reshape(5, 5) == scores[2:7, 3:8]).all()


def test_bilinear_sampling_is_exact_on_a_plane():
    y, x = np.mgrid[:10, :12].astype(np.float32)
    points = np.array([[0, 0], [2.25, 3.5], [11, 9], [10.5, 8.75]], np.float32)
    assert np.allclose(sample_bilinear(2 * x + 3 * y, points), points @ [2, 3])


@pytest.mark.parametrize('sub_pixel', [True, False])
def test_a_mask_takes_away_what_lies_on_it_and_changes_nothing_else(rng, sub_pixel):
    scores = cv2.GaussianBlur(rng.random((120, 160)).astype(np.float32), (5, 5), 0)
    mask = (cv2.GaussianBlur(rng.random((120, 160)), (31, 31), 0) > 0.5).astype(np.uint8)
    config = DetectorConfig(sub_pixel=sub_pixel)
    free, masked = detect(scores, config), detect(scores, config, mask)
    x, y = np.rint(free.keypoints).astype(int).T
    expected = [row for row, kept in zip(free.keypoints, mask[y, x], strict=True) if kept]
    assert 10 < len(expected) < len(free.scores)
    assert (masked.keypoints == expected).all()


def test_a_limit_is_filled_with_points_outside_of_the_mask():
    scores = score_map_with({(10, 10): 0.9, (20, 10): 0.8, (30, 10): 0.7, (40, 10): 0.6})
    mask = np.ones(scores.shape, np.uint8)
    mask[:, :25] = 0
    for limit in ({'n_limit': 2}, {'top_k': 2}):
        config = DetectorConfig(sub_pixel=False, **limit)
        assert detect(scores, config, mask).keypoints[:, 0].tolist() == [30, 40]


def test_keypoints_keep_their_distance_before_a_limit_counts(rng):
    scores = cv2.GaussianBlur(rng.random((120, 160)).astype(np.float32), (5, 5), 0)
    config = DetectorConfig(min_distance=15.0)
    found = detect(scores, config)
    gaps = np.linalg.norm(found.keypoints[:, None] - found.keypoints, axis=2)
    assert gaps[~np.eye(len(gaps), dtype=bool)].min() >= 15
    every = detect(scores, DetectorConfig())
    near = np.linalg.norm(every.keypoints[:, None] - found.keypoints, axis=2).min(axis=1)
    assert near.max() < 15  # nothing more would fit in
    assert len(detect(scores, DetectorConfig(min_distance=15.0, n_limit=9)).scores) == 9


def test_cells_keep_their_best_keypoints(rng):
    scores = cv2.GaussianBlur(rng.random((120, 160)).astype(np.float32), (5, 5), 0)
    found = detect(scores, DetectorConfig(cell_size=40.0, max_per_cell=2))
    cells = ((found.keypoints + 0.5) / 40).astype(int)
    assert np.unique(cells, axis=0, return_counts=True)[1].tolist() == [2] * 12
