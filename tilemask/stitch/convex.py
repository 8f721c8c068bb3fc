"""Convex hulls of objects that cross seams.

A hull reaches no farther than the object does, so an object within one tile is that tile's own affair. Of the others
every tile notes the first and the last pixel per row; once it is known what belongs together, the hull of the whole is
made, and each tile that it reaches gets its rows there, whether the object has a pixel in that tile or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.image import Place
from tilemask.stitch.components import begun_by_line, label_components
from tilemask.stitch.hulls import Lines, hull_lines
from tilemask.stitch.parts import Part, contacts_of, seam_part
from tilemask.stitch.union import Union, unite

Record = dict[str, NDArray[np.int64]]


def survey_hulls(pixels: NDArray[Any], *, place: Place, connectivity: int) -> tuple[Part, Record | None]:
    """Send what lies on the seams; note the extent per row of the objects there, in pixels of the image."""
    labels = label_components(pixels, connectivity)
    values = None if pixels.dtype == np.bool_ else pixels
    part, (numbers, ids) = seam_part(labels, begun_by_line(labels), place, connectivity=connectivity, values=values)
    if not len(numbers):
        return part, None
    lines = extents(labels)
    kept = np.isin(lines.owner, numbers - 1)
    row, column = place.core.start
    return part, {
        "ids": ids[np.searchsorted(numbers - 1, lines.owner[kept])],
        "line": lines.line[kept] + row,
        "first": lines.first[kept] + column,
        "last": lines.last[kept] + column,
    }


def finish_hulls(
    part: Part, read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Give each tile the rows of the hulls that reach into it.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``line``, ``first``, ``last`` (int64), in pixels of the tile's core; None where no such hull reaches it.

    Notes
    -----
    Memory: as `unite`, and 32 bytes per row of each object that crosses a seam and per row of its pieces: O(perimeter).
    """
    hulls = _whole_hulls(unite(contacts_of(part)), read_note, grid)
    for number in range(len(grid)):
        core = grid.core(grid.index(number))
        rows = slice(*np.searchsorted(hulls.line, (core.start[0], core.stop[0])))
        first = np.maximum(hulls.first[rows], core.start[1]) - core.start[1]
        last = np.minimum(hulls.last[rows], core.stop[1] - 1) - core.start[1]
        here = first <= last
        if not here.any():
            yield number, None
            continue
        line = hulls.line[rows][here] - core.start[0]
        yield number, {"line": line, "first": first[here], "last": last[here]}


def fill_hulls(pixels: NDArray[Any], *, record: Record | None, connectivity: int) -> NDArray[np.bool_]:
    """Fill the hulls of the objects of a core, and what those of crossing objects have in it.

    What a tile holds of a crossing object has a hull within that of the whole, so it need not be told apart.
    """
    labels = label_components(pixels, connectivity)
    steps = np.zeros((labels.shape[0], labels.shape[1] + 1), np.int32)
    lines = extents(labels)
    if len(lines.owner):
        hulls = hull_lines(lines)
        _add(steps, hulls.line, hulls.first, hulls.last)
    if record is not None:
        _add(steps, record["line"], record["first"], record["last"])
    return np.cumsum(steps[:, :-1], axis=1, dtype=np.int32) > 0


def extents(labels: NDArray[Any]) -> Lines:
    """The first and the last pixel of each component in each row, by component (from 0) and row."""
    beyond = np.zeros((labels.shape[0], 1), labels.dtype)
    begins = np.nonzero((labels != np.hstack((beyond, labels[:, :-1]))) & (labels != 0))
    ends = np.nonzero((labels != np.hstack((labels[:, 1:], beyond))) & (labels != 0))
    owner = labels[begins].astype(np.int64) - 1
    order = np.argsort(owner, kind="stable")  # rows, and runs within a row, stay ascending
    owner, line = owner[order], begins[0][order].astype(np.int64)
    fresh = np.ones(len(owner) + 1, np.bool_)
    fresh[1:-1] = (owner[1:] != owner[:-1]) | (line[1:] != line[:-1])
    first, last = begins[1][order].astype(np.int64), ends[1][order].astype(np.int64)
    return Lines(owner[fresh[:-1]], line[fresh[:-1]], first[fresh[:-1]], last[fresh[1:]])


def _whole_hulls(union: Union, read_note: Callable[[int], Record | None], grid: Grid) -> Lines:
    """The hulls of the objects that cross a seam, sorted by row."""
    pieces = []
    for number in range(len(grid)):
        note = read_note(number)
        if note is not None:
            crossing, at = union.find(note["ids"])
            pieces.append(
                np.stack((union.group[at], note["line"][crossing], note["first"][crossing], note["last"][crossing]))
            )
    owner, line, first, last = np.concatenate([np.empty((4, 0), np.int64), *pieces], axis=1)
    if not len(owner):
        return Lines(owner, line, first, last)
    order = np.lexsort((line, owner))
    owner, line = owner[order], line[order]
    at = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(line, prepend=-1) != 0))
    first, last = np.minimum.reduceat(first[order], at), np.maximum.reduceat(last[order], at)
    hulls = hull_lines(Lines(owner[at], line[at], first, last))
    order = np.argsort(hulls.line, kind="stable")
    return Lines(hulls.owner[order], hulls.line[order], hulls.first[order], hulls.last[order])


def _add(steps: NDArray[np.int32], line: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> None:
    """Let an interval begin and end in each of these rows."""
    np.add.at(steps, (line, first), 1)
    np.add.at(steps, (line, last + 1), -1)
