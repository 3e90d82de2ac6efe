"""A report as files: Markdown for the documentation, a picture of the times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from alike_ros.benchmark.plot import draw
from alike_ros.benchmark.table import header_lines, markdown_table
from alike_ros.errors import ImageError, first_line
from alike_ros.structures import ImageArray

BEGIN, END = '<!-- alike bench -->', '<!-- end of alike bench -->'

READING = """\
Contestants run in processes of their own and are asked in turn for one frame each, after warm-up;
the time is from image to features in host memory. `ms` is the median, `x …` the median of the
ratios to that baseline in the same round, both with the 10th and 90th percentile. `equal %` is the
share of the reference's keypoints met within 1.5e-4 px, `descr. diff` the largest difference of
any descriptor element there. `+MB` is the peak of resident memory above the open, idle process,
`first s` the time from opening to the first result."""


def write_files(report: dict[str, Any], markdown: Path | None, plot: Path | None) -> None:
    """Write those that are named."""
    if markdown is not None:
        update_section(markdown, render_markdown(report))
    if plot is not None:
        _write_picture(plot, draw(report['cases']))


def update_section(page: Path, section: str) -> None:
    """Put a section into a page between marks: where it was before, else at the end."""
    text = page.read_text(encoding='utf-8') if page.exists() else ''
    if BEGIN in text and END in text:
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
    else:
        before, after = (f'{text.rstrip()}\n\n' if text.strip() else ''), '\n'
    page.write_text(f'{before}{BEGIN}\n{section}{END}{after}', encoding='utf-8')


def render_markdown(report: dict[str, Any]) -> str:
    """Return a report as a section of a Markdown page."""
    parts = [
        '## Speed',
        f'Made by `{report["command"]}`.',
        '```text\n' + '\n'.join(header_lines(report['header'])) + '\n```',
        READING,
        *(markdown_table(record).rstrip() for record in report['cases']),
    ]
    if 'deviation' in report:
        parts += ['### Reduced precision, compared with fp32', report['deviation'].rstrip()]
    return '\n\n'.join(parts) + '\n'


def _write_picture(path: Path, picture: ImageArray) -> None:
    try:
        written = cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ImageError(f'{path} cannot be written: {first_line(error)}') from error
    if not written:
        raise ImageError(f'{path} cannot be written: is the folder there?')
