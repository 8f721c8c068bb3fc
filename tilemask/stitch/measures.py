"""What a tile knows of the objects in it: one row of integers per label, and the survey that collects the rows.

A label carries its identity from tile to tile, so nothing is stitched: a label may lie in any tiles, connected or not,
and rows of equal labels are merged at the end. The rows stay beside the tile as its note; the part says only between
which labels a tile has rows, and how many, so it is four integers a tile whatever the number of objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Place
from tilemask.stitch.columns import Rows, first_of_each, joined_rows, sorted_rows
from tilemask.stitch.gaps import span_rows
from tilemask.stitch.intensities import SHORT_BITS, extreme_rows, total_rows
from tilemask.stitch.medians import value_rows
from tilemask.stitch.moments import Orders, cell_side, moments_of_runs
from tilemask.stitch.patterns import PERIMETER_CODES, quads_of_bits
from tilemask.stitch.rows import add_rows
from tilemask.stitch.runs import Runs, find_runs
from tilemask.stitch.weights import weight_rows

STRIP_PIXELS = 1 << 18
"""Pixels that are measured at once: a float takes up to 180 bytes meanwhile, and larger strips are not faster."""


def survey_measures(
    labels: NDArray[Any],
    *others: NDArray[Any],
    place: Place,
    inputs: tuple[str, ...],
    orders: Orders,
    weighted: Orders,
    details: tuple[str, ...],
) -> tuple[dict[str, Any], Rows | None]:
    """Measure what a core has of each label.

    Parameters
    ----------
    labels : ndarray of integers
        0 is background.
    *others : ndarray
        One per entry of `inputs`.
    place : Place
    inputs : tuple of {"image", "edges", "quads", "euler"}
        What `others` are: pixels to be summed, and what the kernels of `tilemask.stitch.patterns` give.
    orders, weighted : Orders
        Moments of the coordinates of pixels, and of these with pixels as weights.
    details : tuple of {"totals", "squares", "values", "lines", "spans"}
        What else is asked for: sums of pixels, and of their squares, how often each value occurs, the extent of each
        label per line, and the pixels of each label in each line.

    Returns
    -------
    part : dict
    note : dict of columns, or None where all is background
        ``label``, ``origin`` (of the moments) and ``start``, ``stop`` (of the box), ``count``, ``moments``; ``low``,
        ``high``, ``total``, ``square`` or ``sums``, ``weights``, ``values``; ``edges``, ``quads``, ``euler``;
        ``lines``, ``spans``.
    """
    found = []
    for strip in strips(place.core):
        cut = strip.within(place.core)
        given = {name: other[cut] for name, other in zip(inputs, others, strict=True)}
        rows = _measure_strip(labels[cut], given, strip, orders, weighted, details)
        if rows is not None:
            found.append(rows)
    if not found:
        return {"lowest": 0, "tiles": []}, None
    rows = found[0] if len(found) == 1 else sorted_rows(joined_rows(found))
    known = rows["label"]
    summary = np.array([[place.number, known[0], known[-1], _rows_held(rows)]], np.int64)
    return {"lowest": int(known[0]), "tiles": [summary]}, rows


def strips(core: Box) -> Iterator[Box]:
    """The core in pieces along its first axis, so that what is made of their pixels takes bounded memory."""
    line = math.prod(core.shape[1:])
    height = max(1, STRIP_PIXELS // max(1, line))
    for start in range(core.start[0], core.stop[0], height):
        stop = min(start + height, core.stop[0])
        yield Box((start, *core.start[1:]), (stop, *core.stop[1:]))


def _rows_held(rows: Rows) -> int:
    """How many rows of labels take as much memory as these and what they hold: about four others each."""
    return len(rows["label"]) + sum(_rows_held(c) for c in rows.values() if isinstance(c, dict) and "label" in c) // 4


def _measure_strip(
    labels: NDArray[Any],
    given: Mapping[str, NDArray[Any]],
    strip: Box,
    orders: Orders,
    weighted: Orders,
    details: tuple[str, ...],
) -> Rows | None:
    cell = cell_side((*orders, *weighted), labels.ndim, SHORT_BITS if weighted else 0)
    runs = find_runs(np.ascontiguousarray(labels), cell)
    if runs is None:
        return None
    rows = _boxes(runs, strip)
    if orders:
        rows["moments"] = moments_of_runs(runs, orders)
    if "image" in given:
        rows |= _of_pixels(runs, given["image"].reshape(*labels.shape, -1), rows, weighted, details)
    if "edges" in given:
        rows["edges"] = _histogram(runs, given["edges"].reshape(-1, 1), 1 + len(PERIMETER_CODES))[:, 1:]
    if "quads" in given:
        rows["quads"] = _histogram(runs, quads_of_bits()[given["quads"].reshape(-1)], 16)
    if "euler" in given:
        rows["euler"] = runs.reduce_pixels(np.add, given["euler"].reshape(-1).astype(np.int64))
    if "lines" in details:
        rows["lines"] = _lines(runs, strip)
    if "spans" in details:
        rows["spans"] = span_rows(runs, strip)
    return rows


def _of_pixels(runs: Runs, pixels: NDArray[Any], boxes: Rows, weighted: Orders, details: tuple[str, ...]) -> Rows:
    """What pixels (…, channels) add to the rows."""
    rows = extreme_rows(runs, pixels)
    if "totals" in details:
        rows |= total_rows(runs, pixels, squared="squares" in details)
    if "values" in details:
        rows["values"] = value_rows(runs, pixels)
    if weighted:
        rows["weights"] = weight_rows(runs, pixels, weighted, boxes)
    return rows


def combine_measures(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts; the first may be changed."""
    for piece in b["tiles"]:
        add_rows(a["tiles"], piece)
    a["lowest"] = min(a["lowest"], b["lowest"])
    return a


def _boxes(runs: Runs, strip: Box) -> Rows:
    corner = np.array(strip.start, np.int64)
    first = np.column_stack((runs.lines, runs.starts))
    last = np.column_stack((runs.lines + 1, runs.stops))
    return {
        "label": runs.labels,
        "origin": corner + runs.cells,
        "start": corner + runs.reduce(np.minimum, first),
        "stop": corner + runs.reduce(np.maximum, last),
        "count": runs.reduce(np.add, runs.stops - runs.starts),
    }


def _histogram(runs: Runs, classes: NDArray[np.uint8], bins: int) -> NDArray[np.int64]:
    """How often each class but 0 occurs among the pixels of each group; `classes` is (pixels, any)."""
    groups = runs.group_of_pixels()
    counts = np.zeros(len(runs.labels) * bins, np.int64)
    for column in classes.T:
        at = np.flatnonzero((column > 0) & (groups >= 0))
        counts += np.bincount(groups[at] * bins + column[at], minlength=len(counts))
    return counts.reshape(-1, bins)


def _lines(runs: Runs, strip: Box) -> Rows:
    """The first and the last pixel of each label in each line."""
    corner = np.array(strip.start, np.int64)
    labels = runs.labels[runs.group]
    order = np.lexsort((*reversed(runs.lines.T), labels))
    labels, line = labels[order], runs.lines[order]
    bounds = first_of_each(labels, *line.T)
    return {
        "label": labels[bounds],
        "line": line[bounds] + corner[:-1],
        "first": np.minimum.reduceat(runs.starts[order], bounds) + corner[-1],
        "last": np.maximum.reduceat(runs.stops[order], bounds) - 1 + corner[-1],
    }
