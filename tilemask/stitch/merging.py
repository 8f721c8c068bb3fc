"""Merge the rows of all tiles into one row per object, a range of labels after the other.

All rows of an image need not fit in memory. A range of labels is chosen so that it holds about as many rows as may be
in memory at once, the notes of the tiles that have any of it are read, and its objects are done. Objects are whole in
their range, so neither ranges nor tiles show in the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.measures import SHORT_BITS, Rows, joined_rows
from tilemask.stitch.moments import Orders, moved
from tilemask.stitch.rows import joined
from tilemask.stitch.sizes import check_lowest
from tilemask.stitch.sums import add_sums

ROWS_AT_ONCE = 1 << 18

_SUMMED = ("count", "total", "square", "edges", "quads", "euler")
_LEAST = ("start", "low")
_MOST = ("stop", "high")


def objects_by_range(
    part: dict[str, Any], read_note: Callable[[int], Rows | None], orders: Orders, weighted: Orders
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
        notes = []
        for number in tiles[(tiles[:, 1] < high) & (tiles[:, 2] >= low), 0].tolist():
            note = read_note(number)
            assert note is not None
            notes.append(_between(note, low, high))
        rows = joined_rows(notes)
        if len(rows["label"]):
            yield merge_rows(rows, orders, weighted)


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


def _between(note: Rows, low: int, high: int) -> Rows:
    """The rows of labels from `low` to below `high`; rows are sorted by label."""
    chosen: Rows = {}
    for name, column in note.items():
        if isinstance(column, dict):
            labels = column["keys"][:, 0] if name == "sums" else column["label"]
            cut = slice(*np.searchsorted(labels, (low, high)))
            chosen[name] = {n: c[cut] for n, c in column.items()}
        else:
            chosen[name] = column[slice(*np.searchsorted(note["label"], (low, high)))]
    return chosen


def merge_rows(rows: Rows, orders: Orders, weighted: Orders) -> Rows:
    """One row per label of rows in any order."""
    order = np.argsort(rows["label"], kind="stable")
    labels = rows["label"][order]
    bounds = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    merged: Rows = {"label": labels[bounds]}
    for names, function in ((_SUMMED, np.add), (_LEAST, np.minimum), (_MOST, np.maximum)):
        merged |= {n: function.reduceat(rows[n][order], bounds, axis=0) for n in names if n in rows}
    by = rows["origin"][order] - np.repeat(merged["start"], np.diff(bounds, append=len(order)), axis=0)
    far = (np.abs(by) + (rows["stop"] - rows["origin"])[order]).max(axis=1)
    bits = np.log2(merged["count"])
    if orders:
        merged["moments"] = _merge_moments(rows["moments"][order], by, far, bounds, orders, bits)
    if weighted:
        channels = range(rows["weighted"].shape[1])
        bits = bits + SHORT_BITS
        found = [_merge_moments(rows["weighted"][order][:, c], by, far, bounds, weighted, bits) for c in channels]
        merged["weighted"] = np.stack(found, axis=1)
    if "sums" in rows:
        merged["sums"] = add_sums(rows["sums"])
    if "lines" in rows:
        merged["lines"] = _merge_lines(rows["lines"])
    return merged


def _merge_moments(
    raw: NDArray[np.int64],
    by: NDArray[np.int64],
    far: NDArray[np.int64],
    bounds: NDArray[np.int64],
    orders: Orders,
    bits: NDArray[np.float64],
) -> NDArray[Any]:
    """Moments about the corners of the objects: int64, or Python's integers where 62 bits might not do."""
    reach = np.maximum.reduceat(far, bounds).astype(np.float64)
    bits = bits + max(map(sum, orders)) * np.log2(np.maximum(reach, 1))
    if bits.max() >= 61:
        raw, by = raw.astype(object), by.astype(object)
    return np.asarray(np.add.reduceat(moved(raw, by, orders), bounds, axis=0))


def _merge_lines(lines: Rows) -> Rows:
    order = np.lexsort((lines["line"], lines["label"]))
    label, line = lines["label"][order], lines["line"][order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (label[1:] != label[:-1]) | (line[1:] != line[:-1])
    bounds = np.flatnonzero(new)
    return {
        "label": label[bounds],
        "line": line[bounds],
        "first": np.minimum.reduceat(lines["first"][order], bounds),
        "last": np.maximum.reduceat(lines["last"][order], bounds),
    }
