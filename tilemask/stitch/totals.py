"""Finish a survey that sums a weight over whole components: each tile gets the totals of its crossing components.

Area, "touches the border" and "holds a pixel above the level" are all sums (the latter two of zeros and ones), so one
mechanism serves them. A component that crosses no seam is not mentioned: the tile that holds it sums it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.stitch.parts import Edge, Part, contacts_of, weights_of
from tilemask.stitch.union import Union, sum_groups, unite

Record = dict[str, NDArray[Any]]


def totals_note(edge: Edge, weights: NDArray[np.int64], known: NDArray[np.int64] | None = None) -> Record | None:
    """What a tile keeps until the totals are known; None where nothing is to be kept.

    Parameters
    ----------
    edge : Edge
        As from `seam_part`.
    weights : 1-D ndarray of int64
        The tile's own sum per local component.
    known : 1-D ndarray, optional
        Local components whose own sum the kernel cannot find in the pixels; they are put into its record.
    """
    numbers, ids = edge
    known = np.empty(0, np.int64) if known is None else known
    if not len(ids) and not len(known):
        return None
    return {"numbers": numbers, "ids": ids, "known": known, "own": weights[known]}


def finish_totals(
    part: Part, read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Give each tile the totals of its components that cross a seam.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``numbers`` (local component numbers, the later of two entries holds) and ``totals`` (int64); None where the
        tile's own sums are right.

    Notes
    -----
    Memory: as `unite`, and the note of one tile.
    """
    union = unite(contacts_of(part))
    totals = sum_groups(union, weights_of(part))
    for number in range(len(grid)):
        note = read_note(number)
        yield number, None if note is None else _record(note, union, totals)


def apply_totals(own: NDArray[np.int64], record: Record | None) -> NDArray[np.int64]:
    """Per local component (entry 0 is background): its own sum, or its total where it crosses a seam."""
    if record is None:
        return own
    whole = own.copy()
    whole[record["numbers"]] = record["totals"]
    return whole


def _record(note: Record, union: Union, totals: NDArray[np.int64]) -> Record | None:
    crossing, at = union.find(note["ids"])
    numbers = np.concatenate((note["known"], note["numbers"][crossing]))
    if not len(numbers):
        return None
    return {"numbers": numbers, "totals": np.concatenate((note["own"], totals[union.group[at]]))}
