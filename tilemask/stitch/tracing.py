"""Outlines as a survey: tiles trace their cracks, and labels are closed in ranges, each in bounded memory.

An outline can be made when all tiles that show its label are known, so what a tile tells the others is no line but a
count: how many points it has of which label. The lines stay in scratch. At the end the labels are taken in ascending
order, as many at a time as have a million points together, and of the tiles that show one of them the lines are read
again. So memory is that of a million points, or of the one label that has more, and the order in which features leave
does not depend on tiles.

A tile of noise is all cracks, and to trace them takes 660 bytes a pixel. Lines that are cut meet again wherever they
are cut, so a tile with many cracks is traced in strips, and what it leaves in scratch is packed into small numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.image import Place
from tilemask.stitch.contours import contour_piece
from tilemask.stitch.cracks import Piece, take, trace
from tilemask.stitch.faces import compact
from tilemask.stitch.outlines import outline_piece
from tilemask.stitch.rings import join
from tilemask.stitch.rows import add_rows, joined

Part = dict[str, Any]
Notes = Callable[[int], Piece | None]
POINTS = 2**20
"""Points closed at a time; the work takes up to 220 bytes for each."""
CRACKS = 2**17
"""Sides of pixels traced at a time; the work takes up to 170 bytes for each. Nuclei have fewer in a tile of 2048²."""


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
    sides = np.bitwise_count(codes & 15).sum(axis=1, dtype=np.int64)
    if not sides.any():
        return part, None
    strips = [_trace_rows(labels, codes, place, rows, across) for rows in ranges(sides, CRACKS)]
    lines = _by_label(strips)
    found, begins = np.unique(lines["labels"], return_index=True)
    points = np.add.reduceat(lines["counts"], begins)
    part["rows"].append(np.column_stack((found, np.full(len(found), place.number), points)))
    return part, _packed(lines, place.core)


def _trace_rows(labels: NDArray[Any], codes: NDArray[np.uint8], place: Place, rows: slice, across: bool) -> Piece:
    (top, left), (_, right) = place.core.start, place.core.stop
    strip = replace(place, core=Box((top + rows.start, left), (top + rows.stop, right)))
    return trace(labels[rows], codes[rows], strip, across=across)


def _by_label(strips: list[Piece]) -> Piece:
    """The chains of several strips as one piece; the strips are let go of on the way."""
    if len(strips) == 1:
        return strips.pop()
    lines = {name: np.concatenate([strip.pop(name) for strip in strips]) for name in list(strips[0])}
    return take(lines, np.argsort(lines["labels"], kind="stable"))


def combine_cracks(a: Part, b: Part) -> Part:
    """Merge two parts; the first may be changed."""
    for rows in b["rows"]:
        add_rows(a["rows"], rows)
    return a


def finish_polygons(part: Part, read_note: Notes, grid: Grid) -> Iterator[Piece]:
    """Yield the outlines of labels, ascending, as pieces of a stream."""
    for lines in _by_labels(part, read_note, grid):
        yield outline_piece(join(lines, divide=True), part["about"])


def finish_contours(part: Part, read_note: Notes, grid: Grid) -> Iterator[Piece]:
    """Yield the contours of components, ascending, as pieces of a stream."""
    for lines in _by_labels(part, read_note, grid):
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


def _by_labels(part: Part, read_note: Notes, grid: Grid) -> Iterator[list[Piece]]:
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
        yield [_between(read_note(number), low, high, grid.core(grid.index(number))) for number in tiles.tolist()]


def _packed(lines: Piece, core: Box) -> Piece:
    """A piece in a third of its memory: corners from that of the tile on, and ends of open chains alone."""
    cut = np.flatnonzero(lines["entry"] >= 0)
    side = np.min_scalar_type(max(core.shape))
    return {
        "labels": lines["labels"].astype(_type_of(*lines["labels"][[0, -1]].tolist())),
        "counts": compact(lines["counts"]),
        "open": compact(cut),
        "entry": lines["entry"][cut],
        "exit": lines["exit"][cut],
        "points": (lines["points"] - np.array(core.start, np.int32)).astype(side),
    }


def _type_of(low: int, high: int) -> np.dtype[Any]:
    """A small type of integers from `low` to `high`; none of 64 bits without a sign, which NumPy compares as floats."""
    limits = (np.iinfo(kind) for kind in ("uint8", "uint16", "int32"))
    return next((limit.dtype for limit in limits if limit.min <= low and high <= limit.max), np.dtype(np.int64))


def _between(note: Piece | None, low: int, high: int, core: Box) -> Piece:
    """The chains of some labels, unpacked."""
    assert note is not None, "a tile that counted points has left its lines"
    first, last = np.searchsorted(note["labels"], low), np.searchsorted(note["labels"], high, side="right")
    counts = note["counts"].astype(np.int64)
    before, here = int(counts[:first].sum()), int(counts[first:last].sum())
    some = slice(*np.searchsorted(note["open"], (first, last)))
    piece = {"labels": note["labels"][first:last].astype(np.int64), "counts": counts[first:last]}
    for end in ("entry", "exit"):
        piece[end] = np.full(last - first, -1, np.int64)
        piece[end][note["open"][some].astype(np.int64) - first] = note[end][some]
    points = note["points"][before : before + here]
    return piece | {"points": points.astype(np.int32) + np.array(core.start, np.int32)}


_NOTHING: Piece = dict.fromkeys(("labels", "counts", "entry", "exit"), np.empty(0, np.int64)) | {
    "points": np.empty((0, 2), np.int32)
}
