"""Intrinsics and distortion of one camera: pixels to rays and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A calibrated camera, for pixels of its images as they are published.

    matrix: (3, 3) float64, px.
    distortion: coefficients in OpenCV's order for `model`; empty is none.
    model: 'plumb_bob', 'rational_polynomial' or 'equidistant'.
    image_size: (width, height) px.
    """

    matrix: NDArray[np.float64]
    distortion: tuple[float, ...] = ()
    model: str = 'plumb_bob'
    image_size: tuple[int, int] = (0, 0)
