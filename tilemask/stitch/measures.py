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
from tilemask.stitch.moments import Orders, cell_side, moments_of_runs, weighted_moments
from tilemask.stitch.patterns import PERIMETER_CODES, quads_of_bits
from tilemask.stitch.rows import add_rows
from tilemask.stitch.runs import Runs, find_runs
from tilemask.stitch.sums import add_sums, exact_sums, squares

Rows = dict[str, Any]
"""Columns of rows by name: see `survey_measures`."""

STRIP_PIXELS = 1 << 20
"""Pixels that are measured at once: labels of single pixels take 150 bytes each meanwhile."""
SHORT_BITS = 16
"""Pixels of at most so many bits are summed as integers, others as exact floats."""


def survey_measures(
    labels: NDArray[Any],
    *others: NDArray[Any],
    place: Place,
    inputs: tuple[str, ...],
    orders: Orders,
    weighted: Orders,
    squared: bool,
    lines: bool,
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
        Moments of the pixels, and of short integers as their weights.
    squared : bool
        Whether the squares of pixels are summed too.
    lines : bool
        Whether the extent of each label per line is asked for.

    Returns
    -------
    part : dict
    note : dict of columns, or None where all is background
        ``label``, ``origin`` (of the moments) and ``start``, ``stop`` (of the box), ``count``, ``moments``; ``low``,
        ``high``, ``total``, ``square`` or ``sums``, ``weighted``; ``edges``, ``quads``, ``euler``; ``lines``.
    """
    found = []
    for strip in strips(place.core):
        cut = strip.within(place.core)
        given = {name: other[cut] for name, other in zip(inputs, others, strict=True)}
        rows = _measure_strip(labels[cut], given, strip, orders, weighted, squared=squared, lines=lines)
        if rows is not None:
            found.append(rows)
    if not found:
        return {"lowest": 0, "tiles": []}, None
    rows = found[0] if len(found) == 1 else sorted_rows(joined_rows(found))
    known = rows["label"]
    summary = np.array([[place.number, known[0], known[-1], len(known)]], np.int64)
    return {"lowest": int(known[0]), "tiles": [summary]}, rows


def strips(core: Box) -> Iterator[Box]:
    """The core in pieces along its first axis, so that what is made of their pixels takes bounded memory."""
    line = math.prod(core.shape[1:])
    height = max(1, STRIP_PIXELS // max(1, line))
    for start in range(core.start[0], core.stop[0], height):
        stop = min(start + height, core.stop[0])
        yield Box((start, *core.start[1:]), (stop, *core.stop[1:]))


def joined_rows(pieces: list[Rows]) -> Rows:
    """The rows of several pieces, one piece after the other."""
    return {
        name: joined_rows([p[name] for p in pieces])
        if isinstance(column, dict)
        else np.concatenate([p[name] for p in pieces])
        for name, column in pieces[0].items()
    }


def sorted_rows(rows: Rows) -> Rows:
    """Rows in ascending order of labels."""
    labels = rows["keys"][:, 0] if "keys" in rows else rows["label"]
    order = np.argsort(labels, kind="stable")
    return {name: sorted_rows(c) if isinstance(c, dict) else c[order] for name, c in rows.items()}


def _measure_strip(
    labels: NDArray[Any],
    given: Mapping[str, NDArray[Any]],
    strip: Box,
    orders: Orders,
    weighted: Orders,
    *,
    squared: bool,
    lines: bool,
) -> Rows | None:
    cell = cell_side((*orders, *weighted), labels.ndim, SHORT_BITS if weighted else 0)
    runs = find_runs(np.ascontiguousarray(labels), cell)
    if runs is None:
        return None
    rows = _boxes(runs, strip)
    if orders:
        rows["moments"] = moments_of_runs(runs, orders)
    if "image" in given:
        pixels = given["image"].reshape(*labels.shape, -1)
        rows |= _values(runs, pixels, squared)
        if weighted:
            channels = [
                weighted_moments(runs, weighted, pixels[..., c].astype(np.int64)) for c in range(pixels.shape[-1])
            ]
            rows["weighted"] = np.stack(channels, axis=1)
    if "edges" in given:
        rows["edges"] = _histogram(runs, given["edges"].reshape(-1, 1), 1 + len(PERIMETER_CODES))[:, 1:]
    if "quads" in given:
        rows["quads"] = _histogram(runs, quads_of_bits()[given["quads"].reshape(-1)], 16)
    if "euler" in given:
        rows["euler"] = runs.reduce_pixels(np.add, given["euler"].reshape(-1).astype(np.int64))
    if lines:
        rows["lines"] = _lines(runs, strip)
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


def _values(runs: Runs, pixels: NDArray[Any], squared: bool) -> Rows:
    """Sums and extremes of pixels with channels, shape (..., channels)."""
    channels = pixels.shape[-1]
    flat = pixels.reshape(-1, channels)
    rows: Rows = {
        "low": runs.reduce_pixels(np.minimum, flat).astype(np.float64),
        "high": runs.reduce_pixels(np.maximum, flat).astype(np.float64),
    }
    if is_short(pixels.dtype):
        whole = flat.astype(np.int64)
        rows["total"] = runs.reduce_pixels(np.add, whole)
        return rows | ({"square": runs.reduce_pixels(np.add, whole * whole)} if squared else {})
    labels, label_of_group = np.unique(runs.labels, return_inverse=True)
    group = runs.group_of_pixels()
    inside = np.flatnonzero(group >= 0)
    group = label_of_group[group[inside]]
    found = []
    for channel in range(channels):
        plain = flat[inside, channel].astype(np.float64)
        found.append(exact_sums(_keys(labels, channel, 0), group, plain))
        if squared:
            both, twice = np.concatenate(squares(plain)), np.concatenate((group, group))
            found.append(exact_sums(_keys(labels, channel, 1), twice, both))
    return rows | {"sums": add_sums({name: np.concatenate([f[name] for f in found]) for name in found[0]})}


def _keys(labels: NDArray[np.int64], channel: int, which: int) -> NDArray[np.int64]:
    """The keys of sums: label, channel, and 0 for pixels or 1 for their squares."""
    return np.column_stack((labels, np.full_like(labels, channel), np.full_like(labels, which)))


def is_short(dtype: np.dtype[Any]) -> bool:
    """Whether pixels are integers whose squares and moments are summed as such."""
    return dtype.kind in "iub" and dtype.itemsize * 8 <= SHORT_BITS


def _histogram(runs: Runs, classes: NDArray[np.uint8], bins: int) -> NDArray[np.int64]:
    """How often each class but 0 occurs among the pixels of each group; `classes` is (pixels, any)."""
    groups = runs.group_of_pixels()
    counts = np.zeros(len(runs.labels) * bins, np.int64)
    for column in classes.T:
        at = np.flatnonzero((column > 0) & (groups >= 0))
        counts += np.bincount(groups[at] * bins + column[at], minlength=len(counts))
    return counts.reshape(-1, bins)


def _lines(runs: Runs, strip: Box) -> Rows:
    """The first and the last pixel of each label in each line of a plane."""
    corner = strip.start
    order = np.lexsort((runs.lines[:, 0], runs.labels[runs.group]))
    labels, line = runs.labels[runs.group][order], runs.lines[:, 0][order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (labels[1:] != labels[:-1]) | (line[1:] != line[:-1])
    bounds = np.flatnonzero(new)
    return {
        "label": labels[bounds],
        "line": line[bounds] + corner[0],
        "first": np.minimum.reduceat(runs.starts[order], bounds) + corner[1],
        "last": np.maximum.reduceat(runs.stops[order], bounds) - 1 + corner[1],
    }
