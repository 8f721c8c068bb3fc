"""Holes of objects of any shape: the gaps between their pixels in a line, followed from line to line.

An object is given by its spans, the stretches of pixels that it has in each line. What lies between two spans of a line
is a gap, and gaps that touch, at corners too, are one piece of what is not the object. A piece is a hole if none of its
gaps touches a pixel of a line that lies before the first or behind the last span there: that is outside. What other
objects have in a hole belongs to it. A hole in the part of an object that one tile has is a hole of the object, so
tiles fill these at once, and send what is left.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tilemask.boxes import Box
from tilemask.stitch.columns import Rows, first_of_each
from tilemask.stitch.cracks import spans as ranges
from tilemask.stitch.runs import Runs


def span_rows(runs: Runs, strip: Box) -> Rows:
    """The spans of each label of a strip, its own holes filled.

    Returns
    -------
    dict of columns
        ``label``, ``line`` (spans, ndim - 1), ``start``, ``stop``, in pixels of the image.
    """
    corner = np.array(strip.start, np.int64)
    rows = {
        "label": runs.labels[runs.group],
        "line": runs.lines + corner[:-1],
        "start": runs.starts + corner[-1],
        "stop": runs.stops + corner[-1],
    }
    return filled_spans(rows)


def filled_spans(rows: Rows) -> Rows:
    """The spans of objects without holes, from rows in any order: sorted by label and line, and as few as can be."""
    order = np.lexsort((rows["start"], *reversed(rows["line"].T), rows["label"]))
    rows = {name: column[order] for name, column in rows.items()}
    first = first_of_each(rows["label"], *rows["line"].T)
    inner = np.ones(len(order), np.bool_)
    inner[first] = False
    before = np.flatnonzero(inner) - 1
    closed = rows["stop"][before] == rows["start"][before + 1]
    gaps = before[~closed]
    if len(gaps):
        closed[~closed] = _enclosed(rows, first, gaps)
    begins = np.ones(len(order), np.bool_)
    begins[before[closed] + 1] = False
    ends = np.roll(begins, -1)
    return {
        "label": rows["label"][begins],
        "line": rows["line"][begins],
        "start": rows["start"][begins],
        "stop": rows["stop"][ends],
    }


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of objects, numbered so that neighbours are found by a difference that depends on the object."""

    number: NDArray[np.int64]
    """Ascending."""
    steps: NDArray[np.int64]
    """How much the number grows along each axis but the last, (lines, ndim - 1)."""
    first: NDArray[np.int64]
    stop: NDArray[np.int64]

    def at(self, number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The positions of lines, and whether these exist."""
        position = np.minimum(np.searchsorted(self.number, number), len(self.number) - 1)
        return position, self.number[position] == number


def _lines_of(rows: Rows, first: NDArray[np.int64]) -> _Lines:
    line = rows["line"][first]
    begins = first_of_each(rows["label"][first])
    sizes = np.diff(begins, append=len(first))
    low = np.minimum.reduceat(line, begins, axis=0)
    sides = np.maximum.reduceat(line, begins, axis=0) - low + 3  # one beyond at both ends: no line of another object
    steps = np.cumprod(np.column_stack((np.ones_like(sizes), sides[:, :0:-1])), axis=1)[:, ::-1]
    volume = np.prod(sides, axis=1)
    within = line - np.repeat(low, sizes, axis=0) + 1
    steps = np.repeat(steps, sizes, axis=0)
    number = np.repeat(np.cumsum(volume) - volume, sizes) + (within * steps).sum(axis=1)
    last = np.append(first[1:], len(rows["label"])) - 1
    return _Lines(number, steps, rows["start"][first], rows["stop"][last])


def _enclosed(rows: Rows, first: NDArray[np.int64], gaps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each gap belongs to a hole; `gaps` are the positions of the spans before them."""
    lines = _lines_of(rows, first)
    mine = np.searchsorted(first, gaps, side="right") - 1
    low = int(rows["start"].min())
    width = int(rows["stop"].max()) - low + 1
    start, stop = rows["stop"][gaps], rows["start"][gaps + 1]
    starts, stops = mine * width + (start - low), mine * width + (stop - low)
    open_to = np.zeros(len(gaps), np.bool_)
    pairs = []
    for offset in itertools.product((-1, 0, 1), repeat=rows["line"].shape[1]):
        if not any(offset):
            continue
        there, exists = lines.at(lines.number[mine] + lines.steps[mine] @ np.array(offset))
        open_to |= ~exists | (start <= lines.first[there]) | (stop >= lines.stop[there])
        if offset > (0,) * len(offset):
            begin = np.searchsorted(stops, there * width + (start - low))
            end = np.searchsorted(starts, there * width + (stop - low), side="right")
            counts = np.where(exists, end - begin, 0)
            pairs.append(np.stack((np.repeat(np.arange(len(gaps)), counts), ranges(begin, counts))))
    one, other = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(len(gaps), len(gaps)))
    piece = connected_components(graph, directed=False)[1]
    outside = np.zeros(len(gaps), np.bool_)
    outside[piece[open_to]] = True
    return ~outside[piece]
