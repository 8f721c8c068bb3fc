"""Merge the rows of all tiles into one row per object, a range of labels after the other.

All rows of an image need not fit in memory. A range of labels is chosen so that it holds about as many rows as may be
in memory at once, the notes of the tiles that have any of it are read, and its objects are done. Objects are whole in
their range, so neither ranges nor tiles show in the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import Rows, first_of_each, joined_rows, rows_between
from tilemask.stitch.gaps import filled_spans
from tilemask.stitch.medians import merge_medians
from tilemask.stitch.moments import Orders, merge_moments
from tilemask.stitch.rows import joined
from tilemask.stitch.sizes import check_lowest
from tilemask.stitch.sums import add_sums
from tilemask.stitch.weights import merge_weights

ROWS_AT_ONCE = 1 << 18

_SUMMED = ("count", "total", "square", "edges", "quads", "euler")
_LEAST = ("start", "low")
_MOST = ("stop", "high")


def objects_by_range(
    part: dict[str, Any],
    read_note: Callable[[int], Rows | None],
    *,
    orders: Orders,
    weighted: Orders,
    details: tuple[str, ...],
) -> Iterator[Rows]:
    """Objects in the order of their labels, some at a time; nothing where there are none.

    Raises
    ------
    InputError
        Where a label is negative.
    """
    check_lowest(part)
    tiles = joined(part["tiles"], 4)
    tiles = tiles[np.argsort(tiles[:, 0])]
    for low, high in ranges_of_labels(tiles):
        numbers = tiles[(tiles[:, 1] < high) & (tiles[:, 2] >= low), 0].tolist()
        rows = merge_notes(partial(_notes, read_note, numbers, low, high), orders, weighted, details)
        if rows is not None:
            yield rows


def _notes(read_note: Callable[[int], Rows | None], numbers: list[int], low: int, high: int) -> Iterator[Rows]:
    """What the notes of these tiles have of labels from `low` to below `high`."""
    for number in numbers:
        note = read_note(number)
        assert note is not None, "a tile that counted labels has left its rows"
        yield rows_between(note, low, high)


def merge_notes(
    read: Callable[[], Iterator[Rows]], orders: Orders, weighted: Orders, details: tuple[str, ...]
) -> Rows | None:
    """One row per label of the notes that `read` gives each time it is called; None where these have none.

    Values are many, so they are read again by themselves.
    """
    rows = joined_rows([{n: c for n, c in note.items() if n != "values"} for note in read()])
    if not len(rows["label"]):
        return None
    merged = merge_rows(rows, orders, weighted)
    if "values" in details:
        merged["median"] = merge_medians(lambda: (note["values"] for note in read()), merged)
    return merged


def ranges_of_labels(tiles: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Half-open ranges of labels with about `ROWS_AT_ONCE` rows each, from (number, lowest, highest, rows) of tiles."""
    if not len(tiles):
        return []
    low, high, count = tiles[:, 1], tiles[:, 2] + 1, tiles[:, 3]
    first, last = int(low.min()), int(high.max())
    pieces = -(-int(count.sum()) // ROWS_AT_ONCE)
    at = np.concatenate((low, high))
    slope = np.concatenate((count / (high - low), -count / (high - low)))
    order = np.argsort(at, kind="stable")
    at, slope = at[order], np.cumsum(slope[order])
    before = np.concatenate(([0.0], np.cumsum(slope[:-1] * np.diff(at))))
    wanted = np.arange(1, pieces) * (before[-1] / pieces)
    cuts = np.unique(np.interp(wanted, np.maximum.accumulate(before), at.astype(np.float64)).astype(np.int64))
    edges = [first, *(int(c) for c in cuts if first < c < last), last]
    return list(itertools.pairwise(edges))


def merge_rows(rows: Rows, orders: Orders, weighted: Orders) -> Rows:
    """One row per label of rows in any order."""
    order = np.argsort(rows["label"], kind="stable")
    labels = rows["label"][order]
    bounds = first_of_each(labels)
    merged: Rows = {"label": labels[bounds]}
    for names, function in ((_SUMMED, np.add), (_LEAST, np.minimum), (_MOST, np.maximum)):
        merged |= {n: function.reduceat(rows[n][order], bounds, axis=0) for n in names if n in rows}
    if orders:
        by = rows["origin"][order] - np.repeat(merged["start"], np.diff(bounds, append=len(order)), axis=0)
        far = (np.abs(by) + (rows["stop"] - rows["origin"])[order]).max(axis=1)
        merged["moments"] = merge_moments(rows["moments"][order], by, far, bounds, orders, np.log2(merged["count"]))
    if weighted:
        merged |= merge_weights(rows["weights"], merged, weighted)
    if "sums" in rows:
        merged["sums"] = add_sums(rows["sums"])
    if "lines" in rows:
        merged["lines"] = _merge_lines(rows["lines"])
    if "spans" in rows:
        merged["filled"] = _filled(rows["spans"])
    return merged


def _filled(spans: Rows) -> NDArray[np.int64]:
    """The pixels of each object and of its holes."""
    spans = filled_spans(spans)
    return np.add.reduceat(spans["stop"] - spans["start"], first_of_each(spans["label"]))


def _merge_lines(lines: Rows) -> Rows:
    order = np.lexsort((*reversed(lines["line"].T), lines["label"]))
    label, line = lines["label"][order], lines["line"][order]
    bounds = first_of_each(label, *line.T)
    return {
        "label": label[bounds],
        "line": line[bounds],
        "first": np.minimum.reduceat(lines["first"][order], bounds),
        "last": np.maximum.reduceat(lines["last"][order], bounds),
    }
