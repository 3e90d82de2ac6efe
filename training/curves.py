"""A picture of a run's log: one panel a column, steps to the right."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import ImageArray

WIDTH, HEIGHT, MARGIN = 300, 170, 34  # px of a panel
COLUMNS = 4
PANELS = {
    'score': "loss: teacher's score map",
    'reprojection': 'loss: reprojection, px',
    'peak': 'loss: dispersity peak',
    'descriptor': 'loss: descriptors (NRE)',
    'reliability': 'loss: reliability',
    'accuracy': 'held out: MMA@3',
    'repeatability': 'held out: repeatability',
    'homography': 'held out: MHA@3',
}
INK, FAINT, LINE = (40, 40, 40), (200, 200, 200), (31, 119, 80)


def read_log(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of log.csv by name."""
    with path.open(encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def draw(log: dict[str, NDArray[np.float64]]) -> ImageArray:
    """Return the picture (H, W, 3) uint8 RGB of a log with at least two lines."""
    panels = [_panel(title, log['step'], log[name]) for name, title in PANELS.items()]
    rows = [np.hstack(panels[i : i + COLUMNS]) for i in range(0, len(panels), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def _panel(title: str, steps: Sequence[float] | NDArray, values: NDArray) -> ImageArray:
    panel = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    low, high = float(values.min()), float(values.max())
    span = max(high - low, 1e-9)
    width, height = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    cv2.rectangle(panel, (MARGIN, MARGIN), (WIDTH - MARGIN, HEIGHT - MARGIN), FAINT, 1)
    x = MARGIN + np.asarray(steps) / max(steps[-1], 1) * width
    y = HEIGHT - MARGIN - (values - low) / span * height
    points = (np.column_stack([x, y]) * 16).round().astype(np.int32)
    cv2.polylines(panel, [points[:, None]], False, LINE, 1, cv2.LINE_AA, 4)
    _text(panel, title, (MARGIN, MARGIN - 12), 0.42)
    _text(panel, f'{high:.3g}', (2, MARGIN + 4), 0.33)
    _text(panel, f'{low:.3g}', (2, HEIGHT - MARGIN + 4), 0.33)
    _text(panel, f'{steps[-1]:.0f} steps', (WIDTH - MARGIN - 70, HEIGHT - MARGIN + 16), 0.33)
    return panel


def _text(panel: ImageArray, text: str, origin: tuple[int, int], size: float) -> None:
    cv2.putText(panel, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
