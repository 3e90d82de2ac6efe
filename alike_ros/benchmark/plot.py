"""A picture of the times: one bar a contestant, one group a case, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from alike_ros.structures import ImageArray

WIDTH, LABEL_WIDTH, VALUE_WIDTH = 1100, 230, 190  # px
ROW, TITLE, MARGIN = 24, 40, 16  # px
COLOURS = {'alike_ros': (31, 119, 80), 'dense': (120, 120, 120), 'original': (190, 70, 50)}
OTHER = (70, 100, 170)
INK, PAPER = (30, 30, 30), 255


def draw(records: Sequence[Mapping[str, Any]]) -> ImageArray:
    """Return the picture (H, W, 3) uint8 RGB; bars of a case share a scale that begins at 0."""
    groups = [(record['title'], _measured(record)) for record in records]
    height = 2 * MARGIN + sum(TITLE + ROW * len(bars) for _, bars in groups)
    picture = np.full((height, WIDTH, 3), PAPER, np.uint8)
    y = MARGIN
    for title, bars in groups:
        _text(picture, title, (MARGIN, y + TITLE - 12), 0.6)
        y += TITLE
        longest = max((bar['ms']['p90'] for bar in bars), default=1.0)
        for bar in bars:
            _bar(picture, bar, y, (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest)
            y += ROW
    return picture


def _bar(picture: ImageArray, bar: Mapping[str, Any], y: int, px_per_ms: float) -> None:
    ms = bar['ms']
    _text(picture, bar['label'], (2 * MARGIN, y + 16), 0.48)
    end, low, high = (LABEL_WIDTH + int(ms[name] * px_per_ms) for name in ('median', 'p10', 'p90'))
    colour = COLOURS.get(bar['kind'], OTHER)
    cv2.rectangle(picture, (LABEL_WIDTH, y + 4), (end, y + ROW - 5), colour, -1)
    middle = y + ROW // 2
    cv2.line(picture, (low, middle), (high, middle), INK, 1, cv2.LINE_AA)
    text = f'{ms["median"]:.1f} ms, {bar["frames_per_s"]:.0f}/s'
    _text(picture, text, (max(end, high) + 8, y + 16), 0.48)


def _text(picture: ImageArray, text: str, origin: tuple[int, int], size: float) -> None:
    cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


def _measured(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [contestant for contestant in record['contestants'] if 'ms' in contestant]
