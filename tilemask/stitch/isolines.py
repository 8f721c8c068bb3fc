"""Lines of equal level by marching squares, traced tile by tile.

A line crosses edges: pairs of neighbouring pixels, one above the level and one not. An edge has one number in the whole
image and every line through a square crosses two of its edges, so lines are chains of edge numbers, which are joined
without comparing coordinates; where on its edge a line lies is a fraction. So a tile with many lines can be traced in
strips. A coordinate is made once, at the end (see `tilemask.stitch.levels`), as whole number plus fraction: to add a
tile's offset to a coordinate within the tile would change last bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Place, is_number
from tilemask.stitch.chains import follow
from tilemask.stitch.rows import add_rows
from tilemask.stitch.tracing import ranges

Note = dict[str, NDArray[Any]]
Part = dict[str, Any]
SQUARES = 2**16
"""Squares that lines cross, traced at a time: the work takes up to 380 bytes for each."""
_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
_FROM = np.array((0, _TOP, _RIGHT, _RIGHT, _LEFT, _TOP, _RIGHT, _RIGHT, _BOTTOM, _TOP, _BOTTOM, _BOTTOM, 3, 0, 3, 0))
_TO = np.array((0, _LEFT, _TOP, _LEFT, _BOTTOM, _BOTTOM, _TOP, _BOTTOM, _RIGHT, _LEFT, _TOP, _LEFT, 1, 1, 0, 0))
"""The segment of each case of a square: 1, 2, 4, 8 for upper left, upper right, lower left, lower right above."""
_FIRST, _SECOND = np.array((0, 1, 2, 0)), np.array((1, 3, 3, 2))
"""The pixels of the square at the ends of each side."""
_SADDLES = {False: {6: ((1, 0), (3, 2)), 9: ((0, 3), (2, 1))}, True: {6: ((3, 0), (1, 2)), 9: ((0, 1), (2, 3))}}
"""Both segments of the squares with opposite corners above, by whether these are connected."""


def neighbours(image: NDArray[Any]) -> NDArray[Any]:
    """The pixels to the right, below, and diagonally below, as channels; the last row and column repeat themselves."""
    grown = np.pad(image, ((0, 1), (0, 1)), mode="edge")
    return np.stack((grown[:-1, 1:], grown[1:, :-1], grown[1:, 1:]), axis=-1)


def within_squares(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all four pixels of the squares are true whose upper left pixels are those of the array."""
    grown = np.pad(mask, ((0, 1), (0, 1)))
    return grown[:-1, :-1] & grown[:-1, 1:] & grown[1:, :-1] & grown[1:, 1:]


def survey_isolines(
    image: NDArray[Any],
    others: NDArray[Any],
    inside: NDArray[np.bool_] | None = None,
    *,
    place: Place,
    level: Any,
    high: bool,
    reverse: bool,
) -> tuple[Part, Note | None]:
    """Trace the squares whose upper left pixels are those of a tile.

    Parameters
    ----------
    image : (rows, columns) ndarray
    others : (rows, columns, 3) ndarray
        As from `neighbours`.
    inside : (rows, columns) ndarray of bool, optional
        As from `within_squares`; other squares are left out.
    place : Place
    level : float
    high : bool
        Whether pixels above the level connect diagonally.
    reverse : bool
        Whether lines will be turned round.

    Returns
    -------
    part : dict
        One row per chain: the edges it enters and leaves by (-1 for a loop), tile, number in the note, points, and the
        smallest of its edges.
    note : dict or None
        ``counts`` of points per chain, ``edges`` and ``fractions`` of all.
    """
    check_isolevel(level)
    part: Part = {"rows": [], "reverse": reverse, "columns": place.shape[1]}
    corners = [image, *np.moveaxis(others, -1, 0)]
    case = _cases(corners, inside, place, float(level))
    crossed = ((case != 0) & (case != 15)).sum(axis=1)
    if not crossed.any():
        return part, None
    traced = [_trace(case, corners, place, rows, float(level), high) for rows in ranges(crossed, SQUARES)]
    before = np.cumsum([0, *(len(rows) for rows, _ in traced)])
    for (rows, _), count in zip(traced, before[:-1], strict=True):
        rows[:, 3] += count  # the number of a chain in the note
    part["rows"].append(np.concatenate([rows for rows, _ in traced]))
    return part, {name: np.concatenate([note.pop(name) for _, note in traced]) for name in list(traced[0][1])}


