"""The pixels on the seams of all tiles, as the vertices of one graph.

A tile's perimeter is the pixels on those of its faces that have a neighbour, in raster order of the tile. A survey
sends something about each, and edges between them; when all are there they are numbered tile after tile, and the pairs
that touch across a seam are found by their raster indices in the whole image.

All of it is in memory at once, so every column is let go of as soon as it is used up, numbers have 32 bits where that
is enough, and of the edges (five a pixel, where corners of volumes count) those are dropped now and then that no
spanning tree needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.stitch.components import number_type, raster_index
from tilemask.stitch.contraction import Edges, Indices, spanning_tree
from tilemask.stitch.faces import cut_face
from tilemask.stitch.pixels import forward_offsets

Columns = dict[str, NDArray[Any]]
"""Arrays of equal length by name: one entry per pixel, or per edge."""
_AT_ONCE = 2**16
"""Pixels whose neighbours are looked for at once."""
PAIRING_BYTES = 120.0 * _AT_ONCE
"""What that takes beside what is held of all pixels."""
_CROWDED = 2
"""Edges per pixel, from which on those are dropped that no spanning tree needs."""


def perimeter(shape: tuple[int, ...], sides: Sequence[int]) -> Indices:
    """Flat indices of the pixels on some faces, ascending."""
    on = np.zeros(shape, np.bool_)
    for side in sides:
        cut_face(on, side)[...] = True
    return np.flatnonzero(on)


def perimeter_ids(grid: Grid, number: int, sides: Sequence[int]) -> NDArray[np.int64]:
    """Raster indices in the whole image of a tile's perimeter."""
    core = grid.core(grid.index(number))
    return raster_index(perimeter(core.shape, sides), core, grid.shape)


def seam_pairs(ids: NDArray[np.int64], grid: Grid, connectivity: int) -> Iterator[tuple[Indices, Indices]]:
    """Give the pairs of perimeter pixels that are neighbours in different tiles, by their places in `ids`.

    Parameters
    ----------
    ids : 1-D ndarray of int64
        Raster indices of the perimeter pixels of all tiles.
    grid : Grid
    connectivity : int

    Yields
    ------
    Two 1-D arrays; the pixel of the first has the smaller raster index.
    """
    kind = number_type(len(ids))
    order = np.argsort(ids).astype(kind)
    ascending = ids[order]
    for first in range(0, len(ids), _AT_ONCE):
        at = np.unravel_index(ids[first : first + _AT_ONCE], grid.shape)
        for offset in forward_offsets(len(at), connectivity):
            moved = [c + o for c, o in zip(at, offset, strict=True)]
            inside = np.logical_and.reduce([(c >= 0) & (c < n) for c, n in zip(moved, grid.shape, strict=True)])
            other = [c // t != m // t for c, m, t in zip(at, moved, grid.tile, strict=True)]
            here = np.flatnonzero(inside & np.logical_or.reduce(other))
            near = np.ravel_multi_index([m[here] for m in moved], grid.shape)
            yield (here + first).astype(kind), order[np.searchsorted(ascending, near)]


def needed_edges(batches: Iterable[Columns], count: int, order: Callable[[Columns], Indices]) -> tuple[Edges, Columns]:
    """Join batches of edges, without all of those that no spanning tree needs.

    Parameters
    ----------
    batches : iterable of dict of 1-D ndarray
        ``a`` and ``b``, the ends of each edge, and what it is ordered by. All ends from `count` on count as one vertex.
    count : int
        Vertices.
    order : callable
        Gives the places of the edges of a table from good to bad; equal ones may change places from table to table,
        since any of their trees has the same worst edges.

    Returns
    -------
    edges : Edges
        From good to bad, by their places: those of the minimum spanning forest, and about one more per vertex at most.
    ranks : dict of 1-D ndarray
        What they were ordered by.
    """
    waiting: list[Columns] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(columns["a"]) for columns in waiting) > _CROWDED * count:
            waiting = [_needed(_joined(waiting), count, order)]
    table = _joined(waiting)
    table = _taken(table, order(table))
    a, b = table.pop("a"), table.pop("b")
    return Edges(np.arange(len(a), dtype=number_type(len(a))), a, b), table


def _needed(table: Columns, count: int, order: Callable[[Columns], Indices]) -> Columns:
    place = order(table).astype(number_type(len(table["a"])))
    a, b = (np.minimum(table[end], count)[place] for end in "ab")
    # A vertex more for all that count as one; an edge between two of those is a loop.
    apart = np.flatnonzero(a != b).astype(place.dtype)
    return _taken(table, place[spanning_tree(Edges(apart, a[apart], b[apart]), count + 1)])


def _joined(waiting: list[Columns]) -> Columns:
    return {name: np.concatenate([columns.pop(name) for columns in waiting]) for name in list(waiting[0])}


def _taken(table: Columns, at: Indices) -> Columns:
    return {name: table.pop(name)[at] for name in list(table)}


def solve_together(
    read_note: Callable[[int], dict[str, Any] | None],
    grid: Grid,
    own: str,
    solve: Callable[[Columns], tuple[str, NDArray[Any]]],
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Solve the perimeters of all tiles at once, and give each tile its share.

    Parameters
    ----------
    read_note : callable
        Gives the note of a tile, with ``sides``; every tile has one where there are several. Its ``a`` and ``b`` are
        places on the perimeter.
    grid : Grid
    own : str
        What of a note has one entry per pixel of the perimeter.
    solve : callable
        Takes what the notes hold, tile after tile: places are of all perimeters together, and ``ids`` the raster
        indices of their pixels. What it takes out is let go of. Returns a name, and one entry per pixel.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``sides``, and the entries of the tile's perimeter under their name; None for the only tile.
    """
    if len(grid) <= 1:
        yield from ((number, read_note(number)) for number in range(len(grid)))
        return
    kind = number_type(grid.seam_pixels)
    columns: dict[str, list[NDArray[Any]]] = {}
    sides, starts = [], [0]
    for number in range(len(grid)):
        note = read_note(number)
        assert note is not None, "a tile with a neighbour has a perimeter"
        sides.append(note["sides"])
        columns.setdefault("ids", []).append(perimeter_ids(grid, number, note["sides"]))
        for name in note.keys() - {"sides"}:
            placed = note[name].astype(kind) + kind.type(starts[-1]) if name in ("a", "b") else note[name]
            columns.setdefault(name, []).append(placed)
        starts.append(starts[-1] + len(note[own]))
    name, entries = solve({name: np.concatenate(columns.pop(name)) for name in list(columns)})
    for number, (start, end) in enumerate(itertools.pairwise(starts)):
        yield number, {"sides": sides[number], name: entries[start:end]}
