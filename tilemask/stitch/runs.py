"""Runs: the pixels of one label that follow each other in a line of a core.

Everything that is summed over the pixels of an object is summed over its runs, of which there are ten times fewer; what
depends on coordinates alone has a closed form over a run. Runs are sorted by label once, and then each quantity is one
`reduceat`, without a loop over labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a core in raster order, and the groups in which they are summed.

    A group is what one label has in one cell; a core is one cell unless sums over it could overflow.
    """

    labels: NDArray[np.int64]
    """Label of each group, ascending."""
    cells: NDArray[np.int64]
    """Where the cell of each group begins in the core, shape (groups, ndim)."""
    lines: NDArray[np.int64]
    """Coordinates of each run along all axes but the last, in the core, shape (runs, ndim - 1)."""
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    """Extent of each run along the last axis, in the core."""
    group: NDArray[np.int64]
    """Group of each run."""
    all_starts: NDArray[np.int64]
    """Flat index of the first pixel of each run, those of the background among them."""
    kept: NDArray[np.int64]
    """Which of `all_starts` are no background: the runs of the other fields."""
    order: NDArray[np.int64]
    """Runs by group."""
    bounds: NDArray[np.int64]
    """Where each group begins in `order`."""
    shape: tuple[int, ...]
    """Of the core."""
    cell: int
    """Side of a cell."""

    def reduce(self, function: np.ufunc, per_run: NDArray[Any]) -> NDArray[Any]:
        """Reduce a quantity of runs (axis 0) to one of groups."""
        return np.asarray(function.reduceat(per_run[self.order], self.bounds, axis=0))

    def reduce_pixels(self, function: np.ufunc, pixels: NDArray[Any]) -> NDArray[Any]:
        """Reduce a quantity of pixels (flat, axis 0) to one of groups."""
        return self.reduce(function, function.reduceat(pixels, self.all_starts, axis=0)[self.kept])

    def group_of_pixels(self) -> NDArray[np.int64]:
        """The group of each pixel of the core, flat; -1 in the background."""
        groups = np.full(len(self.all_starts), -1, np.int64)
        groups[self.kept] = self.group
        return np.repeat(groups, np.diff(self.all_starts, append=math.prod(self.shape)))

    def pixels_by_label(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The labels, ascending; the pixels that have one (flat); and which of the labels each of these has."""
        labels, label_of_group = np.unique(self.labels, return_inverse=True)
        group = self.group_of_pixels()
        inside = np.flatnonzero(group >= 0)
        return labels, inside, label_of_group[group[inside]]


def find_runs(labels: NDArray[Any], cell: int) -> Runs | None:
    """Find the runs of a core of labels; None where all is background (0).

    Parameters
    ----------
    labels : ndarray of integers
    cell : int
        Side of the cells in which sums are kept apart.
    """
    width = labels.shape[-1]
    flat = labels.reshape(-1)
    begins = np.empty(flat.size, np.bool_)
    begins[:1] = True
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins.reshape(-1, width)[:, ::cell] = True
    all_starts = np.flatnonzero(begins)
    values = flat[all_starts]
    kept = np.flatnonzero(values)
    if not len(kept):
        return None
    values = values[kept].astype(np.int64, copy=False)
    first = all_starts[kept]
    line, starts = np.divmod(first, width)
    stops = starts + np.diff(all_starts, append=flat.size)[kept]
    lines = np.stack(np.unravel_index(line, labels.shape[:-1]), axis=1)
    corners = np.column_stack((lines, starts)) // cell
    in_cell = np.ravel_multi_index(tuple(corners.T), tuple(-(-n // cell) for n in labels.shape))
    order = np.lexsort((in_cell, values)) if in_cell.any() else np.argsort(values, kind="stable")
    values, in_cell = values[order], in_cell[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (values[1:] != values[:-1]) | (in_cell[1:] != in_cell[:-1])
    bounds = np.flatnonzero(new)
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(new) - 1
    return Runs(
        labels=values[bounds],
        cells=corners[order[bounds]] * cell,
        lines=lines,
        starts=starts,
        stops=stops,
        group=group,
        all_starts=all_starts,
        kept=kept,
        order=order,
        bounds=bounds,
        shape=labels.shape,
        cell=cell,
    )
