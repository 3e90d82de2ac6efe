"""A table as values: Markdown for a terminal, rows for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """heads: of the columns; the first column names the line."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the lines of a Markdown table, without an end of line."""
        rule = '|---' * len(self.heads) + '|'
        head, *rows = (f'| {" | ".join(row)} |' for row in (self.heads, *self.rows))
        return '\n'.join([head, rule, *rows])


def known_or_dash(value: float, form: str, unit: str = '') -> str:
    """Return a number in that form, or a dash when it is NaN."""
    return '-' if value != value else f'{value:{form}}{unit}'
