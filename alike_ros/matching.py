"""Two sets of descriptors to pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, Matches

# A tile is read four times over: 4 MB stay in the last cache. Smaller ones multiply slower.
TILE_ROWS, TILE_COLUMNS = 1024, 1024
_NEVER = np.float32(-2)  # below every cosine
_ABSENT = np.iinfo(np.intp).min // 2  # no row, whatever is added to it

Indices = NDArray[np.intp]


def match_mutual(
    descriptors_a: FloatArray,
    descriptors_b: FloatArray,
    min_similarity: float = -1.0,
    distant: NDArray[np.bool_] | None = None,
) -> Matches:
    """Pair rows that are each other's most similar descriptor; of equal ones the first counts.

    Weak pairs go after the mutual test: zeroed before it, a row that resembles nothing would
    answer index 0. The similarity matrix is built tile by tile, which bounds its memory.

    Args:
        descriptors_a: (N, D) unit rows.
        descriptors_b: (M, D) unit rows.
        min_similarity: least cosine of a pair.
        distant: (N, M), pairs that are no candidates; None for all are.
    """
    for_a, for_b = _Nearest(len(descriptors_a)), _Nearest(len(descriptors_b))
    buffer = np.empty(TILE_ROWS * TILE_COLUMNS, np.float32)
    for rows in _slices(len(descriptors_a), TILE_ROWS):
        for columns in _slices(len(descriptors_b), TILE_COLUMNS):
            a, b = descriptors_a[rows], descriptors_b[columns]
            tile = buffer[: len(a) * len(b)].reshape(len(a), len(b))
            np.matmul(a, b.T, out=tile)
            if distant is not None:
                np.copyto(tile, _NEVER, where=distant[rows, columns])
            preferred = tile.argmax(axis=1)
            values = tile[np.arange(len(tile)), preferred]
            for_a.offer(rows, preferred + columns.start, values)
            strongest = tile.max(axis=0)  # (m,)
            first = _first_holders(tile, preferred, values, strongest, for_b.values[columns])
            for_b.offer(columns, first + rows.start, strongest)
    index_a = np.flatnonzero((for_a.values > _NEVER) & (for_a.values >= min_similarity))
    index_a = index_a[for_b.indices[for_a.indices[index_a]] == index_a]
    return Matches(index_a, for_a.indices[index_a], for_a.values[index_a])


def match_candidates(
    descriptors_a: FloatArray,
    descriptors_b: FloatArray,
    index_a: Indices,
    index_b: Indices,
    min_similarity: float = -1.0,
) -> Matches:
    """Pair rows as `match_mutual` does, among few candidates that are listed.

    index_a, index_b: (P,), the rows of each candidate; no pair twice.
    """
    similarity = np.einsum('ij,ij->i', descriptors_a[index_a], descriptors_b[index_b])
    order = np.argsort(-similarity, kind='stable')
    best = np.full((2, max(len(descriptors_a), len(descriptors_b))), -1, np.intp)
    best[0, index_a[order[::-1]]] = order[::-1]  # the last written is the most similar
    best[1, index_b[order[::-1]]] = order[::-1]
    every = np.arange(len(similarity))
    mutual = (best[0, index_a] == every) & (best[1, index_b] == every)
    kept = np.flatnonzero(mutual & (similarity >= min_similarity))
    kept = kept[np.argsort(index_a[kept])]
    return Matches(index_a[kept], index_b[kept], similarity[kept])


def _first_holders(
    tile: FloatArray,
    preferred: Indices,
    values: FloatArray,
    strongest: FloatArray,
    so_far: FloatArray,
) -> Indices:
    """Return the first row (m,) that holds each column's largest value, where it matters.

    It does not where a tile before had the value already, or where every holder prefers another
    column: no pair is mutual there, and a row that does not exist is returned. So the slow
    search down the columns is left to the rare tile in which rows share a largest value.

    preferred, values: (n,), each row's first largest value and its column.
    strongest: (m,), the columns' largest values; so_far: (m,), those of tiles before.
    """
    wanted = np.where(strongest > so_far, strongest, np.inf)
    if np.count_nonzero(tile == wanted) > np.count_nonzero(strongest > so_far):
        return tile.argmax(axis=0)
    rows = np.flatnonzero(values == wanted[preferred])
    first = np.full(tile.shape[1], _ABSENT, np.intp)
    first[preferred[rows]] = rows
    return first


class _Nearest:
    """The most similar partner of each row so far; `_ABSENT` without any.

    indices: (N,); values: (N,) cosine.
    """

    def __init__(self, count: int) -> None:
        self.indices = np.full(count, _ABSENT, np.intp)
        self.values = np.full(count, _NEVER)

    def offer(self, rows: slice, indices: Indices, values: FloatArray) -> None:
        """Take partners that are more similar than those so far; equal ones come too late."""
        better = values > self.values[rows]
        self.indices[rows][better] = indices[better]
        self.values[rows][better] = values[better]


def _slices(count: int, length: int) -> Iterator[slice]:
    for start in range(0, count, length):
        yield slice(start, min(start + length, count))
