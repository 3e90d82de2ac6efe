"""Two sets of descriptors to pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, Matches

BLOCK_ROWS = 1024
_NEVER = np.float32(-2)  # below every cosine


def match_mutual(
    descriptors_a: FloatArray,
    descriptors_b: FloatArray,
    min_similarity: float = -1.0,
    distant: NDArray[np.bool_] | None = None,
) -> Matches:
    """Pair rows that are each other's most similar descriptor.

    Weak pairs go after the mutual test: zeroed before it, a row that resembles nothing would
    answer index 0. The similarity matrix is built block by block, which bounds its memory.

    Args:
        descriptors_a: (N, D) unit rows.
        descriptors_b: (M, D) unit rows.
        min_similarity: least cosine of a pair.
        distant: (N, M), pairs that are no candidates; None for all are.
    """
    count_a, count_b = len(descriptors_a), len(descriptors_b)
    best_b, value_b = np.zeros(count_a, np.intp), np.full(count_a, _NEVER)
    best_a, value_a = np.zeros(count_b, np.intp), np.full(count_b, _NEVER)
    for start in range(0, count_a if count_b else 0, BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = descriptors_a[rows] @ descriptors_b.T  # (n, M)
        if distant is not None:
            block[distant[rows]] = _NEVER
        best_b[rows] = block.argmax(axis=1)
        value_b[rows] = np.take_along_axis(block, best_b[rows, None], axis=1)[:, 0]
        strongest = block.argmax(axis=0)
        values = np.take_along_axis(block, strongest[None], axis=0)[0]
        better = values > value_a
        best_a[better], value_a[better] = strongest[better] + start, values[better]
    kept = (value_b > _NEVER) & (value_b >= min_similarity)
    kept &= best_a[best_b] == np.arange(count_a) if count_b else False
    index_a = np.flatnonzero(kept)
    return Matches(index_a, best_b[index_a], value_b[index_a])