def _trace(
    case: NDArray[np.uint8], corners: list[NDArray[Any]], place: Place, strip: slice, level: float, high: bool
) -> tuple[NDArray[np.int64], Note]:
    """The chains of some rows of squares: as in the part, and their points."""
    within = np.divmod(np.flatnonzero((case[strip] != 0) & (case[strip] != 15)), case.shape[1])
    start, stop, at = _segments(case[strip][within], high)
    values = np.stack([c[strip][within] for c in corners]).astype(np.float64)
    row, column = (i + s for i, s in zip(within, place.core.start, strict=True))
    corner = 2 * ((row + strip.start) * place.shape[1] + column)
    # Edges along rows have even numbers, edges along columns odd ones: those at the top, right, bottom, left.
    edge = np.array((0, 3, 2 * place.shape[1], 1))
    rows, note, segment, last = _chains(corner[at] + edge[start], corner[at] + edge[stop])
    note["fractions"] = _fractions(values[:, at[segment]], np.where(last, stop[segment], start[segment]), level)
    return np.insert(rows, 2, place.number, axis=1), note


def check_isolevel(level: Any) -> None:
    """Refuse what is no number; a level that is a value is known on the tiles first."""
    if not is_number(level):
        raise InputError(f"find_contours: level is a number, and not NaN; found {level!r}.")


def combine_isolines(a: Part, b: Part) -> Part:
    """Merge two parts; the first may be changed."""
    for rows in b["rows"]:
        add_rows(a["rows"], rows)
    return a


def _cases(
    corners: list[NDArray[Any]], inside: NDArray[np.bool_] | None, place: Place, level: float
) -> NDArray[np.uint8]:
    """The cases of squares, by their upper left pixels: 0 or 15 where no line crosses, or where one has a NaN."""
    # As float64, in which the reference compares; a Python number would take the dtype of the pixels.
    above = [np.greater(c, np.float64(level)).view(np.uint8) for c in corners]
    case = above[0] | above[1] << 1 | above[2] << 2 | above[3] << 3
    rows, columns = (max(n - 1 - a, 0) for n, a in zip(place.shape, place.core.start, strict=True))
    case[rows:], case[:, columns:] = 0, 0
    if inside is not None:
        case[~inside] = 0
    for pixels in corners:
        if pixels.dtype.kind == "f":
            case[np.isnan(pixels)] = 0
    return case


def _segments(case: NDArray[np.uint8], high: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Per segment the side it comes from, the side it goes to, and its square; a saddle has two."""
    start, stop = _FROM[case], _TO[case]
    starts, stops, squares = [start], [stop], [np.arange(len(case))]
    for saddle, (one, other) in _SADDLES[high].items():
        at = np.flatnonzero(case == saddle)
        start[at], stop[at] = one
        starts.append(np.full(len(at), other[0]))
        stops.append(np.full(len(at), other[1]))
        squares.append(at)
    return np.concatenate(starts), np.concatenate(stops), np.concatenate(squares)


def _fractions(values: NDArray[np.float64], side: NDArray[np.int64], level: float) -> NDArray[np.float64]:
    """Where on a side of its square each point lies, from the side's first pixel."""
    place = np.arange(len(side))
    first, second = values[_FIRST[side], place], values[_SECOND[side], place]
    with np.errstate(invalid="ignore"):  # of infinite pixels, as in the reference
        return (level - first) / (second - first)


def _chains(
    entered: NDArray[np.int64], left: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Note, NDArray[np.int64], NDArray[np.bool_]]:
    """Chains of segments that meet at edges.

    Returns
    -------
    rows : (k, 5) ndarray of int64
        As of the part, but for the tile.
    note : dict
        ``counts`` and ``edges``.
    segment : 1-D ndarray of int64
        Per point the segment it is on.
    last : 1-D ndarray of bool
        Whether it is where the segment ends, as the last point of an open chain is.
    """
    by_edge = np.argsort(entered)
    place = np.minimum(np.searchsorted(entered, left, sorter=by_edge), len(entered) - 1)
    successor = np.where(entered[by_edge[place]] == left, by_edge[place], -1)
    order, starts = follow(successor, entered)
    heads, tails = order[starts[:-1]], order[starts[1:] - 1]
    is_open = successor[tails] < 0
    ends = starts[1:][is_open]
    segment, last = np.insert(order, ends, tails[is_open]), np.insert(np.zeros(len(order), bool), ends, True)
    edges, counts = np.where(last, left[segment], entered[segment]), np.diff(starts) + is_open
    rows = (
        np.where(is_open, entered[heads], -1),
        np.where(is_open, left[tails], -1),
        np.arange(len(heads)),
        counts,
        np.minimum.reduceat(edges, np.cumsum(counts) - counts),
    )
    return np.column_stack(rows), {"counts": counts, "edges": edges}, segment, last
