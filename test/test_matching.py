import numpy as np
import pytest

from alike_ros import matching
from alike_ros.matching import match_mutual


def unit_rows(rng, count, dim=16):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def mutual_by_definition(a, b):
    similarity = a @ b.T
    forward, backward = similarity.argmax(1), similarity.argmax(0)
    return [(i, j) for i, j in enumerate(forward) if backward[j] == i]


@pytest.mark.parametrize('block_rows', [3, 64, 1024])
def test_pairs_are_each_others_nearest_whatever_the_block(rng, monkeypatch, block_rows):
    monkeypatch.setattr(matching, 'BLOCK_ROWS', block_rows)
    a, b = unit_rows(rng, 100), unit_rows(rng, 130)
    found = match_mutual(a, b)
    assert list(zip(found.index_a, found.index_b, strict=True)) == mutual_by_definition(a, b)
    assert np.allclose(found.similarity, (a[found.index_a] * b[found.index_b]).sum(1))


def test_unrelated_descriptors_give_no_phantom_pair(rng):
    a = np.eye(8, dtype=np.float32)
    assert len(match_mutual(a, -a, min_similarity=0.5)) == 0


def test_a_weak_pair_is_dropped_and_does_not_free_its_partner():
    b = np.array([[1, 0], [0, 1]], np.float32)
    a = np.array([[0.8, 0.6]], np.float32)
    assert len(match_mutual(a, b, min_similarity=0.9)) == 0
    assert match_mutual(a, b, min_similarity=0.8 - 1e-6).index_b.tolist() == [0]


def test_distant_pairs_are_no_candidates(rng):
    a = unit_rows(rng, 5)
    distant = np.zeros((5, 5), bool)
    distant[2, 2] = True
    found = match_mutual(a, a, min_similarity=0.99, distant=distant)
    assert found.index_a.tolist() == [0, 1, 3, 4]
    assert len(match_mutual(a, a, distant=np.ones((5, 5), bool))) == 0


@pytest.mark.parametrize(('count_a', 'count_b'), [(0, 5), (5, 0), (0, 0)])
def test_nothing_matches_nothing(rng, count_a, count_b):
    assert len(match_mutual(unit_rows(rng, count_a), unit_rows(rng, count_b))) == 0
