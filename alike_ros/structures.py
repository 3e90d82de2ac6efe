"""The values that travel between the parts of the front end: frozen dataclasses of arrays.

Pixel convention everywhere: (0, 0) is the centre of the top-left pixel, x right, y down, in
pixels of the image that the caller gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One image of a sequence.

    image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.
    stamp_ns: time of exposure in nanoseconds.
    frame_id: name of the camera's optical frame (REP 103: z forward, x right, y down).
    depth: (H, W) float32 m, NaN not known, registered to the image, of its size or a whole
        multiple or part of it.
    mask: (H, W) uint8, zero where no keypoint may lie; of the image's proportions.
    """

    image: ImageArray
    stamp_ns: int
    frame_id: str = 'camera'
    depth: FloatArray | None = None
    mask: ImageArray | None = None


@dataclass(frozen=True)
class Features:
    """Keypoints of one image; row i of every array is the same keypoint.

    keypoints: (N, 2) float32, x and y in px.
    scores: (N,) float32 in [0, 1], best first.
    descriptors: (N, D) float32, rows of unit length.
    sigmas: (N,) float32 px, standard deviation of the position along each axis.
    image_size: (width, height) in px of the image that the keypoints lie in.
    """

    keypoints: FloatArray
    scores: FloatArray
    descriptors: FloatArray
    sigmas: FloatArray
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True)
class View:
    """What a tracker sees of one image.

    image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.
    features: what was detected in it, with descriptors for a tracker that needs those of all.
    describe: the features at any points (N, 2) px of it, sigmas NaN; valid until the next image.
    mask: (H, W) uint8 of the image's size, zero where no track may be.
    """

    image: ImageArray
    features: Features
    describe: Callable[[FloatArray], Features]
    mask: ImageArray | None = None

    def allows(self, points: FloatArray) -> NDArray[np.bool_]:
        """Whether points (N, 2) px are where the mask lets tracks be, (N,); NaN never is."""
        known: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
        if self.mask is None:
            return known
        height, width = self.mask.shape
        columns, rows = np.rint(np.where(known[:, None], points, 0)).astype(np.intp).T
        inside = self.mask[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        return known & (inside > 0)


@dataclass(frozen=True)
class Matches:
    """Pairs of rows of two `Features`.

    index_a, index_b: (M,) intp, rows; each row appears once at most.
    similarity: (M,) float32, cosine in [-1, 1].
    """

    index_a: NDArray[np.intp]
    index_b: NDArray[np.intp]
    similarity: FloatArray

    def __len__(self) -> int:
        return len(self.index_a)


@dataclass(frozen=True)
class Tracks:
    """The tracks of one image; row i belongs to row i of the image's `Features`.

    ids: (N,) uint64, never given to another track.
    ages: (N,) uint32, images in which the track was seen, this one included; 1 is new.
    previous: (N,) int32, row in the features of the image before; -1 when the track was not in it.
    last_keypoints: (N, 2) float32 px, where the track was last seen; NaN when new.
    last_stamps_ns: (N,) int64, when it was last seen; this image's stamp when new.
    similarity: (N,) float32, cosine to the descriptor last seen; NaN when new.
    lost_ids: (L,) uint64, tracks given up with this image.
    """

    ids: NDArray[np.uint64]
    ages: NDArray[np.uint32]
    previous: NDArray[np.int32]
    last_keypoints: FloatArray
    last_stamps_ns: NDArray[np.int64]
    similarity: FloatArray
    lost_ids: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.ids)
