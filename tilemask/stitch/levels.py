"""Lines of equal level put together: from the chains of many tiles to whole lines with coordinates.

Which chains belong to one line is known from the edges by which they enter and leave, so it is decided for all at once
from a few numbers each. Points are read afterwards, a million at a time, in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.stitch.chains import follow
from tilemask.stitch.cracks import spans
from tilemask.stitch.isolines import Note, Part
from tilemask.stitch.rows import joined
from tilemask.stitch.tracing import POINTS, ranges

_ENTRY, _EXIT, _TILE, _NUMBER, _POINTS, _LEAST = range(6)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Whole lines as sequences of chains.

    Attributes
    ----------
    chains : (n, 6) ndarray of int64
        Rows of the survey, line by line.
    points : (n,) ndarray of int64
        Points to take of each chain: all, but for a last one that is the first of the next chain.
    starts : (k + 1,) ndarray of int64
        Where in `chains` each line begins.
    closed : (k,) ndarray of bool
    """

    chains: NDArray[np.int64]
    points: NDArray[np.int64]
    starts: NDArray[np.int64]
    closed: NDArray[np.bool_]

    def per_line(self, function: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        return function.reduceat(values, self.starts[:-1]) if len(values) else values


def finish_isolines(part: Part, read_note: Callable[[int], Note | None], grid: Grid) -> Iterator[dict[str, Any]]:
    """Yield lines, ordered by the first edge in raster order that each crosses, as pieces of a stream.

    Notes
    -----
    Memory: about 150 bytes per line and tile that it crosses, and per point of one piece.
    """
    lines = _lines(joined(part["rows"], 6))
    sizes = lines.per_line(np.add, lines.points)
    by_first = np.argsort(lines.per_line(np.minimum, lines.chains[:, _LEAST]))
    for run in ranges(sizes[by_first], POINTS):
        some = by_first[run]
        at = spans(lines.starts[some], np.diff(lines.starts)[some])
        edges, fractions = _read(lines.chains[at], lines.points[at], read_note)
        index, counts = _turned(edges, sizes[some], lines.closed[some], part["reverse"])
        points, counts = _distinct(_coordinates(edges[index], fractions[index], part["columns"]), counts)
        kept = counts > 1
        yield {
            "labels": np.zeros(int(kept.sum()), np.int64),
            "parents": np.full(int(kept.sum()), -1),
            "closed": lines.closed[some][kept],
            "counts": counts[kept],
            "points": points[np.repeat(kept, counts)],
        }


def _lines(rows: NDArray[np.int64]) -> _Lines:
    by_entry = np.argsort(rows[:, _ENTRY])
    entries = rows[by_entry, _ENTRY]
    at = np.minimum(np.searchsorted(entries, rows[:, _EXIT]), max(len(rows) - 1, 0))
    continued = (rows[:, _EXIT] >= 0) & (entries[at] == rows[:, _EXIT])
    order, starts = follow(np.where(continued, by_entry[at], -1), rows[:, _LEAST])
    chains, continued = rows[order], continued[order]
    endless = continued | (chains[:, _EXIT] < 0)
    closed = np.logical_and.reduceat(endless, starts[:-1]) if len(rows) else endless
    return _Lines(chains, chains[:, _POINTS] - continued, starts, closed)


def _read(
    chains: NDArray[np.int64], points: NDArray[np.int64], read_note: Callable[[int], Note | None]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Edges and fractions of chains, one after the other; each tile is read once."""
    total, begins = int(points.sum()), np.cumsum(points) - points
    edges, fractions = np.empty(total, np.int64), np.empty(total)
    for tile in np.unique(chains[:, _TILE]):
        note = read_note(int(tile))
        assert note is not None, "a tile that counted points has left its lines"
        here = np.flatnonzero(chains[:, _TILE] == tile)
        starts = np.cumsum(note["counts"]) - note["counts"]
        taken = spans(starts[chains[here, _NUMBER]], points[here])
        put = spans(begins[here], points[here])
        edges[put], fractions[put] = note["edges"][taken], note["fractions"][taken]
    return edges, fractions


def _turned(
    edges: NDArray[np.int64], sizes: NDArray[np.int64], closed: NDArray[np.bool_], reverse: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order points so that closed lines begin at their first edge in raster order, and return to it."""
    starts = np.cumsum(sizes) - sizes
    least = np.minimum.reduceat(edges, starts) if len(sizes) else sizes
    shift = np.where(closed, np.flatnonzero(edges == np.repeat(least, sizes)) - starts, 0)
    counts = sizes + closed
    along = spans(np.zeros(len(sizes), np.int64), counts)
    if reverse:
        along = np.repeat(counts, counts) - 1 - along
    index = np.repeat(starts, counts) + (along + np.repeat(shift, counts)) % np.repeat(sizes, counts)
    return index, counts


def _coordinates(edges: NDArray[np.int64], fractions: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    row, column = np.divmod(edges // 2, columns)
    along_row = edges % 2 == 0
    return np.column_stack((np.where(along_row, row, row + fractions), np.where(along_row, column + fractions, column)))


def _distinct(points: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Points without repeats in succession: where a pixel has the level itself, several edges share one point."""
    line = np.repeat(np.arange(len(counts)), counts)
    kept = np.ones(len(points), bool)
    kept[1:] = (points[1:] != points[:-1]).any(axis=1) | (line[1:] != line[:-1])
    return points[kept], np.bincount(line[kept], minlength=len(counts))
