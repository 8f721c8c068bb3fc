"""Rows of a note as columns by name, in ascending order of labels.

A column may itself be a dict of columns: rows of another kind, several or none per label, sorted by label as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, Any]
"""Columns of rows by name."""


def labels_of(rows: Rows) -> NDArray[Any]:
    """The label of each row; where rows are summed under keys it is the first of these."""
    return np.asarray(rows["keys"][:, 0] if "keys" in rows else rows["label"])


def joined_rows(pieces: list[Rows]) -> Rows:
    """The rows of several pieces, one piece after the other."""
    return {
        name: joined_rows([p[name] for p in pieces])
        if isinstance(column, dict)
        else np.concatenate([p[name] for p in pieces])
        for name, column in pieces[0].items()
    }


def sorted_rows(rows: Rows) -> Rows:
    """Rows in ascending order of labels."""
    order = np.argsort(labels_of(rows), kind="stable")
    return {name: sorted_rows(c) if isinstance(c, dict) else c[order] for name, c in rows.items()}


def rows_between(rows: Rows, low: int, high: int) -> Rows:
    """The rows of labels from `low` to below `high`."""
    cut = slice(*np.searchsorted(labels_of(rows), (low, high)))
    return {name: rows_between(c, low, high) if isinstance(c, dict) else c[cut] for name, c in rows.items()}


def first_of_each(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """Where rows begin that differ from the row before; rows are sorted by these columns."""
    new = np.ones(len(columns[0]), np.bool_)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)
