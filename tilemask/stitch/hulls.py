"""Convex hulls of many objects at once, in integers.

A pixel stands for the four middles of its sides, as in scikit-image, so the corners of a hull are half integers and all
is exact in doubled coordinates. What a hull needs of an object is its first and its last pixel per line: those can be
collected over tiles. A point that lies on or within the line between its neighbours is no corner of a hull, whatever
else is left out at the same moment, so all objects are thinned out together until nothing goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Lines:
    """The extent of objects per line, sorted by object and line; lines between may be missing."""

    owner: NDArray[np.int64]
    """Which object, from 0; each has a line."""
    line: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chain:
    """The corners of one side of the hulls, sorted by object and line; doubled coordinates."""

    owner: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


def hull_lines(lines: Lines) -> Lines:
    """The pixels whose centres lie in the hull of each object or on its border; no line is missing."""
    left, right = chains(lines)
    begins = np.flatnonzero(np.diff(lines.owner, prepend=-1))
    ends = np.append(begins[1:], len(lines.owner)) - 1
    heights = lines.line[ends] - lines.line[begins] + 1
    owner = np.repeat(np.arange(len(begins)), heights)
    line = np.arange(len(owner)) - np.repeat(np.cumsum(heights) - heights, heights) + lines.line[begins][owner]
    return Lines(owner, line, _smallest_inside(left, owner, line), -_smallest_inside(right, owner, line))


def chains(lines: Lines) -> tuple[Chain, Chain]:
    """The left sides of the hulls, and the right sides with x mirrored."""
    return _chain(lines.owner, lines.line, lines.first), _chain(lines.owner, lines.line, -lines.last)


def _chain(owner: NDArray[np.int64], line: NDArray[np.int64], x: NDArray[np.int64]) -> Chain:
    owners = np.repeat(owner, 3)
    ys = (2 * line[:, None] + (-1, 0, 1)).ravel()
    xs = (2 * x[:, None] + (0, -1, 0)).ravel()
    # Two lines that follow each other both give a point between them: the outer one counts.
    twice = np.flatnonzero((owners[1:] == owners[:-1]) & (ys[1:] == ys[:-1]))
    xs[twice] = np.minimum(xs[twice], xs[twice + 1])
    kept = np.ones(len(owners), np.bool_)
    kept[twice + 1] = False
    return _convex(owners[kept], ys[kept], xs[kept])


def _convex(owners: NDArray[np.int64], ys: NDArray[np.int64], xs: NDArray[np.int64]) -> Chain:
    """Take out what is no corner; objects of which nothing goes any more are put aside."""
    finished = []
    while len(owners):
        dy, dx = np.diff(ys), np.diff(xs)
        kept = np.ones(len(owners), np.bool_)
        kept[1:-1] = (owners[2:] != owners[:-2]) | (dy[:-1] * dx[1:] - dx[:-1] * dy[1:] > 0)
        changed = np.zeros(int(owners[-1]) + 1, np.bool_)
        changed[owners[~kept]] = True
        still = ~changed[owners]
        finished.append((owners[still], ys[still], xs[still]))
        kept &= ~still
        owners, ys, xs = owners[kept], ys[kept], xs[kept]
    owners, ys, xs = (np.concatenate(column) for column in zip(*finished, strict=True))
    order = np.lexsort((ys, owners))
    return Chain(owners[order], ys[order], xs[order])


def _smallest_inside(chain: Chain, owner: NDArray[np.int64], line: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest whole x on each line that is not left of the chain of its owner."""
    low = int(chain.y.min())
    span = int(chain.y.max()) - low + 2
    at = np.searchsorted(chain.owner * span + (chain.y - low), owner * span + (2 * line - low), side="right") - 1
    height = chain.y[at + 1] - chain.y[at]
    ahead = chain.x[at] * height + (2 * line - chain.y[at]) * (chain.x[at + 1] - chain.x[at])
    return -(-ahead // (2 * height))


def widest_distance(lines: Lines, spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest distance between two points of each hull, between the middles of the sides of pixels.

    Parameters
    ----------
    lines : Lines
        As `hull_lines` gives them.
    spacing : ndarray of float64, (2,)
    """
    left, right = chains(lines)
    owner = np.concatenate((left.owner, right.owner))
    order = np.argsort(owner, kind="stable")
    owner = owner[order]
    y = np.concatenate((left.y, right.y))[order]
    x = np.concatenate((left.x, -right.x))[order]
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    counts = np.diff(begins, append=len(owner))
    y, x = y - np.repeat(y[begins], counts), x - np.repeat(x[begins], counts)
    widest = np.empty(len(begins))
    pairs = np.cumsum(counts**2)
    start = 0
    while start < len(begins):
        done = pairs[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(pairs, done + _PAIRS_AT_ONCE, side="right")))
        widest[start:stop] = _widest(y, x, begins[start:stop], counts[start:stop], spacing)
        start = stop
    return widest


def _widest(
    y: NDArray[np.int64],
    x: NDArray[np.int64],
    begins: NDArray[np.int64],
    counts: NDArray[np.int64],
    spacing: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The largest distance between two points of each group of points."""
    sizes = counts**2
    groups = np.cumsum(sizes) - sizes
    pair = np.arange(int(sizes.sum())) - np.repeat(groups, sizes)
    one, other = np.divmod(pair, np.repeat(counts, sizes))
    one, other = one + np.repeat(begins, sizes), other + np.repeat(begins, sizes)
    dy = (y[one] - y[other]) / 2 * spacing[0]
    dx = (x[one] - x[other]) / 2 * spacing[1]
    return np.asarray(np.sqrt(np.maximum.reduceat(dy * dy + dx * dx, groups)))
