"""A report as one HTML file that needs nothing else: text, tables, charts and pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from numpy.typing import ArrayLike

from alike_ros.errors import AlikeError
from alike_ros.structures import ImageArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 } figure > * { max-width: 100%; height: auto }
figcaption { color: #666; font-size: .9rem }
.strip { display: flex; gap: .5rem; overflow-x: auto } .strip figure { flex: 1 0 16rem; margin: .5rem 0 }
"""  # noqa: E501
JPEG_QUALITY = 85


class Page:
    """Parts in the order in which they were added; `write` makes the file."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts = [f'<h1>{escape(title)}</h1>']

    def heading(self, text: str) -> None:
        self._parts.append(f'<h2>{escape(text)}</h2>')

    def text(self, text: str) -> None:
        self._parts.append(f'<p>{escape(text)}</p>')

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table; the first column is the name of its line."""
        lines = [_row('th', heads), *(_row('td', row) for row in rows)]
        self._parts.append(f'<table>{"".join(lines)}</table>')

    def lines(
        self,
        curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
        x_label: str,
        y_label: str,
        caption: str = '',
        same_scale: bool = False,
        logarithmic: bool = False,
    ) -> None:
        """Add a chart of named curves, each (x, y); NaN leaves a gap.

        same_scale: a unit is as long on both axes, as on a map. logarithmic: y, above 0 only.

        Raises:
            AlikeError: matplotlib is not installed.
        """
        svg = chart(curves, x_label, y_label, same_scale=same_scale, logarithmic=logarithmic)
        self._figure(svg, caption)

    def bars(
        self,
        groups: Sequence[str],
        heights: Mapping[str, Sequence[float]],
        x_label: str,
        y_label: str,
        caption: str = '',
    ) -> None:
        """Add a chart of bars side by side: for each name a height for every group.

        Raises:
            AlikeError: matplotlib is not installed.
        """
        figure, axes = _axes(x_label, y_label)
        width = 0.8 / max(len(heights), 1)
        for number, (name, values) in enumerate(heights.items()):
            left = number * width - 0.4
            places = [group + left for group in range(len(groups))]
            axes.bar(places, values, width, align='edge', label=name)
        axes.set_xticks(range(len(groups)), groups)
        self._figure(_svg(figure, axes, len(heights)), caption)

    def picture(self, image: ImageArray, caption: str = '') -> None:
        """Add an RGB or grey uint8 image, as JPEG."""
        self._figure(_jpeg(image, caption), caption)

    def strip(self, pictures: Sequence[tuple[ImageArray, str]]) -> None:
        """Add images with their captions side by side, as JPEG."""
        figures = ''.join(_captioned(_jpeg(image, text), text) for image, text in pictures)
        self._parts.append(f'<div class="strip">{figures}</div>')

    def write(self, path: str | Path) -> None:
        """Write the page; missing folders are made."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f'<meta charset="utf-8"><title>{escape(self._title)}</title><style>{STYLE}</style>'
        body = '\n'.join(self._parts)
        path.write_text(f'<!doctype html>\n{head}\n{body}\n', 'utf-8')

    def _figure(self, content: str, caption: str) -> None:
        self._parts.append(_captioned(content, caption))


def _captioned(content: str, caption: str) -> str:
    below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return f'<figure>{content}{below}</figure>'


def _jpeg(image: ImageArray, caption: str) -> str:
    """Return an image as an <img> element."""
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    made, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    if not made:
        raise AlikeError(f'OpenCV cannot write an image of shape {image.shape} as JPEG')
    text = base64.b64encode(data.tobytes()).decode()
    return f'<img src="data:image/jpeg;base64,{text}" alt="{escape(caption)}">'


def chart(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    x_label: str,
    y_label: str,
    *,
    same_scale: bool = False,
    logarithmic: bool = False,
) -> str:
    """Return a chart of named curves, each (x, y), as an <svg> element, which is a file, too.

    Raises:
        AlikeError: matplotlib is not installed.
    """
    figure, axes = _axes(x_label, y_label)
    for name, (x, y) in curves.items():
        axes.plot(x, y, label=name, linewidth=1.5)
    if logarithmic:
        axes.set_yscale('log')
    if same_scale:
        axes.set_aspect('equal', adjustable='datalim')
    return _svg(figure, axes, len(curves))


def _row(kind: str, cells: Sequence[object]) -> str:
    return '<tr>' + ''.join(f'<{kind}>{escape(str(cell))}</{kind}>' for cell in cells) + '</tr>'


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = _blank()
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _blank() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AlikeError(
            'charts need matplotlib: pip install "alike_ros[report]", or leave out --report'
        ) from error
    return Figure(figsize=(9, 3.6), layout='constrained')


def _svg(figure: Figure, axes: Axes, count: int) -> str:
    """Return a figure of so many curves as an <svg> element: the prolog of the file left out."""
    if count > 1:
        axes.legend(frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg')
    text = buffer.getvalue()
    return text[text.index('<svg') :]
