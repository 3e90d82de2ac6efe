"""The page of `alike eval tracking`: tables, curves, failures, and methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from alike_ros.evaluation.contact_sheet import spread
from alike_ros.evaluation.pages.pictures import LEGEND, TrackPictures, chosen_images, fitted
from alike_ros.evaluation.predictions import Predictions, Shot
from alike_ros.evaluation.summary import hardware
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.evaluation.tracking import TrackingSummary, tracking_table
from alike_ros.page import Page
from alike_ros.structures import ImageArray

LENGTHS = (1, 2, 3, 5, 9, 17, 33, 65, 129)  # images; first ones of the bins
STRIPS = 3
WIDE, NARROW = 800, 480  # px

Summaries = Mapping[str, TrackingSummary]
Found = Mapping[str, Predictions]


def tracking_page(
    title: str, found: Found, summaries: Summaries, shots: Callable[[], Iterable[Shot]]
) -> Page:
    """Return the page; `shots` gives the images again, of which only those shown are kept."""
    page = Page(title)
    machine = hardware()
    count = max((len(each) for each in found.values()), default=0)
    page.text(f'{count} images; times were taken on {machine["cpu"]}, {machine["cores"]} cores.')
    table = tracking_table(summaries)
    page.table(table.heads, table.rows)
    _lengths(page, summaries)
    _by_image(page, summaries)
    if any(each.by_age for each in summaries.values()):
        _errors(page, summaries)
    if count > 1:
        _pictures(page, found, summaries, shots)
    return page


def _lengths(page: Page, summaries: Summaries) -> None:
    page.heading('How long tracks live')
    page.lines(
        {name: (range(len(each.survival)), each.survival) for name, each in summaries.items()},
        'images after the first sighting',
        'share alive',
        'Kaplan-Meier: tracks that live at the end of the sequence are watched up to there and '
        'count as neither lost nor alive after it.',
    )
    longest = max(1, *(len(each.lengths) for each in summaries.values()))
    firsts = [first for first in LENGTHS if first <= longest]
    ends = [*firsts[1:], longest + 1]
    page.bars(
        [f'{a}' if b - a == 1 else f'{a}–{b - 1}' for a, b in zip(firsts, ends, strict=True)],
        {
            name: [sum(each.lengths[a - 1 : b - 1]) for a, b in zip(firsts, ends, strict=True)]
            for name, each in summaries.items()
        },
        'images in which a track was seen',
        'tracks',
    )


def _by_image(page: Page, summaries: Summaries) -> None:
    page.heading('Image by image')
    for field, label, scale in (
        ('inliers', 'share of inliers', 1),
        ('tracked', 'points found again', 1),
        ('points', 'points', 1),
        ('coverage', 'coverage', 1),
        ('seconds', 'ms', 1000),
    ):
        columns = {name: getattr(each.by_image, field) for name, each in summaries.items()}
        curves = {name: (range(len(y)), y * scale) for name, y in columns.items()}
        page.lines(curves, 'image', label)


def _errors(page: Page, summaries: Summaries) -> None:
    page.heading('Errors')
    lines = any(each.error_to == 'line' for each in summaries.values())
    page.text(
        f'From the {"epipolar line of the " if lines else ""}place where a track was seen first, '
        f'by the true poses{" alone: along the line nothing is seen" if lines else ""}.'
    )
    for field, label in (('median_px', 'median error, px'), ('p95_px', '95 % below, px')):
        curves = {
            name: ([a.first_age for a in each.by_age], [getattr(a, field) for a in each.by_age])
            for name, each in summaries.items()
        }
        page.lines(curves, 'images since the first sighting', label, logarithmic=True)
    table = _drift(summaries)
    page.table(table.heads, table.rows)
    if any(each.sigma_count for each in summaries.values()):
        _calibration(page, summaries)


def _calibration(page: Page, summaries: Summaries) -> None:
    page.heading('Whether sigma tells the errors')
    page.text(
        'Squared error over variance, an axis at a time: 1 is right, below '
        'it sigma is too large. The mean is over errors up to 3 px; the median is divided by '
        'that of a normal distribution.'
    )
    page.table(
        ('tracks', 'mean', 'median', 'observations'),
        [
            (
                name,
                known_or_dash(each.sigma_mean, '.2f'),
                known_or_dash(each.sigma_median, '.2f'),
                each.sigma_count,
            )
            for name, each in summaries.items()
            if each.sigma_count
        ],
    )


def _drift(summaries: Summaries) -> Table:
    """Return median and 95th percentile a method, a column for each bin of ages."""
    ages = sorted({a.first_age for each in summaries.values() for a in each.by_age})
    rows = []
    for name, each in summaries.items():
        of_age = {a.first_age: f'{a.median_px:.2f} / {a.p95_px:.2f}' for a in each.by_age}
        rows.append((name, *(of_age.get(age, '-') for age in ages)))
    return Table(('median / p95 px after', *(f'{age} +' for age in ages)), rows)


def _pictures(
    page: Page, found: Found, summaries: Summaries, shots: Callable[[], Iterable[Shot]]
) -> None:
    drawn = {name: TrackPictures(each) for name, each in found.items()}
    worst = {name: _worst(drawn[name], each) for name, each in summaries.items()}
    common = spread(max(len(each) for each in found.values()), STRIPS)
    images = chosen_images(shots(), {row for rows in worst.values() for row in rows} | {*common})

    def picture(name: str, row: int, width: int, why: str = '') -> tuple[ImageArray, str]:
        drawing = fitted(drawn[name].draw(images[row], row), width)
        return drawing, f'{name}, image {row}{why}'

    page.heading('Where it failed')
    page.text(LEGEND)
    for name, rows in worst.items():
        page.strip([picture(name, row, WIDE, f': {why}') for row, why in rows.items()])
    page.heading('Side by side')
    for row in common:
        page.strip([picture(name, row, NARROW) for name in found])


def _worst(drawn: TrackPictures, summary: TrackingSummary) -> dict[int, str]:
    """Return the image with the lowest share of inliers, that with most tracks lost, and why."""
    inliers = np.nan_to_num(summary.by_image.inliers[1:], nan=2.0)  # not known is not the worst
    lost = [len(drawn.lost_ids(row)) for row in range(1, summary.images)]
    least, most = int(np.argmin(inliers)) + 1, int(np.argmax(lost)) + 1
    reasons: dict[int, list[str]] = {least: [], most: []}
    if inliers[least - 1] <= 1:
        reasons[least].append(f'lowest share of inliers, {inliers[least - 1]:.3f}')
    reasons[most].append(f'most tracks lost, {lost[most - 1]}')
    return {row: ' and '.join(why) for row, why in reasons.items() if why}
