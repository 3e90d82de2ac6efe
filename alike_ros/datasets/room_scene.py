"""The furnished room: its walls, screens and crates.

World frame (REP 103): x along the room, y left, z up, metres; the origin lies on the floor under
the middle of the wall behind the camera.
"""

from __future__ import annotations

import numpy as np

from alike_ros.datasets.planes import Array, Plane
from alike_ros.datasets.room_paint import BLACK, WHITE, Canvas, Colour
from alike_ros.datasets.room_photos import Photos, load_photos
from alike_ros.structures import ImageArray

LENGTH_M, WIDTH_M, HEIGHT_M = 7.0, 5.6, 2.8
BRICK_DARK, BRICK_LIGHT = (70, 34, 26), (214, 168, 142)
CORK_DARK, CORK_LIGHT = (96, 60, 32), (214, 164, 108)
WOOD_DARK = (58, 34, 18)


def build_room() -> list[Plane]:
    """Every plane of the room, the six of the box first."""
    photos = load_photos()
    return [*_box(photos), *_screens(photos), *_crates(photos)]


def _box(photos: Photos) -> list[Plane]:
    """Far wall, wall behind, left, right, floor and ceiling, each seen from inside."""
    half = WIDTH_M / 2
    down, right = np.array([0, 0, -HEIGHT_M]), np.array([0, -WIDTH_M, 0])
    along = np.array([LENGTH_M, 0, 0])
    corner = np.array([LENGTH_M, half, HEIGHT_M])
    return [
        Plane(corner, right, down, _far_wall(photos)),
        Plane(np.array([0, -half, HEIGHT_M]), -right, down, _wall_behind(photos)),
        Plane(np.array([0, half, HEIGHT_M]), along, down, _left_wall(photos)),
        Plane(np.array([LENGTH_M, -half, HEIGHT_M]), -along, down, _right_wall(photos)),
        Plane(np.array([LENGTH_M, half, 0]), right, -along, _floor(photos)),
        Plane(np.array([0, half, HEIGHT_M]), right, along, _ceiling(photos)),
    ]


def _skirting(canvas: Canvas, colour: Colour) -> None:
    canvas.fill(colour, 0, HEIGHT_M - 0.12, 20, 0.12)
    canvas.fill(BLACK, 0, HEIGHT_M - 0.13, 20, 0.01)


def _far_wall(photos: Photos) -> ImageArray:
    canvas = Canvas(WIDTH_M, HEIGHT_M)
    canvas.cover(photos.brick, 1.9, BRICK_DARK, BRICK_LIGHT)
    canvas.frame(photos.coffee, 0.55, 0.75, 1.3, BLACK)
    canvas.frame(photos.hubble[:, :500], 2.5, 0.7, 0.75, WOOD_DARK)
    canvas.frame(photos.chelsea, 3.75, 0.8, 1.35, BLACK)
    _skirting(canvas, WHITE)
    return canvas.light(0.95, seed=1)


def _wall_behind(photos: Photos) -> ImageArray:
    canvas = Canvas(WIDTH_M, HEIGHT_M)
    canvas.cover(photos.brick, 2.1, (40, 48, 60), (170, 186, 200))
    _skirting(canvas, WHITE)
    return canvas.light(0.8, seed=2)


def _left_wall(photos: Photos) -> ImageArray:
    canvas = Canvas(LENGTH_M, HEIGHT_M)
    canvas.cover(photos.gravel, 2.3, (150, 130, 92), (250, 236, 200))
    canvas.frame(photos.rocket, 0.6, 0.8, 1.3, WOOD_DARK)
    canvas.frame(photos.astronaut, 2.5, 0.65, 1.05, BLACK)
    _skirting(canvas, WHITE)
    _door(canvas, 4.3)
    canvas.frame(photos.coffee[:, 100:450], 5.75, 0.8, 0.85, WOOD_DARK)
    return canvas.light(0.9, seed=3)


def _door(canvas: Canvas, x: float) -> None:
    top = HEIGHT_M - 2.1
    canvas.fill(WHITE, x - 0.08, top - 0.08, 1.06, 2.2)
    canvas.fill((112, 70, 40), x, top, 0.9, 2.2)
    for row in (0.12, 1.12):
        for column in (0.1, 0.5):
            canvas.fill((70, 42, 24), x + column, top + row, 0.3, 0.85)
            canvas.fill((128, 84, 50), x + column + 0.02, top + row + 0.02, 0.26, 0.81)
    canvas.fill((210, 190, 120), x + 0.82, top + 1.03, 0.05, 0.05)


def _right_wall(photos: Photos) -> ImageArray:
    canvas = Canvas(LENGTH_M, HEIGHT_M)
    canvas.cover(photos.grass, 2.2, (96, 120, 132), (214, 226, 224))
    canvas.frame(photos.camera, 0.7, 0.7, 1.1, WOOD_DARK)
    canvas.frame(photos.coffee[40:340, 60:420][:, ::-1], 2.6, 0.8, 1.2, BLACK)
    canvas.frame(photos.rocket[:, 30:330], 4.6, 0.7, 0.8, BLACK)
    _skirting(canvas, WHITE)
    return canvas.light(0.9, seed=4)


