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

    def renewed(self: Self, rows: NDArray[np.intp], others: Self) -> Self:
        """Return some rows, and then the others."""
        parts = zip(_parts(self), _parts(others), strict=True)
        return type(self)(*(_renewed(part, rows, other) for part, other in parts))


def _parts(table: Any) -> list[Any]:
    return [getattr(table, each.name) for each in fields(table)]


def _taken(part: Any, rows: Rows) -> Any:
    return part.take(rows) if isinstance(part, Table) else part[rows]


def _renewed(part: Any, rows: NDArray[np.intp], other: Any) -> Any:
    if isinstance(part, Table):
        return part.renewed(rows, other)
    renewed = np.empty((len(rows) + len(other), *part.shape[1:]), part.dtype)
    np.take(
        part, rows, axis=0, out=renewed[: len(rows)], mode='clip'
    )  # raise would copy once more
    renewed[len(rows) :] = other
    return renewed
