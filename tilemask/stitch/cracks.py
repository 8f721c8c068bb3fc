"""The cracks of one tile: the borders between its pixels, as directed chains of corners.

A crack is the side of a pixel behind which lies another value. Each is drawn by the pixel it belongs to, with that
pixel on the right, so a crack belongs to one tile alone, and a tile needs no more of its neighbours than whether they
hold the same value: `crack_codes` says that in a byte a pixel. Cracks in line are taken together as runs; the successor
of a run is known from the codes around its last pixel, unless it belongs to another tile. Loops that close within the
tile are done; what is cut at a seam carries the vertex, and where two lines pass there the turn, by which both halves
know each other.

Sides are counted clockwise, N, E, S, W = 0…3, and walked clockwise: a run on side N goes east, on E south. At its end
the line either turns right around the same pixel, goes on or turns left along pixels of the same value, or, where two
pixels of one value meet at a corner only and `across` is asked for, turns left to the other pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.chains import cross_over, follow, groups_of

Piece = dict[str, NDArray[Any]]
AHEAD = np.array(((0, 1), (1, 0), (0, -1), (-1, 0)))
"""Row and column step along a run on each side."""
BEGIN = np.array(((0, 0), (0, 1), (1, 1), (1, 0)))
"""The vertex at which a run on each side begins, from the upper left one of its first pixel."""


def crack_codes(values: NDArray[Any], *, diagonals: bool) -> NDArray[np.uint8]:
    """Say of each pixel behind which sides lies another value, and at which corners the same.

    Parameters
    ----------
    values : (rows, columns) ndarray of bool or integers
        0 is background, and has no code.
    diagonals : bool
        Whether corners are wanted.

    Returns
    -------
    (rows, columns) ndarray of uint8
        Bits 0 to 3: the neighbour N, E, S, W differs, or lies outside the array. Bits 4 to 7: the neighbour NE, SE, SW,
        NW is equal.
    """
    codes = np.zeros(values.shape, np.uint8)
    down = (values[1:] != values[:-1]).view(np.uint8)
    right = (values[:, 1:] != values[:, :-1]).view(np.uint8)
    codes[1:] |= down
    codes[:-1] |= down << 2
    codes[:, 1:] |= right << 3
    codes[:, :-1] |= right << 1
    codes[0] |= 1
    codes[:, -1] |= 2
    codes[-1] |= 4
    codes[:, 0] |= 8
    if diagonals:
        falling = (values[1:, 1:] == values[:-1, :-1]).view(np.uint8)
        rising = (values[1:, :-1] == values[:-1, 1:]).view(np.uint8)
        codes[1:, :-1] |= rising << 4
        codes[:-1, :-1] |= falling << 5
        codes[:-1, 1:] |= rising << 6
        codes[1:, 1:] |= falling << 7
    codes[values == 0] = 0
    return codes


def trace(labels: NDArray[Any], codes: NDArray[np.uint8], place: Place, *, across: bool) -> Piece:
    """Trace the cracks of one tile.

    Parameters
    ----------
    labels : (rows, columns) ndarray of integers
        The core.
    codes : (rows, columns) ndarray of uint8
        As from `crack_codes`, of the core.
    place : Place
    across : bool
        Whether lines go across where two pixels meet at a corner only; else they go round each, and loops that touch
        themselves are divided there.

    Returns
    -------
    dict
        One entry per chain, by label, in an order of no meaning: ``labels`` (int64), ``counts`` (points per chain),
        ``entry``, ``exit`` (int64: what the halves of a cut line know each other by, -1 for a loop), and the
        ``points`` of all, (n, 2) int32, rows and columns of pixel corners; a loop does not repeat its first.
    """
    padded = np.pad(codes, 1)
    width = padded.shape[1]
    runs = _runs(padded)
    successor = _successors(padded, runs, across)
    side, first, last = runs
    corner = np.array(place.core.start) - 1
    begin = np.column_stack(np.divmod(first, width)) + corner + BEGIN[side]
    end = np.column_stack(np.divmod(last, width)) + corner + BEGIN[(side + 1) % 4]
    columns = place.shape[1] + 1
    vertex = begin[:, 0] * columns + begin[:, 1]
    if not across:
        successor = _divided(successor, vertex)
    order, starts = follow(successor, vertex)
    heads, tails = order[starts[:-1]], order[starts[1:] - 1]
    is_open = successor[tails] < 0
    turn_in, turn_out = _turns(padded, runs, heads, tails) if across else (0, 0)
    entry = np.where(is_open, vertex[heads] * 8 + turn_in, -1)
    leaving = np.where(is_open, (end[tails, 0] * columns + end[tails, 1]) * 8 + turn_out, -1)
    label = _signed(labels)[tuple(np.divmod(first[heads], width) - np.array([[1], [1]]))]
    points = np.insert(begin[order], starts[1:][is_open], end[tails][is_open], axis=0).astype(np.int32)
    piece = {"labels": label, "counts": np.diff(starts) + is_open, "entry": entry, "exit": leaving, "points": points}
    return take(piece, np.argsort(label, kind="stable"))


def take(piece: Piece, chains: NDArray[np.int64]) -> Piece:
    """These chains of a piece, in this order."""
    stops = np.cumsum(piece["counts"])
    counts = piece["counts"][chains]
    taken = {name: piece[name][chains] for name in ("labels", "counts", "entry", "exit")}
    return taken | {"points": piece["points"][spans(stops[chains] - counts, counts)]}


def spans(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices start, start + 1, … of each of several spans, one after the other."""
    before = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) + np.repeat(starts - before, counts)


