"""Pictures of textured rectangles without aliasing, as exact as the rays cast at them.

Twice as many samples as pixels each way, each from the pyramid level whose texels are as large as
the sample, averaged in fours. Outlines are covered by area. A texture's corner texels lie on the
corners of its rectangle and every level keeps each second texel in its place, so nothing shifts.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.datasets.planes import LEVELS, NEAR_M, Array, Plane, View
from alike_ros.structures import ImageArray

SUPERSAMPLING = 2
SAME_PLACE_M = 1e-6


def render(planes: Sequence[Plane], view: View) -> ImageArray:
    """(H, W, 3) uint8 RGB as the view sees the planes; black where there is none."""
    width, height = view.size
    canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING, 3), np.uint8)
    visible = [plane for plane in planes if plane.faces(view.position)]
    visible.sort(key=lambda plane: -_distance(plane, view.position))
    for number, plane in enumerate(visible):
        _draw(plane, view, canvas, _shared_edges(plane, visible[number + 1 :]))
    return np.asarray(cv2.resize(canvas, view.size, interpolation=cv2.INTER_AREA), np.uint8)


def _distance(plane: Plane, position: Array) -> float:
    if plane.object_centre is None:
        return float('inf')
    return float(np.linalg.norm(plane.object_centre - position))


def _shared_edges(plane: Plane, later: Sequence[Plane]) -> NDArray[np.bool_]:
    """Which of the four edges lie along an edge of a plane of the same object drawn later."""
    shared = np.zeros(4, bool)
    for other in later:
        if other.object_centre is not plane.object_centre:
            continue
        distances = plane.corners[:, None] - other.corners[None]
        met = (np.linalg.norm(distances, axis=2) < SAME_PLACE_M).any(axis=1)
        shared |= met & np.roll(met, -1)
    return shared


def _draw(plane: Plane, view: View, canvas: ImageArray, shared: NDArray[np.bool_]) -> None:
    """Paint one plane over the canvas, and mix the samples that its outline cuts through.

    A shared edge is not mixed but painted one sample too far: the plane drawn later mixes there,
    and what lies behind both does not shine through.
    """
    to_canvas = _texel_to_canvas(plane, view)
    rows, columns = plane.texture.shape[:2]
    corners = np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], float)
    polygon = np.column_stack([corners, np.ones(4)]) @ to_canvas.T  # (4, 3) x z, y z, z
    lines = _lines(polygon)
    lines[shared, 2] += 1
    outline = _project(_clip(polygon, NEAR_M, 1.0))
    x, y, cover = _outline_samples(lines, ~shared, outline, canvas)
    behind = canvas[y, x].astype(float)
    colours = _paint(plane, to_canvas, polygon, lines, canvas, (x, y))
    canvas[y, x] = np.rint(behind + cover[:, None] * (colours - behind))


def _paint(
    plane: Plane,
    to_canvas: Array,
    polygon: Array,
    lines: Array,
    canvas: ImageArray,
    samples: tuple[NDArray[np.int_], NDArray[np.int_]],
) -> Array:
    """Paint the inside, each band of depth from its pyramid level; the samples' colours (K, 3)."""
    x, y = samples
    from_canvas = np.linalg.inv(to_canvas)
    inverse_depth = from_canvas[2]  # on the plane it is linear in x and y
    depths = 1 / np.maximum(inverse_depth @ np.stack([x, y, np.ones(len(x))]), 1e-9)
    colours = canvas[y, x].astype(float)
    near = 0.0
    for level, texture in enumerate(plane.pyramid):
        # A sample covers det(from_canvas) z^3 texels; the next level takes over at 2 * 4^level.
        far = np.cbrt(2.0 ** (2 * level + 1) / abs(np.linalg.det(from_canvas)))
        far = np.inf if level == LEVELS else far
        band = _clip(_clip(polygon, max(near, NEAR_M), 1.0), far, -1.0)
        box = _box(_project(band), canvas)
        if box is not None:
            left, top, right, bottom = box
            scale = np.diag([2.0**-level, 2.0**-level, 1.0])
            picture = _warp(texture, scale @ from_canvas, box)
            nearest = [*-inverse_depth[:2], 1 / near - inverse_depth[2]] if near else [0, 0, 1]
            mask = _inside(np.vstack([lines, nearest]), box)
            cv2.copyTo(picture, mask, canvas[top:bottom, left:right])
            rows = (depths >= near) & (x >= left) & (x < right) & (y >= top) & (y < bottom)
            colours[rows] = picture[y[rows] - top, x[rows] - left]
        near = far
    return colours


