"""What the odometry takes of an image: tracks as rays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_SIGMA_PX = 0.1  # below it a detector's sigma is optimism


@dataclass(frozen=True)
class Sightings:
    """Tracks seen in one image by one camera; row i of every array is the same one.

    ids: (N,) uint64, each once, never used again for another track.
    rays: (N, 2) on the plane z = 1 of the camera's optical frame, undistorted.
    sigmas: (N,) on that plane, standard deviation along each axis.
    depths: (N,) m along the optical axis; NaN when not known.
    pixel: size of a pixel on the plane z = 1.
    """

    stamp_ns: int
    ids: NDArray[np.uint64]
    rays: Array
    sigmas: Array
    depths: Array
    pixel: float

    def __len__(self) -> int:
        return len(self.ids)


def sightings_from_tracks(tracks: Any, stamp_ns: int) -> Sightings:
    """Read the fields of Tracks: of a message, or of `records.tracks_record`.

    Only of the left or only camera, and without tracks whose ray is not known; where there is no
    calibration, these are all.
    """
    rays = np.column_stack([tracks.x, tracks.y]).astype(np.float64)
    pixels = np.column_stack([tracks.u, tracks.v]).astype(np.float64)
    rows = np.isfinite(rays).all(axis=1) & (np.asarray(tracks.camera_id) == 0)
    pixel = _pixel_size(pixels[rows], rays[rows])
    sigmas_px = np.nan_to_num(np.asarray(tracks.sigma, np.float64)[rows], nan=1.0)
    return Sightings(
        stamp_ns=stamp_ns,
        ids=np.asarray(tracks.id, np.uint64)[rows],
        rays=rays[rows],
        sigmas=np.maximum(sigmas_px, LEAST_SIGMA_PX) * pixel,
        depths=np.asarray(tracks.depth, np.float64)[rows],
        pixel=pixel,
    )


def common(a: Sightings, b: Sightings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows (M,) in a and in b of the tracks that both have."""
    _, rows_a, rows_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
    return rows_a, rows_b


def _pixel_size(pixels: Array, rays: Array) -> float:
    """Return the mean over the image, which the spread of the tracks tells; 0 for one track."""
    spread_px = float(np.std(pixels, axis=0).sum()) if len(pixels) else 0.0
    return float(np.std(rays, axis=0).sum()) / spread_px if spread_px > 0 else 0.0
