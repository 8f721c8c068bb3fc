"""Number components 1…K in raster order of their first pixels, as scikit-image does, without seeing the image.

A component is counted by the tile that holds its first pixel (its root). The number of a root is one more than the
roots in earlier lines, in the same line of tiles to the left, and in the same line of its tile before it. Each tile's
note says how many of its local components begin in each line; finish takes off those that are no roots, and prefix sums
over the lines give each tile a `shift` per line such that the r-th root of the tile has number shift[its line] + r.

Tiles are taken band by band (all tiles of one index along axis 0), because line numbers of a band follow all of the
band before. In a volume the lines of a band are ordered (plane, row), so the planes of a band are summed first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.stitch.components import begun_in_line
from tilemask.stitch.faces import compact
from tilemask.stitch.parts import Edge, Part, contacts_of
from tilemask.stitch.union import Union, unite

Record = dict[str, NDArray[Any]]


def number_note(begun: NDArray[Any], edge: Edge) -> Record | None:
    """What a tile keeps until numbers are known; None where it has no component."""
    if not begun[-1]:
        return None
    numbers, ids = edge
    return {"in_line": compact(begun_in_line(begun)), "numbers": numbers, "ids": ids}


def finish_numbers(
    part: Part, read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Give each tile what it needs to number its components.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``shift``: int64 per line in which a component begins; ``numbers`` and ``final``: local and final numbers
        (int64) of the components that began in another tile. None where the tile has no component.

    Notes
    -----
    Memory: as `unite`, 8 bytes per component that crosses a seam, the notes of one band (about a byte per line of each
    tile), and 16 bytes per line of one row of tiles.
    """
    union = unite(contacts_of(part))
    final = np.zeros(len(union.root), np.int64)
    in_band = math.prod(grid.counts[1:])
    before = 0
    for first in range(0, len(grid), in_band):
        tiles = {}
        for number in range(first, first + in_band):
            note = read_note(number)
            if note is not None:
                tiles[number] = _Tile(note, union)
        starts, before = _starts(tiles, first, grid, before)
        for number, shift in _shifts(tiles, first, grid, starts):
            tiles[number].number_roots(shift, final)
        shifts = _shifts(tiles, first, grid, starts)
        for number in range(first, first + in_band):
            yield number, tiles[number].record(next(shifts)[1], final) if number in tiles else None


def number_table(begun: NDArray[Any], record: Record, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The final number of each local component; entry 0 is background."""
    in_line = begun_in_line(begun)
    root = np.ones(int(begun[-1]), np.bool_)
    root[record["numbers"] - 1] = False
    table = np.zeros(len(root) + 1, dtype)
    table[1:] = np.repeat(record["shift"], in_line[in_line > 0]) + np.cumsum(root)
    table[record["numbers"]] = record["final"]
    return table


class _Tile:
    """One tile of a band: where its components begin, and which of them are pieces of others."""

    def __init__(self, note: Record, union: Union) -> None:
        self.in_line = note["in_line"]
        crossing, at = union.find(note["ids"])
        is_root = union.root[union.group[at]] == at
        numbers = note["numbers"][crossing].astype(np.int64)
        self.roots, self.root_groups = numbers[is_root], union.group[at[is_root]]
        self.others, self.other_groups = numbers[~is_root], union.group[at[~is_root]]

    def roots_in_line(self) -> NDArray[np.int64]:
        return self.in_line - np.bincount(self._lines(self.others), minlength=len(self.in_line))

    def number_roots(self, shift: NDArray[np.int64], final: NDArray[np.int64]) -> None:
        """Write the numbers of the roots whose components go on in other tiles."""
        rank = self.roots - np.searchsorted(self.others, self.roots)
        final[self.root_groups] = shift[self._lines(self.roots)] + rank

    def record(self, shift: NDArray[np.int64], final: NDArray[np.int64]) -> Record:
        return {"shift": shift[self.in_line > 0], "numbers": self.others, "final": final[self.other_groups]}

    def _lines(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lines in which local components begin."""
        return np.searchsorted(np.cumsum(self.in_line, dtype=np.int64), numbers)


def _rows_of_tiles(first: int, grid: Grid) -> Iterator[tuple[range, tuple[int, ...]]]:
    """The rows of tiles of a band: tile numbers along the last axis, and the shape of their lines (planes, rows)."""
    columns = grid.counts[-1]
    for start in range(first, first + math.prod(grid.counts[1:]), columns):
        lines = grid.core(grid.index(start)).shape[:-1]
        yield range(start, start + columns), (lines[0], math.prod(lines[1:]))


def _starts(tiles: dict[int, _Tile], first: int, grid: Grid, before: int) -> tuple[NDArray[np.int64], int]:
    """Roots before each plane of each row of tiles, shape (planes, rows of tiles), and before the next band.

    In 2-D the lines of axis 0 take the part of the planes, and there is one row of tiles.
    """
    columns = []
    for numbers, (planes, rows) in _rows_of_tiles(first, grid):
        count = np.zeros(planes, np.int64)
        for number in numbers:
            if number in tiles:
                count += tiles[number].roots_in_line().reshape(planes, rows).sum(axis=1)
        columns.append(count)
    counts = np.stack(columns, axis=1)
    ends = before + np.cumsum(counts).reshape(counts.shape)
    return ends - counts, int(ends[-1, -1])


def _shifts(
    tiles: dict[int, _Tile], first: int, grid: Grid, starts: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """What turns the rank of a root in its tile into its number, per line, for each tile that has components."""
    for row, (numbers, (planes, rows)) in enumerate(_rows_of_tiles(first, grid)):
        here = [number for number in numbers if number in tiles]
        if not here:
            continue
        counts = np.stack([tiles[number].roots_in_line() for number in here], axis=1)
        within = counts.reshape(planes, -1)
        before = np.cumsum(within, axis=1) - within + starts[:, row : row + 1]
        earlier = np.cumsum(counts, axis=0) - counts
        shift = before.reshape(planes * rows, -1) - earlier
        for column, number in enumerate(here):
            yield number, shift[:, column]