def _texel_to_canvas(plane: Plane, view: View) -> Array:
    """(3, 3): texel (column, row, 1) -> canvas (x z, y z, z) with the depth z in m."""
    rows, columns = plane.texture.shape[:2]
    shift = (SUPERSAMPLING - 1) / 2
    to_samples = np.array([[SUPERSAMPLING, 0, shift], [0, SUPERSAMPLING, shift], [0, 0, 1.0]])
    offset = plane.origin - view.position
    edges = np.column_stack([plane.right / (columns - 1), plane.down / (rows - 1), offset])
    product: Array = to_samples @ view.matrix @ view.pose[:3, :3].T @ edges
    return product


def _lines(polygon: Array) -> Array:
    """Edges (4, 3) of a polygon in homogeneous canvas coordinates: a x + b y + c.

    That is the distance in samples, positive inside, also where corners are behind the camera.
    """
    lines = np.cross(polygon, np.roll(polygon, -1, axis=0))
    return lines / np.maximum(np.hypot(lines[:, 0], lines[:, 1]), 1e-12)[:, None]


def _clip(polygon: Array, depth: float, sign: float) -> Array:
    """Keep where sign * (z - depth) >= 0 in a convex polygon (K, 3) of x z, y z, z."""
    if np.isinf(depth):
        return polygon
    kept: list[Array] = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        a, b = sign * (start[2] - depth), sign * (end[2] - depth)
        if a >= 0:
            kept.append(start)
        if a * b < 0:
            kept.append(start + (end - start) * (a / (a - b)))
    return np.array(kept).reshape(-1, 3)


def _project(polygon: Array) -> Array:
    return polygon[:, :2] / polygon[:, 2:]


def _box(outline: Array, canvas: ImageArray) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (exclusive) of what a polygon (K, 2) can touch; None is nothing."""
    if len(outline) < 3:
        return None
    size = np.array(canvas.shape[1::-1])
    low = np.clip(np.floor(outline.min(axis=0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)) + 2, 0, size).astype(int)
    return None if (high <= low).any() else (low[0], low[1], high[0], high[1])


def _warp(texture: ImageArray, from_canvas: Array, box: tuple[int, int, int, int]) -> ImageArray:
    """Return the texture as the samples of the box see it."""
    left, top, right, bottom = box
    move = np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (int(right - left), int(bottom - top))
    picture = cv2.warpPerspective(
        texture, from_canvas @ move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.uint8)


def _inside(lines: Array, box: tuple[int, int, int, int]) -> ImageArray:
    """Mask of the box's samples on the positive side of every line (K, 3)."""
    left, top, right, bottom = box
    y = np.arange(top, bottom, dtype=float)
    first, last = np.full(len(y), float(left)), np.full(len(y), float(right - 1))
    for a, b, c in lines:
        if a > 0:
            first = np.maximum(first, -(b * y + c) / a)
        elif a < 0:
            last = np.minimum(last, -(b * y + c) / a)
        else:
            first = np.where(b * y + c < 0, right, first)
    start = np.clip(np.ceil(first), left, right).astype(np.int32)[:, None]
    end = np.clip(np.floor(last), left - 1, right - 1).astype(np.int32)[:, None]
    x = np.arange(left, right, dtype=np.int32)
    return ((x >= start) & (x <= end)).view(np.uint8)


def _outline_samples(
    lines: Array, mixed: NDArray[np.bool_], outline: Array, canvas: ImageArray
) -> tuple[NDArray[np.int_], NDArray[np.int_], Array]:
    """Find the samples (x, y) that the mixed edges cut, and the share of each inside."""
    box = _box(outline, canvas)
    if box is None or not mixed.any():
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    keys = [_beside(line, box) @ [1, canvas.shape[1]] for line in lines[mixed]]
    rows, columns = np.divmod(np.unique(np.concatenate(keys)), canvas.shape[1])
    places = np.column_stack([columns, rows])
    distances = places @ lines[:, :2].T + lines[:, 2]
    distances[:, ~mixed] = np.where(distances[:, ~mixed] < 0, -1, 1)
    cover = np.clip(distances + 0.5, 0, 1).prod(axis=1)
    cut = (cover > 0) & (cover < 1)
    return places[cut, 0], places[cut, 1], cover[cut]


def _beside(line: Array, box: tuple[int, int, int, int]) -> NDArray[np.int_]:
    """Find samples (K, 2) of the box near a line, two to each side along the steeper axis."""
    left, top, right, bottom = box
    a, b, c = line
    shallow = abs(b) >= abs(a)
    along = np.arange(left, right) if shallow else np.arange(top, bottom)
    slope, weight = (a, b) if shallow else (b, a)
    if abs(weight) < 0.5:  # the edge is behind the camera
        return np.zeros((0, 2), int)
    crossing = np.floor(np.clip(-(slope * along + c) / weight, -10, 1e6)).astype(int)
    across = crossing[:, None] + np.arange(-1, 3)
    along = np.broadcast_to(along[:, None], across.shape)
    places = np.stack([along, across] if shallow else [across, along], axis=-1).reshape(-1, 2)
    inside = (places >= [left, top]) & (places < [right, bottom])
    return places[inside.all(axis=1)]
