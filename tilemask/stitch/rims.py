"""What surrounds a piece of background: whether the image border does, and the lowest and the highest label beside it.

Three columns per component instead of one sum, else as `totals`: a component that crosses seams gets them from all its
pieces, the others are decided by the tile that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.image import Place
from tilemask.stitch.components import apply_table, begun_by_line, label_components
from tilemask.stitch.faces import on_faces
from tilemask.stitch.parts import Part, contacts_of, seam_part, weights_of
from tilemask.stitch.union import unite

Record = dict[str, NDArray[np.int64]]
Rims = NDArray[np.int64]
"""Per component (entry 0 is none): 1 where it reaches the image border, the lowest and the highest label beside it."""


def survey_rims(
    labels: NDArray[Any], low: NDArray[Any], high: NDArray[Any], *, place: Place
) -> tuple[Part, Record | None]:
    """Send the background on the seams with what surrounds it."""
    pieces = label_components(labels == 0, 1)
    rims = _rims(pieces, low, high)
    rims[on_faces(pieces, place.core.border_faces(place.shape)), 0] = 1
    part, (numbers, ids) = seam_part(pieces, begun_by_line(pieces), place, connectivity=1, weights=rims)
    outside = np.flatnonzero(rims[:, 0])
    if not len(numbers) and not len(outside):
        return part, None
    return part, {"numbers": numbers, "ids": ids, "outside": outside}


def finish_rims(
    part: Part, read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Tell each tile what fills the components that it cannot decide.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``numbers`` of components, ``fill``: the label of each, 0 where it stays (int64); the later of two entries
        holds. None where the tile decides all.

    Notes
    -----
    Memory: as `unite`, 24 bytes per component that crosses a seam, and the note of one tile.
    """
    union = unite(contacts_of(part))
    pieces = weights_of(part)
    group = union.group[np.searchsorted(union.ids, pieces[:, 0])]
    whole = _no_rims(len(union.root))
    if len(group):
        np.maximum.at(whole[:, 0], group, pieces[:, 1])
        np.minimum.at(whole[:, 1], group, pieces[:, 2])
        np.maximum.at(whole[:, 2], group, pieces[:, 3])
    fill = _fill(whole)
    for number in range(len(grid)):
        note = read_note(number)
        if note is None:
            yield number, None
            continue
        crossing, at = union.find(note["ids"])
        yield (
            number,
            {
                "numbers": np.concatenate((note["outside"], note["numbers"][crossing])),
                "fill": np.concatenate((np.zeros_like(note["outside"]), fill[union.group[at]])),
            },
        )


def fill_rimmed(labels: NDArray[Any], low: NDArray[Any], high: NDArray[Any], *, record: Record | None) -> NDArray[Any]:
    """Fill each piece of background that has one label around it."""
    pieces = label_components(labels == 0, 1)
    fill = _fill(_rims(pieces, low, high))
    if record is not None:
        fill[record["numbers"]] = record["fill"]
    fill[0] = 0
    if not fill.any():
        return labels
    return labels + apply_table(fill.astype(labels.dtype), pieces)


def _rims(pieces: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> Rims:
    """What lies beside each component, as far as this tile knows; the image border is left out."""
    rims = _no_rims(int(pieces.max()) + 1)
    beside = np.flatnonzero((high >= low) & (pieces > 0))
    numbers = np.take(pieces, beside)
    np.minimum.at(rims[:, 1], numbers, np.take(low, beside).astype(np.int64))
    np.maximum.at(rims[:, 2], numbers, np.take(high, beside).astype(np.int64))
    return rims


def _no_rims(count: int) -> Rims:
    limits = np.iinfo(np.int64)
    return np.tile(np.array([[0, limits.max, limits.min]]), (count, 1))


def _fill(rims: Rims) -> NDArray[np.int64]:
    """The label that fills each component, 0 for none."""
    return np.where((rims[:, 0] == 0) & (rims[:, 1] == rims[:, 2]), rims[:, 1], 0)
