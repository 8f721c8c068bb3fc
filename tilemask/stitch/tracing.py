"""Outlines as a survey: tiles trace their cracks, and labels are closed in ranges, each in bounded memory.

An outline can be made when all tiles that show its label are known, so what a tile tells the others is no line but a
count: how many points it has of which label. The lines stay in scratch. At the end the labels are taken in ascending
order, as many at a time as have a million points together, and of the tiles that show one of them the lines are read
again. So memory is that of a million points, or of the one label that has more, and the order in which features leave
does not depend on tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.image import Place
from tilemask.stitch.contours import contour_piece
from tilemask.stitch.cracks import Piece, take, trace
from tilemask.stitch.outlines import outline_piece
from tilemask.stitch.rings import join
from tilemask.stitch.rows import add_rows, joined

Part = dict[str, Any]
Notes = Callable[[int], Piece | None]
POINTS = 2**20
"""Points closed at a time; the work takes about 150 bytes for each."""


def survey_cracks(
    labels: NDArray[Any], codes: NDArray[np.uint8], *, place: Place, across: bool, about: dict[str, Any]
) -> tuple[Part, Piece | None]:
    """Trace a tile, and count the points of each label.

    Parameters
    ----------
    labels : (rows, columns) ndarray of integers
    codes : (rows, columns) ndarray of uint8
        As from `crack_codes`.
    place : Place
    across : bool
        As of `trace`.
    about : dict
        Plain data that all pieces will carry.
    """
    part: Part = {"rows": [], "about": about}
    if not codes.any():
        return part, None
    lines = trace(labels, codes, place, across=across)
    found, begins = np.unique(lines["labels"], return_index=True)
    points = np.add.reduceat(lines["counts"], begins)
    part["rows"].append(np.column_stack((found, np.full(len(found), place.number), points)))
    return part, lines


def combine_cracks(a: Part, b: Part) -> Part:
    """Merge two parts; the first may be changed."""
    for rows in b["rows"]:
        add_rows(a["rows"], rows)
    return a


def finish_polygons(part: Part, read_note: Notes, grid: Grid) -> Iterator[Piece]:
    """Yield the outlines of labels, ascending, as pieces of a stream."""
    for lines in _by_labels(part, read_note):
        yield outline_piece(join(lines, divide=True), part["about"])


def finish_contours(part: Part, read_note: Notes, grid: Grid) -> Iterator[Piece]:
    """Yield the contours of components, ascending, as pieces of a stream."""
    for lines in _by_labels(part, read_note):
        yield contour_piece(join(lines, divide=not part["about"]["across"]))


def ranges(sizes: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Cut a sequence into runs of at most so much in sum, or of one entry; one empty run of an empty sequence."""
    before = np.cumsum(sizes) - sizes
    start = 0
    while start < len(sizes):
        stop = max(start + 1, int(np.searchsorted(before + sizes, before[start] + most, side="right")))
        yield slice(start, stop)
        start = stop
    if not len(sizes):
        yield slice(0, 0)


def _by_labels(part: Part, read_note: Notes) -> Iterator[list[Piece]]:
    """All lines of some labels at a time, those of one tile in one dict."""
    rows = joined(part["rows"], 3)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    labels, begins = np.unique(rows[:, 0], return_index=True)
    sizes = np.add.reduceat(rows[:, 2], begins) if len(rows) else rows[:, 2]
    stops = np.append(begins, len(rows))
    for run in ranges(sizes, POINTS):
        if not len(rows):
            yield [_NOTHING]
            return
        low, high = labels[run.start], labels[run.stop - 1]
        tiles = np.unique(rows[stops[run.start] : stops[run.stop], 1])
        yield [_between(read_note(int(number)), low, high) for number in tiles]


def _between(lines: Piece | None, low: int, high: int) -> Piece:
    assert lines is not None, "a tile that counted points has left its lines"
    first, last = np.searchsorted(lines["labels"], (low, high + 1))
    return take(lines, np.arange(first, last))


_NOTHING: Piece = dict.fromkeys(("labels", "counts", "entry", "exit"), np.empty(0, np.int64)) | {
    "points": np.empty((0, 2), np.int32)
}