def _floor(photos: Photos) -> ImageArray:
    canvas = Canvas(WIDTH_M, LENGTH_M)
    canvas.cover(photos.gravel, 1.7, (52, 46, 40), (206, 190, 168))
    rug = Canvas(2.6, 3.4)
    rug.cover(photos.grass, 1.3, (70, 12, 20), (220, 96, 70))
    for inset in (0.1, 0.2):
        _border(rug, inset, 2.6, 3.4)
    canvas.paste(rug.pixels, 1.5, 1.4, 2.6, 3.4)
    return canvas.light(0.85, seed=5)


def _border(rug: Canvas, inset: float, width: float, height: float) -> None:
    across, along = width - 2 * inset, height - 2 * inset
    for x in (inset, width - inset):
        rug.fill(WHITE, x, inset, 0.03, along)
    for y in (inset, height - inset):
        rug.fill(WHITE, inset, y, across, 0.03)


def _ceiling(photos: Photos) -> ImageArray:
    canvas = Canvas(WIDTH_M, LENGTH_M)
    canvas.cover(photos.gravel, 2.9, (168, 166, 160), (236, 236, 230))
    for k in range(1, 12):
        canvas.fill((110, 110, 108), 0, k * 0.6, WIDTH_M, 0.02)
        canvas.fill((110, 110, 108), k * 0.6, 0, 0.02, LENGTH_M)
    for x in (1.22, 3.62):
        for y in (1.22, 3.02, 4.82):
            canvas.fill((255, 255, 250), x, y, 0.56, 1.16)
    return canvas.light(0.95, seed=6)


def _upright(
    centre: Array, azimuth: float, width: float, height: float, texture: ImageArray, anchor: Array
) -> Plane:
    """Stand up a rectangle whose front looks along an azimuth (radians, from x towards y)."""
    front = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    right = np.cross([0, 0, 1.0], front) * width
    down = np.array([0, 0, -height])
    return Plane(centre - right / 2 - down / 2, right, down, texture, anchor)


def _screens(photos: Photos) -> list[Plane]:
    """Two standing screens with a picture on each side."""
    planes = []
    for number, (place, azimuth) in enumerate([((4.2, 1.25), 2.85), ((4.9, -1.2), -2.85)]):
        centre = np.array([*place, 0.95])
        for side, angle in enumerate((azimuth, azimuth + np.pi)):
            texture = _screen(photos, 2 * number + side)
            planes.append(_upright(centre, angle, 1.1, 1.5, texture, centre))
    return planes


def _screen(photos: Photos, number: int) -> ImageArray:
    """Paint a pinboard: cork with cuttings of the photographs, other ones on each."""
    canvas = Canvas(1.1, 1.5)
    canvas.cover(photos.gravel[::-1] if number % 2 else photos.gravel, 0.9, CORK_DARK, CORK_LIGHT)
    random = np.random.default_rng(100 + number)
    pool = (photos.astronaut, photos.chelsea, photos.coffee, photos.rocket, photos.camera)
    for row in range(3):
        for column in range(2):
            photo = pool[(3 * row + column + 2 * number) % len(pool)]
            cutting = _cutting(photo, random)
            x, y = np.array([0.13 + 0.46 * column, 0.12 + 0.45 * row]) + random.uniform(0, 0.06, 2)
            canvas.frame(cutting, x, y, random.uniform(0.28, 0.36), WHITE)
    canvas.edge(0.05, WOOD_DARK)
    return canvas.light(1.0, seed=10 + number)


def _cutting(photo: ImageArray, random: np.random.Generator) -> ImageArray:
    """Cut a random part out of a photograph, about as wide as high."""
    height = int(photo.shape[0] * random.uniform(0.5, 0.8))
    width = int(height * random.uniform(0.95, 1.2))
    top = int(random.integers(photo.shape[0] - height + 1))
    left = int(random.integers(photo.shape[1] - width + 1))
    return photo[top : top + height, left : left + width]


def _crates(photos: Photos) -> list[Plane]:
    """Two closed boxes that stand on the floor."""
    first = _crate(photos, np.array([3.1, -0.75]), 0.4, 0.6, 20)
    return first + _crate(photos, np.array([4.6, 0.1]), 1.0, 0.75, 30)


def _crate(photos: Photos, place: Array, azimuth: float, side: float, seed: int) -> list[Plane]:
    """Four sides and the lid of a cube."""
    centre = np.array([*place, side / 2])
    planes = []
    for k in range(4):
        angle = azimuth + k * np.pi / 2
        front = np.array([np.cos(angle), np.sin(angle), 0]) * side / 2
        texture = _crate_side(photos, side, seed + k)
        planes.append(_upright(centre + front, angle, side, side, texture, centre))
    right, lid = planes[0].right, planes[0].origin
    back = np.cross(right, [0, 0, 1.0])
    lid_texture = _crate_side(photos, side, seed + 4)
    planes.append(Plane(lid + back * -1, right, back, lid_texture, centre))
    return planes


def _crate_side(photos: Photos, side: float, seed: int) -> ImageArray:
    canvas = Canvas(side, side)
    canvas.fill(WOOD_DARK, 0, 0, side, side)
    plank = photos.coffee[20 + 20 * (seed % 5) :][:110, 430:]
    step = side / 4
    for k in range(4):
        canvas.paste(np.roll(plank, 40 * k, axis=1), 0.01, k * step + 0.01, side, step - 0.02)
    canvas.edge(0.05, (92, 58, 30))
    label = _cutting(photos.camera if seed % 2 else photos.hubble, np.random.default_rng(seed))
    canvas.frame(label, side * 0.3, side * 0.3, side * 0.4, WHITE)
    return canvas.light(1.0, seed=seed)
