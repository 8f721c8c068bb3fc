"""The pixels on the seams of all tiles, as the vertices of one graph.

A tile's perimeter is the pixels on those of its faces that have a neighbour, in raster order of the tile. A survey
sends something about each; when all are there they are numbered tile after tile, and the pairs that touch across a seam
are found by their raster indices in the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.stitch.components import raster_index
from tilemask.stitch.contraction import Indices
from tilemask.stitch.faces import cut_face
from tilemask.stitch.pixels import forward_offsets


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
    order = np.argsort(ids)
    ascending = ids[order]
    at = np.unravel_index(ids, grid.shape)
    for offset in forward_offsets(len(at), connectivity):
        moved = [c + o for c, o in zip(at, offset, strict=True)]
        inside = np.logical_and.reduce([(c >= 0) & (c < n) for c, n in zip(moved, grid.shape, strict=True)])
        other = [c // t != m // t for c, m, t in zip(at, moved, grid.tile, strict=True)]
        here = np.flatnonzero(inside & np.logical_or.reduce(other))
        near = np.ravel_multi_index([m[here] for m in moved], grid.shape)
        yield here, order[np.searchsorted(ascending, near)]


def solve_together(
    read_note: Callable[[int], dict[str, Any] | None],
    grid: Grid,
    own: str,
    solve: Callable[[list[dict[str, Any]], NDArray[np.int64]], tuple[str, NDArray[Any]]],
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Solve the perimeters of all tiles at once, and give each tile its share.

    Parameters
    ----------
    read_note : callable
        Gives the note of a tile, with ``sides``; every tile has one where there are several.
    grid : Grid
    own : str
        What of a note has one entry per pixel of the perimeter.
    solve : callable
        Takes all notes and where in the numbering each begins; returns a name, and one entry per pixel.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``sides``, and the entries of the tile's perimeter under their name; None for the only tile.
    """
    notes = [read_note(number) for number in range(len(grid))]
    if len(grid) <= 1:
        yield from enumerate(notes)
        return
    found = [note for note in notes if note is not None]
    ends = np.cumsum([len(note[own]) for note in found])
    starts = ends - [len(note[own]) for note in found]
    name, entries = solve(found, starts)
    for number, (note, start, end) in enumerate(zip(found, starts, ends, strict=True)):
        yield number, {"sides": note["sides"], name: entries[start:end]}
