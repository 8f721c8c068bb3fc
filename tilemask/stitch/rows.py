"""Tables of int64 rows that grow by small pieces, a million times, without being copied each time.

The pieces are kept as a list whose lengths at least halve from one to the next, so a row is copied O(log n) times and
the list stays short; blocks of a million rows are left alone, so that no single addition takes long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = list[NDArray[np.int64]]
"""Pieces of one table, in any order."""

_FULL = 2**20


def add_rows(table: Rows, piece: NDArray[np.int64]) -> None:
    """Append rows to `table` in place."""
    if not len(piece):
        return
    table.append(piece)
    while len(table) > 1 and len(table[-2]) < min(2 * len(table[-1]), _FULL):
        last = table.pop()
        table[-1] = np.concatenate((table[-1], last))


def joined(table: Rows, columns: int) -> NDArray[np.int64]:
    """The whole table, shape (rows, columns)."""
    return np.concatenate(table) if table else np.empty((0, columns), np.int64)
