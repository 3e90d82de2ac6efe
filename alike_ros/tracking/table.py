"""Arrays of one length that belong together: row i of each is about one track."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Self = TypeVar('Self', bound='Table')
Rows = NDArray[np.bool_] | NDArray[np.intp]


class Table:
    """What every dataclass whose fields are arrays, or tables again, can do."""

    def take(self: Self, rows: Rows) -> Self:
        """Return some rows."""
        return type(self)(*(_taken(part, rows) for part in _parts(self)))

    def joined(self: Self, other: Self) -> Self:
        """Return these rows and then the others."""
        return type(self)(*map(_joined, _parts(self), _parts(other)))


def _parts(table: Any) -> list[Any]:
    return [getattr(table, each.name) for each in fields(table)]


def _taken(part: Any, rows: Rows) -> Any:
    return part.take(rows) if isinstance(part, Table) else part[rows]


def _joined(part: Any, other: Any) -> Any:
    return part.joined(other) if isinstance(part, Table) else np.concatenate([part, other])
