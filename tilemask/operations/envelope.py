"""The lower envelope of shifted tables along lines: what turns distances along one axis into distances along two.

Given a cost per pixel of a line and a convex table, each pixel p asks for the smallest ``cost[x] + table[|x - p|]``.
The smallest sum is found among all x, not by intersecting parabolas, so that it is the same number in whatever window
it is computed: sums are rounded once, and the smallest rounded sum is the rounding of the smallest sum. SciPy's own
transform prunes by products of differences, whose rounding depends on what else the window shows.

The best x moves to the right with p (the table is convex), so it lies between the best ones of two pixels that are
known. Pixels are therefore taken in levels of halved strides, and one level of all lines is a handful of array
operations. Rounded sums tie where exact ones do not: the first and the last of the best bound the pixels in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CANDIDATES = 2**18
"""Sums that a piece of lines compares at a level, roughly: its arrays stay in the processor's cache."""


def envelope(costs: Floats, table: Floats, axis: int, start: int, wanted: range) -> Floats:
    """Find the smallest ``cost[x] + table[|x - p|]`` along an axis.

    Parameters
    ----------
    costs : ndarray of float64
        Per pixel 0 or more; infinite where a pixel offers nothing.
    table : 1-D ndarray of float64
        Convex, from 0; long enough for every distance that occurs.
    axis : int
        The axis of the lines.
    start : int
        Position of the first pixel of a line.
    wanted : range
        Positions p to find it for.

    Returns
    -------
    ndarray of float64
        Shape of `costs`, but for `axis`, which has the length of `wanted`.
    """
    lines = np.moveaxis(costs, axis, -1)
    result = np.full((*lines.shape[:-1], len(wanted)), np.inf)
    flat, found = lines.reshape(-1, lines.shape[-1]), result.reshape(-1, len(wanted))
    offered = np.flatnonzero(np.isfinite(flat).any(axis=1))
    step = max(1, _CANDIDATES // (flat.shape[1] + len(wanted)))
    for first in range(0, len(offered), step):
        rows = offered[first : first + step]
        found[rows] = _envelope_of_rows(flat[rows], table, start, wanted)
    return np.moveaxis(result, -1, axis)


def _envelope_of_rows(costs: Floats, table: Floats, start: int, wanted: range) -> Floats:
    """The same along the last axis of a few lines, each of which offers something."""
    count, length = costs.shape
    best = np.empty((count, len(wanted)))
    # Per wanted pixel the first and the last x that are best; one more column on either side for what is not known.
    first = np.zeros((count, len(wanted) + 2), np.int32)
    last = np.full((count, len(wanted) + 2), length - 1, np.int32)
    known = np.full(len(wanted) + 2, False)
    known[[0, -1]] = True
    stride = 1 << len(wanted).bit_length()
    while stride:
        pixels = np.arange(stride, len(wanted) + 1, 2 * stride)
        if len(pixels):
            left, right = pixels - stride, np.minimum(pixels + stride, len(wanted) + 1)
            at = pixels - 1 + wanted.start - start
            low, high = first[:, left], last[:, right]
            _shorten(low, high, costs, table, at)
            sums, first[:, pixels], last[:, pixels] = _smallest(costs, table, at, low, high)
            best[:, pixels - 1] = sums
        stride //= 2
    return best


def _shorten(
    low: NDArray[np.int32], high: NDArray[np.int32], costs: Floats, table: Floats, at: NDArray[np.intp]
) -> None:
    """Take off, in place, what lies farther away than the pixel's own cost allows."""
    inside = np.flatnonzero((at >= 0) & (at < costs.shape[1]))
    if not len(inside):
        return
    own = costs[:, at[inside]]
    away = np.searchsorted(table, own.ravel(), side="right").reshape(own.shape)
    low[:, inside] = np.maximum(low[:, inside], at[inside] - away)
    high[:, inside] = np.minimum(high[:, inside], at[inside] + away)


def _smallest(
    costs: Floats, table: Floats, at: NDArray[np.intp], low: NDArray[np.int32], high: NDArray[np.int32]
) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    """The smallest sum over x from `low` to `high`, and the first and the last x that give it."""
    counts = (high - low + 1).ravel()
    ends = np.cumsum(counts)
    starts = ends - counts
    x = np.arange(ends[-1]) + np.repeat(low.ravel() - starts, counts)
    line = np.repeat(np.arange(0, costs.size, costs.shape[1]), counts.reshape(low.shape).sum(axis=1))
    away = np.abs(x - np.repeat(np.broadcast_to(at, low.shape).ravel(), counts))
    sums = np.take(costs.ravel(), line + x) + np.take(table, away)
    smallest = np.minimum.reduceat(sums, starts)
    best = np.flatnonzero(sums == np.repeat(smallest, counts))
    firsts = np.searchsorted(best, starts)
    lasts = np.append(firsts[1:], len(best)) - 1
    return smallest.reshape(low.shape), x[best[firsts]].reshape(low.shape), x[best[lasts]].reshape(low.shape)
