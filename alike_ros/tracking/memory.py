"""What a tracker remembers of its tracks."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray


@dataclass(frozen=True)
class Memory:
    """Tracks that are followed or may be found again; row i of every array is one track.

    points: (N, 2) px, where it is or ought to be.
    descriptors: (N, D) unit rows. ages: images in which it was published.
    missed: images since it was followed. absent: images since it was published. doubted: images
    in a row in which it did not move as the others do.
    rows: of the last image's published features, -1 when it was not published.
    seen, stamps_ns: (N, 2) px and (N,), where and when it was last published.
    """

    ids: NDArray[np.uint64]
    points: FloatArray
    descriptors: FloatArray
    ages: NDArray[np.uint32]
    missed: NDArray[np.uint32]
    absent: NDArray[np.uint32]
    doubted: NDArray[np.uint32]
    rows: NDArray[np.int32]
    seen: FloatArray
    stamps_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.bool_]) -> Memory:
        """Return the tracks of some rows."""
        return Memory(*(getattr(self, each.name)[rows] for each in fields(self)))

    def joined(self, other: Memory) -> Memory:
        """Return these tracks and then the others."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Memory(*(np.concatenate(pair) for pair in pairs))


def new_memory(
    ids: NDArray[np.uint64], points: FloatArray, descriptors: FloatArray, stamp_ns: int
) -> Memory:
    """Return tracks that begin with an image."""
    count = len(ids)
    return Memory(
        ids=ids,
        points=points,
        descriptors=descriptors,
        ages=np.ones(count, np.uint32),
        missed=np.zeros(count, np.uint32),
        absent=np.zeros(count, np.uint32),
        doubted=np.zeros(count, np.uint32),
        rows=np.full(count, -1, np.int32),
        seen=points,
        stamps_ns=np.full(count, stamp_ns, np.int64),
    )
