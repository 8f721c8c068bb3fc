"""Pixels per label value over the whole image: the survey behind size rules on images that are labelled already.

Labels carry their identity from tile to tile, so nothing needs stitching: tiles send values and counts, equal values
add up. The part is therefore O(objects), not O(seams); a tile gets back only those of its own values that are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.rows import add_rows, joined

Record = dict[str, NDArray[np.int64]]


def survey_sizes(labels: NDArray[Any], *, place: Place) -> tuple[dict[str, Any], Record | None]:
    """Count the pixels of each label of one tile (0 is background)."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        return {"sizes": [], "lowest": low}, None
    if high - low < 2 * labels.size:
        counts = np.bincount((labels - labels.dtype.type(low)).ravel().astype(np.int64, copy=False))
        steps = np.flatnonzero(counts)
        counts, values = counts[steps], steps.astype(labels.dtype) + labels.dtype.type(low)
    else:
        values, counts = np.unique(labels, return_counts=True)
    found = values > 0
    rows = np.column_stack((values[found].astype(np.int64), counts[found]))
    return {"sizes": [rows] if len(rows) else [], "lowest": low}, {"values": rows[:, 0]} if len(rows) else None


def combine_sizes(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts; the first may be changed."""
    for rows in b["sizes"]:
        add_rows(a["sizes"], rows)
    a["lowest"] = min(a["lowest"], b["lowest"])
    return a


def finish_sizes(
    part: dict[str, Any], read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Give each tile its labels and their sizes in the whole image.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``values``, ``sizes`` (int64); None where the tile is background.

    Raises
    ------
    InputError
        Where a label is negative; known only when all tiles are, so that every grid gives the same message.

    Notes
    -----
    Memory: about 60 bytes per label and tile that shows it.
    """
    check_lowest(part)
    values, sizes = sizes_of(part)
    for number in range(len(grid)):
        note = read_note(number)
        yield number, None if note is None else note | {"sizes": sizes[np.searchsorted(values, note["values"])]}


def sizes_of(part: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All labels, ascending, and their pixels."""
    rows = joined(part["sizes"], 2)
    values, inverse = np.unique(rows[:, 0], return_inverse=True)
    sizes = np.zeros(len(values), np.int64)
    np.add.at(sizes, inverse, rows[:, 1])
    return values, sizes


def check_lowest(part: dict[str, Any]) -> None:
    """Refuse negative labels, known only when all tiles are, so that every grid gives the same message."""
    if part["lowest"] < 0:
        raise InputError(
            f"objects are counted per label, and labels are 0 (background) and up; found {part['lowest']}. "
            "Label a mask first, as in tilemask.label(image != 0)."
        )
