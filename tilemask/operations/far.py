"""Distances beyond what fits in memory: one axis after the other, in pieces of the image from near to far.

The smallest cost over all background pixels is a smallest over columns of smallest over rows (over planes), since sums
and maxima grow with each of their terms, rounded or not. So each axis is swept outwards from the core in pieces, and a
sweep ends where the axis alone costs more than what every pixel has found. Nothing larger than a piece is held, the
mask is read once per piece, and what is found is the number that a window of the whole image would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.image import Window
from tilemask.operations.envelope import envelope
from tilemask.operations.lines import chessboard_lines, taxicab_lines
from tilemask.operations.nearest import Tables, cost_tables
from tilemask.stitch.background import has_background

Floats = NDArray[np.float64]
Read = Callable[[Box], list[NDArray[Any]]]

PIECE = {2: 1024, 3: 64}
"""Pixels along an axis that are swept at a time."""


def far_costs(read: Read, window: Window, metric: str, size: tuple[float, ...] | None, records: Any = None) -> Floats:
    """The cost of the nearest background pixel of the whole image, for the core of a window.

    Parameters
    ----------
    read : callable
        Gives the mask, as the only entry of a list, on a box.
    window : Window
    metric : {"euclidean", "chessboard", "taxicab"}
    size : tuple of float, optional
        Extents of a pixel.
    records : mapping of int to record, optional
        Where tiles have background; pieces without are not read.

    Returns
    -------
    ndarray of float64
        Infinite where the image has no background.
    """
    sweep = _Sweep(read, window.shape, metric, cost_tables(metric, size, window.shape), records)
    costs = np.full(window.core.shape, np.inf)
    cells = Grid(window.core.shape, (PIECE[len(window.shape)],) * len(window.shape))
    for index in cells.walk():
        core = cells.core(index)
        found = sweep.costs(core.shift(window.core.start), len(window.shape) - 1, np.inf)
        if found is not None:
            costs[core.slices] = found
    return costs


@dataclass(frozen=True)
class _Sweep:
    """The sweeps of one image."""

    read: Read
    shape: tuple[int, ...]
    metric: str
    tables: Tables
    records: Any

    def costs(self, core: Box, axis: int, enough: float) -> Floats | None:
        """Per pixel of `core` the cost of the nearest background along the first axes, up to `axis`; None without any.

        What costs `enough` or more need not be right.
        """
        costs = None
        for start, stop, away in self._outwards(core.start[axis], core.stop[axis], axis):
            if self.tables[axis][away] >= enough:
                break
            piece = _along(core, axis, start, stop)
            found = self.costs(piece, axis - 1, enough) if axis else self._background(piece)
            if found is not None:
                found = self._lines(found, axis, start, range(core.start[axis], core.stop[axis]))
                costs = found if costs is None else np.minimum(costs, found, out=costs)
                enough = min(enough, float(costs.max()))
        return costs

    def _background(self, box: Box) -> Floats | None:
        if self.records is not None and not has_background(box, self.records):
            return None
        mask = self.read(box)[0]
        return None if mask.all() else np.where(mask, np.inf, 0.0)

    def _lines(self, costs: Floats, axis: int, start: int, wanted: range) -> Floats:
        if self.metric == "euclidean":
            return envelope(costs, self.tables[axis], axis, start, wanted)
        lines = taxicab_lines if self.metric == "taxicab" else chessboard_lines
        return lines(costs, axis, start, wanted)

    def _outwards(self, start: int, stop: int, axis: int) -> Iterator[tuple[int, int, int]]:
        """Pieces of an axis, the nearest first, and how far each is from the core; the core itself is the first."""
        length, step = self.shape[axis], PIECE[len(self.shape)]
        yield start, stop, 0
        before = [(max(b - step, 0), b, start - b + 1) for b in range(start, 0, -step)]
        after = [(a, min(a + step, length), a - stop + 1) for a in range(stop, length, step)]
        yield from sorted(before + after, key=lambda piece: piece[2])


def _along(box: Box, axis: int, start: int, stop: int) -> Box:
    """The box with another extent along one axis."""
    return Box((*box.start[:axis], start, *box.start[axis + 1 :]), (*box.stop[:axis], stop, *box.stop[axis + 1 :]))
