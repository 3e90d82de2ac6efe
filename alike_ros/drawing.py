"""Keypoints and tracks drawn on an image: each track a dot with its tail, coloured by age.

Tracks lost with the image are grey crosses where they were last seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import FloatArray, ImageArray

AGE_OF_FULL_COLOUR = 30  # images; older tracks keep the last colour
LOST_COLOUR = (170, 170, 170)
_SUB_PIXEL_BITS = 4


def _palette() -> NDArray[np.uint8]:
    """Colours of the ages 0 to AGE_OF_FULL_COLOUR, (AGE_OF_FULL_COLOUR + 1, 3) RGB."""
    ramp = np.linspace(20, 235, AGE_OF_FULL_COLOUR + 1).astype(np.uint8)
    bgr = np.asarray(cv2.applyColorMap(ramp[:, None], cv2.COLORMAP_TURBO), np.uint8)
    return bgr[:, 0, ::-1].copy()


_PALETTE = _palette()


class TrackHistory:
    """Where the tracks of the last images were: the tails of a drawing.

    A track that is not found in an image keeps its tail until it is given up (`lost_ids`), so
    that one that comes back continues it.
    """

    def __init__(self, length: int = 20) -> None:
        """Keep `length` positions of a track before its newest; 0 keeps dots without tails."""
        self._length = length
        self._tails: dict[int, deque[tuple[float, float]]] = {}
        self._ids: list[int] = []
        self._lost: list[tuple[float, float]] = []

    @property
    def length(self) -> int:
        return self._length

    def resize(self, length: int) -> None:
        """Keep `length` earlier positions from now on; longer tails are cut."""
        if length != self._length:
            self._length = length
            self._tails = {i: deque(t, maxlen=length + 1) for i, t in self._tails.items()}

    def update(
        self, ids: NDArray[np.uint64], keypoints: FloatArray, lost_ids: Iterable[int] = ()
    ) -> None:
        """Add an image: the track `ids[i]` is at `keypoints[i]` (px); forget `lost_ids`."""
        given_up = np.asarray(lost_ids, np.uint64).tolist()
        self._lost = [self._tails.pop(lost)[-1] for lost in given_up if lost in self._tails]
        self._ids = np.asarray(ids, np.uint64).tolist()
        for track, point in zip(self._ids, np.asarray(keypoints).tolist(), strict=True):
            tail = self._tails.setdefault(track, deque(maxlen=self._length + 1))
            tail.append((point[0], point[1]))

    def clear(self) -> None:
        """Forget every track, as after a reset of the tracker."""
        self._tails.clear()
        self._ids, self._lost = [], []

    def tails(self) -> Iterator[FloatArray]:
        """Yield for each row of the last `update` its (L, 2) positions in px, oldest first."""
        for track in self._ids:
            yield np.array(self._tails[track], np.float32)

    def lost(self) -> FloatArray:
        """Return where the tracks that the last `update` gave up were last seen, (L, 2) px."""
        return np.array(self._lost, np.float32).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._ids)


def age_colours(ages: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return (N, 3) RGB: blue for a new track, over green to red for an old one."""
    return _PALETTE[np.minimum(np.asarray(ages, np.int64), AGE_OF_FULL_COLOUR)]


def draw_tracks(image: ImageArray, history: TrackHistory, ages: NDArray[np.uint32]) -> ImageArray:
    """Return an RGB copy of an RGB or grey image with the tracks of the last `update` on it.

    ages: (N,) images in which each of these tracks was seen, in the rows of that `update`.
    Those that it gave up are crosses below them.
    Dots and lines grow with the image: 1 px thick up to 1280 px of width.
    """
    canvas = to_rgb(image)
    colours = age_colours(ages).tolist()
    thickness = _thickness(canvas)
    draw_crosses(canvas, history.lost(), LOST_COLOUR)
    rows = list(zip(history.tails(), colours, strict=True))
    for tail, colour in rows:
        if len(tail) > 1:
            cv2.polylines(
                canvas, [_fixed(tail)], False, colour, thickness, cv2.LINE_AA, _SUB_PIXEL_BITS
            )
    for tail, colour in rows:
        _dot(canvas, tail[-1], 2 * thickness, colour)
    return canvas


def draw_crosses(canvas: ImageArray, points: FloatArray, colour: tuple[int, int, int]) -> None:
    """Mark points (N, 2) px on an RGB image by diagonal crosses, in place."""
    thickness = _thickness(canvas)
    for point in points:
        cv2.drawMarker(
            canvas,
            np.rint(point).astype(int).tolist(),
            colour,
            cv2.MARKER_TILTED_CROSS,
            6 * thickness,
            thickness,
            cv2.LINE_AA,
        )


def draw_text(image: ImageArray, values: Mapping[str, object]) -> None:
    """Write `name value` pairs into the top-left corner of an RGB image, in place."""
    scale = max(0.4, image.shape[1] / 1600)
    text = '  '.join(f'{name} {value}' for name, value in values.items())
    origin = (round(8 * scale), round(28 * scale))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA
        )


def to_rgb(image: ImageArray) -> ImageArray:
    """Return a contiguous (H, W, 3) copy that may be drawn on."""
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return np.array(image, np.uint8, order='C')


def _thickness(canvas: ImageArray) -> int:
    return max(1, round(canvas.shape[1] / 1280))


def _fixed(points: FloatArray) -> NDArray[np.int32]:
    """Sub-pixel positions in OpenCV's fixed-point form."""
    return np.round(points * (1 << _SUB_PIXEL_BITS)).astype(np.int32)


def _dot(canvas: ImageArray, point: FloatArray, radius: int, colour: Iterable[int]) -> None:
    x, y = _fixed(point).tolist()
    size = radius << _SUB_PIXEL_BITS
    cv2.circle(canvas, (x, y), size, tuple(colour), -1, cv2.LINE_AA, _SUB_PIXEL_BITS)
