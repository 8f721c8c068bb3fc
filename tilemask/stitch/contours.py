"""Contours in memory, and the pixels that a crack loop passes: what OpenCV calls a contour.

A contour of OpenCV is the loop of cracks between an object and one part of its background, told by the pixels of the
object along it instead of by corners: every crack names its pixel, and a pixel named twice in succession counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.cracks import AHEAD, BEGIN, spans
from tilemask.stitch.rings import Rings, parents

Piece = dict[str, Any]
COLUMNS = ("labels", "counts", "closed", "points")


@dataclass(frozen=True, eq=False, slots=True)
class Contours(Sequence[NDArray[Any]]):
    """Lines of points: a sequence of (n, 2) arrays of rows and columns, pixel centres at whole numbers.

    Attributes
    ----------
    labels : (k,) ndarray of int64
        The object of each line; 0 where lines belong to none.
    parents : (k,) ndarray of int64
        For the line around a hole the position of the outer line of its object; -1 for every other line.
    closed : (k,) ndarray of bool
        Whether the line returns to its first point.
    counts : (k,) ndarray of int64
        Points of each line.
    points : (n, 2) ndarray of int32 or float64
        The points of all lines, one line after the other.
    """

    labels: NDArray[np.int64]
    parents: NDArray[np.int64]
    closed: NDArray[np.bool_]
    counts: NDArray[np.int64]
    points: NDArray[Any]

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, index: Any) -> Any:
        """The points of a line, or those of a slice of lines as a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        start = int(self.counts[:at].sum())
        return self.points[start : start + int(self.counts[at])]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(np.split(self.points, np.cumsum(self.counts)[:-1]) if len(self) else ())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Contours):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Contours: {len(self):,} lines, {len(self.points):,} points>"


def contour_piece(rings: Rings) -> Piece:
    """The contours of rings that go across: plain data, as pieces of a stream are.

    Parameters
    ----------
    rings : dict
        As from `join`, of labels that are components.

    Notes
    -----
    The pixel that a contour begins at is that of the first corner of its ring; from there the object lies on the left,
    as in OpenCV.
    """
    counts, corners = rings["counts"], rings["points"].astype(np.int64)
    stops = np.cumsum(counts)
    following = np.arange(1, len(corners) + 1)
    following[stops - 1] = stops - counts
    step = corners[following] - corners
    lengths = np.abs(step).sum(axis=1)
    side = np.where(step[:, 0] == 0, np.where(step[:, 1] > 0, 0, 2), np.where(step[:, 0] > 0, 1, 3))
    first = corners - BEGIN[side]
    along = spans(np.zeros(len(first), np.int64), lengths)
    pixels = np.repeat(first, lengths, axis=0) + np.repeat(AHEAD[side], lengths, axis=0) * along[:, None]
    points, sizes = _once(pixels, np.add.reduceat(lengths, stops - counts) if len(counts) else lengths)
    parent = parents(rings)
    return {
        "labels": rings["labels"],
        "parents": np.where(rings["exterior"], -1, parent),
        "closed": np.ones(len(sizes), bool),
        "counts": sizes,
        "points": points.astype(np.int32),
    }


def _once(pixels: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Loops of pixels without repeats in succession, walked the other way round from the same first pixel."""
    if not len(counts):
        return pixels, counts
    starts = np.cumsum(counts) - counts
    line = np.repeat(np.arange(len(counts)), counts)
    place = spans(np.zeros(len(counts), np.int64), counts)
    back = np.repeat(starts, counts) + (-place % np.repeat(counts, counts))
    pixels = pixels[back]
    before = np.arange(-1, len(pixels) - 1)
    before[starts] = starts
    kept = (pixels != pixels[before]).any(axis=1)
    kept[starts] = True
    # The last pixel may be the first again.
    last = np.flatnonzero(kept)
    last = last[np.diff(line[last], append=len(counts)) > 0]
    kept[last] &= (pixels[last] != pixels[starts]).any(axis=1) | (last == starts)
    return pixels[kept], np.bincount(line[kept], minlength=len(counts))


def gather_contours(pieces: Iterable[Piece]) -> Contours:
    """Put the pieces of a stream together; there is one at least, which may hold no line."""
    kept = list(pieces)
    before = np.cumsum([0, *(len(p["counts"]) for p in kept)])
    parent = [np.where(p["parents"] < 0, -1, p["parents"] + n) for p, n in zip(kept, before, strict=False)]
    return Contours(parents=np.concatenate(parent), **{n: np.concatenate([p[n] for p in kept]) for n in COLUMNS})
