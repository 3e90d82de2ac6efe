"""Paint for the rectangles of the rendered room: tiled photographs, pictures, stains, shade."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.datasets.planes import LEVELS
from alike_ros.structures import ImageArray

TEXELS_PER_M = 256

WHITE, BLACK = (240, 236, 226), (28, 26, 24)
Colour = tuple[int, int, int]


class Canvas:
    """The paint on one rectangle; places are metres from its top left corner."""

    def __init__(self, width_m: float, height_m: float) -> None:
        step = 2**LEVELS
        columns = max(1, round(width_m * TEXELS_PER_M / step)) * step + 1
        rows = max(1, round(height_m * TEXELS_PER_M / step)) * step + 1
        self.pixels: ImageArray = np.zeros((rows, columns, 3), np.uint8)
        self._scale = np.array([(columns - 1) / width_m, (rows - 1) / height_m])

    def fill(self, colour: Colour, x: float, y: float, width: float, height: float) -> None:
        left, top = np.rint(np.array([x, y]) * self._scale).astype(int)
        right, bottom = np.rint(np.array([x + width, y + height]) * self._scale).astype(int)
        self.pixels[top : bottom + 1, left : right + 1] = colour

    def paste(self, picture: ImageArray, x: float, y: float, width: float, height: float) -> None:
        left, top = np.rint(np.array([x, y]) * self._scale).astype(int)
        columns, rows = np.rint(np.array([width, height]) * self._scale).astype(int)
        smaller = columns < picture.shape[1]
        method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        target = self.pixels[top : top + rows, left : left + columns]
        target[:] = cv2.resize(picture, (columns, rows), interpolation=method)[
            : target.shape[0], : target.shape[1]
        ]

    def frame(self, picture: ImageArray, x: float, y: float, width: float, colour: Colour) -> None:
        """Hang up a picture at its own proportions, with a mount and a frame around it."""
        height = width * picture.shape[0] / picture.shape[1]
        self.fill((60, 56, 50), x - 0.075, y - 0.06, width + 0.15, height + 0.15)
        self.fill(colour, x - 0.07, y - 0.07, width + 0.14, height + 0.14)
        self.fill(WHITE, x - 0.035, y - 0.035, width + 0.07, height + 0.07)
        self.paste(picture, x, y, width, height)

    def cover(self, photo: ImageArray, tile_m: float, dark: Colour, light: Colour) -> None:
        """Tile a photograph, every second copy mirrored, its greys spread from dark to light."""
        columns = round(tile_m * TEXELS_PER_M)
        size = (columns, round(columns * photo.shape[0] / photo.shape[1]))
        grey = cv2.resize(photo[..., 0], size, interpolation=cv2.INTER_CUBIC)
        block = np.hstack([grey, grey[:, ::-1]])
        block = np.vstack([block, block[::-1]])
        rows, columns = self.pixels.shape[:2]
        times = (-(-rows // block.shape[0]), -(-columns // block.shape[1]))
        shade = np.tile(block, times)[:rows, :columns]
        self.pixels = _colour_map(dark, light)[shade]

    def edge(self, width: float, colour: Colour) -> None:
        """Paint a rim of this width on all four sides."""
        across, along = np.rint(width * self._scale).astype(int)
        self.pixels[:along], self.pixels[-along:] = colour, colour
        self.pixels[:, :across], self.pixels[:, -across:] = colour, colour

    def light(self, brightness: float, seed: int) -> ImageArray:
        """Return the paint with stains, so that no two tiles are equal, and darker corners."""
        rows, columns = self.pixels.shape[:2]
        field = _stains(rows, columns, np.random.default_rng(seed)) * brightness
        x, y = np.arange(columns) / TEXELS_PER_M, np.arange(rows) / TEXELS_PER_M
        for place in (y[:, None], x[None, :]):
            edge = np.minimum(place, place.max() - place)
            field *= (1 - 0.3 * np.exp(-edge / 0.3)).astype(np.float32)
        return np.clip(self.pixels * field[..., None], 0, 255).astype(np.uint8)


def _colour_map(dark: Colour, light: Colour) -> ImageArray:
    return np.linspace(dark, light, 256).round().astype(np.uint8)


def _stains(rows: int, columns: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Smooth field (rows, columns) around 1, with structure from 2 m down to 3 cm."""
    field = np.ones((rows, columns), np.float32)
    for period_m, strength in ((1.0, 0.12), (0.3, 0.09), (0.1, 0.07), (0.04, 0.06)):
        texels = period_m * TEXELS_PER_M
        shape = (int(rows / texels) + 3, int(columns / texels) + 3)
        coarse = random.uniform(-1, 1, shape).astype(np.float32)
        field += strength * cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return field