def _runs(padded: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Side, first and last pixel (flat, in the padded tile) of each run; by side, then along lines of pixels.

    Along one line of pixels the runs of one side do not overlap, so its n-th first pixel and its n-th last pixel belong
    together, and nothing has to be followed.
    """
    flat, width = padded.ravel(), padded.shape[1]
    edge = np.flatnonzero(flat & 15)
    sides, firsts, lasts = [], [], []
    for side, (rows, columns) in enumerate(AHEAD):
        ahead = int(rows * width + columns)
        here = edge[(flat[edge] >> side & 1).astype(bool)]
        if rows:  # along columns
            here = here[np.argsort(here % width, kind="stable")]
        code = flat[here]
        begins = (code >> (side + 3) % 4 | ~(flat[here - ahead] >> side)) & 1
        ends = (code >> (side + 1) % 4 | ~(flat[here + ahead] >> side)) & 1
        firsts.append(here[begins.view(bool)])
        lasts.append(here[ends.view(bool)])
        sides.append(np.full(len(firsts[-1]), side))
    return np.concatenate(sides), np.concatenate(firsts), np.concatenate(lasts)


def _successors(padded: NDArray[np.uint8], runs: Any, across: bool) -> NDArray[np.int64]:
    """Per run the next one, -1 where that belongs to another tile."""
    side, first, last = runs
    flat, width = padded.ravel(), padded.shape[1]
    ahead = (AHEAD @ (width, 1))[side]
    outward = -(AHEAD @ (width, 1))[(side + 1) % 4]
    code = flat[last]
    right = (code >> (side + 1) % 4 & 1).astype(bool)
    jump = right & (code >> (side + 4) & 1).astype(bool) if across else np.zeros(len(side), bool)
    left = ~right | jump
    pixel = np.where(left, last + ahead + outward, last)
    turned = np.where(left, (side + 3) % 4, (side + 1) % 4)
    inside = np.pad(np.ones((padded.shape[0] - 2, width - 2), bool), 1).ravel()
    known = inside[pixel] & (~left | jump | inside[last + ahead])
    bounds = np.searchsorted(side, np.arange(5))
    successor = np.full(len(side), -1)
    number = np.full(flat.size, -1, np.int32 if len(side) < 2**31 else np.int64)
    for wanted in range(4):
        runs_there = slice(bounds[wanted], bounds[wanted + 1])
        number[first[runs_there]] = np.arange(runs_there.start, runs_there.stop)
        asking = known & (turned == wanted)
        successor[asking] = number[pixel[asking]]
    return successor


def _divided(successor: NDArray[np.int64], vertex: NDArray[np.int64]) -> NDArray[np.int64]:
    """The successors with loops divided where they touch themselves; open chains are for later."""
    group = groups_of(successor) if len(successor) else successor
    whole = np.ones(int(group.max(initial=-1)) + 1, bool)
    whole[group[successor < 0]] = False
    closed = np.flatnonzero(whole[group])
    number = np.full(len(successor), -1)
    number[closed] = np.arange(len(closed))
    crossed = cross_over(number[successor[closed]], group[closed], vertex[closed])
    if crossed is not None:
        successor[closed] = closed[crossed]
    return successor


def _turns(padded: NDArray[np.uint8], runs: Any, heads: NDArray[Any], tails: NDArray[Any]) -> tuple[Any, Any]:
    """Per chain what tells its two ends from another line through the same vertex: 0 where there is no other."""
    side, first, last = runs
    flat = padded.ravel()
    behind = (side[heads] + 3) % 4
    code = flat[first[heads]]
    entered = (code >> behind & code >> (behind + 4) & 1).astype(bool)
    out = side[tails]
    code = flat[last[tails]]
    left = (code >> (out + 1) % 4 & code >> (out + 4) & 1).astype(bool)
    return np.where(entered, 1 + side[heads], 0), np.where(left, 1 + (out + 3) % 4, 0)


def _signed(labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise InputError(f"labels above 2⁶³ - 1 have no outline; found {labels.max()}. Number them anew with label.")
    return labels.astype(np.int64, copy=False)
