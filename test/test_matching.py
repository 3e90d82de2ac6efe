import numpy as np
import pytest

from alike_ros import matching
from alike_ros.matching import match_candidates, match_mutual


def unit_rows(rng, count, dim=16):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def mutual_by_definition(a, b):
    similarity = a @ b.T
    forward, backward = similarity.argmax(1), similarity.argmax(0)
    return [(i, j) for i, j in enumerate(forward) if backward[j] == i]


TILES = [(1, 1), (3, 5), (64, 130), (100, 7), (101, 131), (1024, 1024)]


@pytest.fixture(params=TILES, ids=str)
def tiles(request, monkeypatch):
    monkeypatch.setattr(matching, 'TILE_ROWS', request.param[0])
    monkeypatch.setattr(matching, 'TILE_COLUMNS', request.param[1])


def pairs(found):
    return list(zip(found.index_a.tolist(), found.index_b.tolist(), strict=True))


def test_pairs_are_each_others_nearest_whatever_the_tile(rng, tiles):
    a, b = unit_rows(rng, 100), unit_rows(rng, 130)
    found = match_mutual(a, b)
    assert pairs(found) == mutual_by_definition(a, b)
    assert np.allclose(found.similarity, (a[found.index_a] * b[found.index_b]).sum(1))


def test_of_equal_similarities_the_first_counts_on_both_sides(rng, tiles):
    # Sums of a few values are exact in any order: what is equal is equal in every tile.
    a = rng.integers(-1, 2, (100, 4)).astype(np.float32) / 2
    b = rng.integers(-1, 2, (130, 4)).astype(np.float32) / 2
    assert len(np.unique(a @ b.T)) < 20
    assert pairs(match_mutual(a, b)) == mutual_by_definition(a, b)


def test_an_earlier_equal_row_takes_a_column_even_if_it_prefers_another(tiles):
    b = np.eye(2, dtype=np.float32)
    a = np.array([[0.5, 0.75], [0.5, 0.25]], np.float32)
    assert mutual_by_definition(a, b) == [(0, 1)]
    assert pairs(match_mutual(a, b)) == [(0, 1)]


def test_repeated_descriptors_pair_once(tiles):
    a = np.repeat(np.eye(6, dtype=np.float32), 4, axis=0)
    assert pairs(match_mutual(a, a)) == [(4 * i, 4 * i) for i in range(6)]


def test_unrelated_descriptors_give_no_phantom_pair(rng):
    a = np.eye(8, dtype=np.float32)
    assert len(match_mutual(a, -a, min_similarity=0.5)) == 0


def test_a_weak_pair_is_dropped_and_does_not_free_its_partner():
    b = np.array([[1, 0], [0, 1]], np.float32)
    a = np.array([[0.8, 0.6]], np.float32)
    assert len(match_mutual(a, b, min_similarity=0.9)) == 0
    assert match_mutual(a, b, min_similarity=0.8 - 1e-6).index_b.tolist() == [0]


def test_distant_pairs_are_no_candidates(rng, tiles):
    a = unit_rows(rng, 5)
    distant = np.zeros((5, 5), bool)
    distant[2, 2] = True
    found = match_mutual(a, a, min_similarity=0.99, distant=distant)
    assert found.index_a.tolist() == [0, 1, 3, 4]
    assert len(match_mutual(a, a, distant=np.ones((5, 5), bool))) == 0


def test_what_is_distant_changes_nothing_for_the_rest(rng, tiles):
    a, b = unit_rows(rng, 100), unit_rows(rng, 130)
    distant = rng.random((100, 130)) < 0.95
    similarity = np.where(distant, -2, a @ b.T)
    forward, backward = similarity.argmax(1), similarity.argmax(0)
    near = [(i, j) for i, j in enumerate(forward) if backward[j] == i and not distant[i, j]]
    assert pairs(match_mutual(a, b, distant=distant)) == near


@pytest.mark.parametrize(('count_a', 'count_b'), [(0, 5), (5, 0), (0, 0)])
def test_nothing_matches_nothing(rng, count_a, count_b):
    assert len(match_mutual(unit_rows(rng, count_a), unit_rows(rng, count_b))) == 0


def test_listed_candidates_are_matched_as_in_the_full_matrix(rng):
    a, b = unit_rows(rng, 60), unit_rows(rng, 50)
    candidates = rng.random((60, 50)) < 0.2
    expected = match_mutual(a, b, 0.1, ~candidates)
    found = match_candidates(a, b, *np.nonzero(candidates), 0.1)
    assert len(expected) > 10
    assert (found.index_a == expected.index_a).all()
    assert (found.index_b == expected.index_b).all()
    assert np.allclose(found.similarity, expected.similarity)
