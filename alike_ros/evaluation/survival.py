"""How long tracks live, where the end of the sequence cuts off those that were still alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alike_ros.evaluation.truth import Observations


@dataclass(frozen=True)
class Lives:
    """One row for each track.

    seen: (T,) images in which it was seen. spans: (T,) images from its first to its last
    sighting, 0 when it was seen once. alive: (T,) whether it was seen in the last image: nobody
    knows when it would have ended.
    """

    seen: NDArray[np.int64]
    spans: NDArray[np.int64]
    alive: NDArray[np.bool_]


def lives(images: Sequence[Observations]) -> Lives:
    """Return when each track of a sequence began and ended."""
    none: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    ids = np.concatenate(none + [np.asarray(each.ids, np.int64) for each in images])
    at = np.concatenate(none + [np.full(len(e.ids), k) for k, e in enumerate(images)])
    _, rows, seen = np.unique(ids, return_inverse=True, return_counts=True)
    first = np.full(len(seen), len(images), np.int64)
    last = np.full(len(seen), -1, np.int64)
    np.minimum.at(first, rows, at)
    np.maximum.at(last, rows, at)
    return Lives(seen.astype(np.int64), last - first, last == len(images) - 1)


def survival(found: Lives) -> tuple[float, ...]:
    """Return the share of tracks alive 0, 1, 2 … images after their first.

    Estimated as by Kaplan and Meier ("Nonparametric estimation from incomplete observations",
    1958): a track that lives at the end of the sequence counts up to there, and is neither lost
    nor alive afterwards. Leaving the image is a loss as any other. A track that is away and comes
    back was alive between. Ends where no track could be watched any longer.
    """
    if not len(found.spans):
        return ()
    longest = int(found.spans.max())
    lost = np.bincount(found.spans[~found.alive], minlength=longest + 1)
    ended = np.cumsum(np.bincount(found.spans, minlength=longest + 1))
    watched = len(found.spans) - ended + lost  # from k images after their first to k + 1
    known = watched > 0
    shares = np.cumprod(1 - lost[known] / watched[known])
    return (1.0, *shares.tolist())


def length_counts(found: Lives) -> tuple[int, ...]:
    """Return how many tracks were seen in 1, 2, 3 … images."""
    return tuple(np.bincount(found.seen, minlength=1)[1:].tolist())
