"""What a tracker remembers of its tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import Features, FloatArray
from alike_ros.tracking.patches import Patches
from alike_ros.tracking.starts import Starts
from alike_ros.tracking.table import Table


@dataclass(frozen=True)
class Memory(Table):
    """Tracks that are followed or may be found again; row i of every array is one track.

    points: (N, 2) px, where it is or ought to be. motions: (N, 2) px, how it came there.
    descriptors: (N, D) unit rows. patches: what they looked like when they began.
    ages: images in which it was published.
    unseen: images since it was published. live: whether its place in the last image is known.
    rows: of the last image's published features, -1 when it was not published.
    seen, stamps_ns: (N, 2) px and (N,), where and when it was last published.
    """

    ids: NDArray[np.uint64]
    points: FloatArray
    motions: FloatArray
    descriptors: FloatArray
    patches: Patches
    ages: NDArray[np.uint32]
    unseen: NDArray[np.uint32]
    live: NDArray[np.bool_]
    rows: NDArray[np.int32]
    seen: FloatArray
    stamps_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


def new_memory(
    ids: NDArray[np.uint64],
    starts: Starts,
    features: Features,
    rows: NDArray[np.int32],
    stamp_ns: int,
) -> Memory:
    """Return tracks that begin with an image.

    features: one for each track. rows: of all features published with the image.
    """
    count = len(ids)
    return Memory(
        ids=ids,
        points=features.keypoints,
        motions=starts.motions,
        descriptors=features.descriptors,
        patches=starts.patches,
        ages=np.ones(count, np.uint32),
        unseen=np.zeros(count, np.uint32),
        live=np.ones(count, bool),
        rows=rows,
        seen=features.keypoints,
        stamps_ns=np.full(count, stamp_ns, np.int64),
    )
