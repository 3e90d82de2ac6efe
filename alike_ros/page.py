"""A report as one HTML file that needs nothing else: text, tables, charts and pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from alike_ros.errors import AlikeError
from alike_ros.structures import ImageArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 } figure > * { max-width: 100%; height: auto }
figcaption { color: #666; font-size: .9rem }
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
        curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
        x_label: str,
        y_label: str,
        caption: str = '',
    ) -> None:
        """Add a chart of named curves, each (x, y); NaN leaves a gap.

        Raises:
            AlikeError: matplotlib is not installed.
        """
        self._figure(chart(curves, x_label, y_label), caption)

    def picture(self, image: ImageArray, caption: str = '') -> None:
        """Add an RGB or grey uint8 image, as JPEG."""
        bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        made, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        if not made:
            raise AlikeError(f'OpenCV cannot write an image of shape {image.shape} as JPEG')
        text = base64.b64encode(data.tobytes()).decode()
        self._figure(f'<img src="data:image/jpeg;base64,{text}" alt="{escape(caption)}">', caption)

    def write(self, path: str | Path) -> None:
        """Write the page; missing folders are made."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f'<meta charset="utf-8"><title>{escape(self._title)}</title><style>{STYLE}</style>'
        body = '\n'.join(self._parts)
        path.write_text(f'<!doctype html>\n{head}\n{body}\n', 'utf-8')

    def _figure(self, content: str, caption: str) -> None:
        below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
        self._parts.append(f'<figure>{content}{below}</figure>')


def chart(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x_label: str, y_label: str
) -> str:
    """Return a chart of named curves, each (x, y), as an <svg> element, which is a file, too.

    Raises:
        AlikeError: matplotlib is not installed.
    """
    figure = _blank()
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    for name, (x, y) in curves.items():
        axes.plot(x, y, label=name, linewidth=1.5)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return _svg(figure)


def _row(kind: str, cells: Sequence[object]) -> str:
    return '<tr>' + ''.join(f'<{kind}>{escape(str(cell))}</{kind}>' for cell in cells) + '</tr>'


def _blank() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AlikeError(
            'charts need matplotlib: pip install "alike_ros[report]", or leave out --report'
        ) from error
    return Figure(figsize=(9, 3.6), layout='constrained')


def _svg(figure: Figure) -> str:
    """Return the figure as an <svg> element: the prolog of the file left out."""
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg')
    text = buffer.getvalue()
    return text[text.index('<svg') :]
