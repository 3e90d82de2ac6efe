"""The page of `alike eval odometry`: the paths seen from above, and errors along them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alike_ros.evaluation.path_errors import (
    Aligned,
    CameraPath,
    OdometryErrors,
    align,
    odometry_table,
)
from alike_ros.page import Page
from alike_ros.sources import GroundTruth


def odometry_page(
    title: str,
    found: Mapping[str, CameraPath],
    errors: Mapping[str, OdometryErrors],
    truth: GroundTruth,
) -> Page:
    """Return the page."""
    page = Page(title)
    page.text(
        'One small odometry for all front ends; path and errors over the images that got a pose, '
        'after the similarity that fits best. APE: of the position; RPE: of the step to the next '
        'image; RMSE in the table.'
    )
    table = odometry_table(errors)
    page.table(table.heads, table.rows)
    aligned = {name: each for name, path in found.items() if (each := align(path, truth))}
    if aligned:
        _paths(page, aligned)
        _along(page, aligned, found)
    return page


def _paths(page: Page, aligned: Mapping[str, Aligned]) -> None:
    page.heading('From above')
    longest = max(aligned.values(), key=lambda each: len(each.rows)).true
    across, along = sorted(np.argsort(np.ptp(longest, axis=0))[1:].tolist())
    curves = {'true': (longest[:, across], longest[:, along])}
    curves |= {n: (a.positions[:, across], a.positions[:, along]) for n, a in aligned.items()}
    x, y = (f'{"xyz"[axis]}, m' for axis in (across, along))
    caption = 'On the two axes of the world along which the true path is longest.'
    page.lines(curves, x, y, caption, same_scale=True)


def _along(page: Page, aligned: Mapping[str, Aligned], found: Mapping[str, CameraPath]) -> None:
    page.heading('Along the way')
    for field, label, scale in (
        ('ape_m', 'error of the position, mm', 1e3),
        ('rpe_m', 'error of a step, mm', 1e3),
        ('rpe_deg', 'error of a turn, degrees', 1.0),
    ):
        curves = {}
        for name, each in aligned.items():
            values = np.full(len(found[name].located), np.nan)
            rows = each.rows if field == 'ape_m' else each.rows[1:]
            values[rows] = scale * getattr(each, field)
            curves[name] = range(len(values)), values
        page.lines(curves, 'image', label)
