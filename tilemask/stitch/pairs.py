"""Which pairs of labels occur in two images, numbered in order over the whole of both.

Labels come in runs along the rows, so pairs are sought among runs, not among pixels. The part is O(pairs), not
O(seams): labels carry their identity from tile to tile, and nothing needs stitching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.stitch.rows import add_rows, joined

Record = dict[str, NDArray[np.int64]]


def survey_pairs(a: NDArray[Any], b: NDArray[Any]) -> tuple[dict[str, Any], Record]:
    """Find the pairs of one tile."""
    starts = _starts(a, b)
    pairs = _distinct(np.column_stack([labels.ravel()[starts].astype(np.int64) for labels in (a, b)]))
    return {"pairs": [pairs], "lowest": int(pairs.min())}, {"pairs": pairs}


def combine_pairs(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts; the first may be changed."""
    for rows in b["pairs"]:
        add_rows(a["pairs"], rows)
    a["lowest"] = min(a["lowest"], b["lowest"])
    return a


def finish_pairs(
    part: dict[str, Any], read_note: Callable[[int], Record], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Give each tile the numbers of its pairs.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict
        ``pairs``, shape (n, 2), ascending; ``numbers``.

    Raises
    ------
    InputError
        Where a label is negative; known only when all tiles are, so that every grid gives the same message.
    """
    if part["lowest"] < 0:
        raise InputError(
            f"join_segmentations takes labels of 0 (background) to 2⁶³ - 1; found {part['lowest']}. "
            "Label a mask first, as in tilemask.label(image != 0)."
        )
    pairs = _distinct(joined(part["pairs"], 2))
    first = 0 if not pairs[0].any() else 1
    for number in range(len(grid)):
        own = read_note(number)["pairs"]
        yield number, {"pairs": own, "numbers": _find(pairs, own) + first}


def number_pairs(a: NDArray[Any], b: NDArray[Any], *, record: Record, target: str) -> NDArray[Any]:
    """Give each pixel the number of its pair."""
    starts = _starts(a, b)
    pairs = np.column_stack([labels.ravel()[starts].astype(np.int64) for labels in (a, b)])
    numbers = record["numbers"].astype(target)[_find(record["pairs"], pairs)]
    return np.repeat(numbers, np.diff(starts, append=a.size)).reshape(a.shape)


def _starts(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int64]:
    """Where runs of one pair begin, in raster order."""
    begins = np.ones(a.size, np.bool_)
    flat_a, flat_b = a.ravel(), b.ravel()
    np.logical_or(flat_a[1:] != flat_a[:-1], flat_b[1:] != flat_b[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _distinct(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each row once, ascending."""
    rows = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    kept = np.ones(len(rows), np.bool_)
    kept[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return rows[kept]


def _find(table: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of pairs in a table of distinct, ascending ones that holds them."""
    firsts, begins = np.unique(table[:, 0], return_index=True)
    seconds = np.unique(table[:, 1])
    keys = np.repeat(np.arange(len(firsts)), np.diff(begins, append=len(table))) * len(seconds)
    keys += np.searchsorted(seconds, table[:, 1])
    wanted = np.searchsorted(firsts, pairs[:, 0]) * len(seconds) + np.searchsorted(seconds, pairs[:, 1])
    return np.searchsorted(keys, wanted)
