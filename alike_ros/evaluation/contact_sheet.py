"""Pictures of a sequence side by side, with captions and a legend, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alike_ros.drawing import AGE_OF_FULL_COLOUR, age_colours
from alike_ros.structures import ImageArray

WIDTH = 1920  # px of a sheet
MARGIN = 24
CAPTION = 30
HEADER = 84
BACKGROUND = (24, 26, 30)
INK = (236, 238, 240)
FAINT = (150, 156, 164)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Tile:
    """A picture (H, W, 3) RGB and the line below it."""

    picture: ImageArray
    caption: str


def contact_sheet(tiles: Sequence[Tile], title: str, subtitle: str) -> ImageArray:
    """Return the tiles, row by row, under a header with the colours of the ages."""
    height, width = tiles[0].picture.shape[:2]
    columns = min(len(tiles), 3 if width < 2 * height else 2)
    tile_width = (WIDTH - MARGIN * (columns + 1)) // columns
    tile_height = round(tile_width * height / width)
    rows = -(-len(tiles) // columns)
    pitch = tile_height + CAPTION + MARGIN // 2
    sheet = np.full((HEADER + rows * pitch + MARGIN // 2, WIDTH, 3), BACKGROUND, np.uint8)
    _text(sheet, title, (MARGIN, 40), 0.95, INK)
    _text(sheet, subtitle, (MARGIN, 68), 0.55, FAINT)
    _legend(sheet)
    for i, tile in enumerate(tiles):
        x = MARGIN + i % columns * (tile_width + MARGIN)
        y = HEADER + i // columns * pitch
        picture = _fit(tile.picture, tile_width, tile_height)
        sheet[y : y + tile_height, x : x + tile_width] = picture
        _text(sheet, tile.caption, (x, y + tile_height + 21), 0.55, INK)
    return sheet


def spread(count: int, wanted: int) -> list[int]:
    """Return up to `wanted` indices that cover 0 to `count` - 1 evenly, the last one included.

    Not the first one: a sequence begins without tracks.
    """
    wanted = min(count, wanted)
    return [round((i + 1) * count / wanted) - 1 for i in range(wanted)]


def _legend(sheet: ImageArray) -> None:
    """Draw a bar of the ages' colours in the right corner of the header."""
    bar_width, bar_height, y = 300, 14, 26
    x = WIDTH - MARGIN - bar_width
    ages = np.linspace(1, AGE_OF_FULL_COLOUR, bar_width).round().astype(np.uint32)
    sheet[y : y + bar_height, x : x + bar_width] = age_colours(ages)
    _text(sheet, 'age of a track, frames', (x - 210, y + 13), 0.55, FAINT)
    for age in (1, AGE_OF_FULL_COLOUR // 3, 2 * AGE_OF_FULL_COLOUR // 3, AGE_OF_FULL_COLOUR):
        label = f'{age}+' if age == AGE_OF_FULL_COLOUR else str(age)
        (label_width, _), _ = cv2.getTextSize(label, _FONT, 0.5, 1)
        centre = x + round((age - 1) / (AGE_OF_FULL_COLOUR - 1) * bar_width)
        left = min(max(centre - label_width // 2, x), x + bar_width - label_width)
        _text(sheet, label, (left, y + bar_height + 19), 0.5, FAINT)


def _fit(picture: ImageArray, width: int, height: int) -> ImageArray:
    shrinks = picture.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _text(
    sheet: ImageArray, text: str, origin: tuple[int, int], scale: float, ink: tuple[int, int, int]
) -> None:
    cv2.putText(sheet, text, origin, _FONT, scale, ink, 1, cv2.LINE_AA)
