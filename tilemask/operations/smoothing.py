"""Smooth labels: each pixel takes the most common label around it.

Labels are looked at in small cells, since few labels meet in one: there the votes for each label are sums over lines
of the neighbourhood, for all labels of the cell at once. Where a cell holds so many labels that this would take longer,
as in noise, the neighbourhood of each pixel is sorted instead; both count the same votes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Image, map_tiles, operation, require_scalar_pixels
from tilemask.operations.footprints import Footprint, round_footprint, whole_radius

_CELLS = {2: 64, 3: 16}
"""Side of a cell by number of axes."""
_SORTING = 20
"""Sorting a neighbour costs about as much as so many sums over lines (measured: 10 to 30)."""


@operation("exact", reference="skimage.filters.rank.majority(labels, disk(radius))")
def smooth_labels(labels: Image, *, radius: int = 1) -> Image:
    """Give each pixel the most common label within `radius`, background among them; the lowest of equally common ones.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)
    radius : int, optional
        A disk (2-D) or ball (3-D) of this radius, in pixels. Beyond the image there is nothing.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the same dtype.

    Raises
    ------
    InputError
        For masks (`median` smooths those), floats, channels, and a radius that is not a whole number.

    Notes
    -----
    Exactness: exact, ``skimage.filters.rank.majority(labels, disk(radius))`` (``ball`` for volumes), which takes 8 and
    16 bits; here all integers. An object may fall apart: `label` numbers the pieces anew.

    The reach is the radius.
    """
    require_scalar_pixels(labels, "smooth_labels")
    if labels.dtype.kind not in "iu":
        advice = "median smooths a mask." if labels.dtype == np.bool_ else "Convert it, as in astype('int32')."
        raise InputError(f"smooth_labels works on labels (integers); found {labels.dtype}. {advice}")
    radius = whole_radius(radius, labels.ndim, "smooth_labels")
    made: Image = map_tiles(
        take_majority, labels, reach=radius, user=False, cost=150.0 + 40.0 * radius, workspace=16.0, radius=radius
    )
    return made


def take_majority(labels: NDArray[Any], *, radius: int) -> NDArray[Any]:
    """The most common label around each pixel of an array, of what lies within it."""
    footprint = round_footprint(radius, labels.ndim, "smooth_labels")
    cells = Grid(labels.shape, (_CELLS[labels.ndim],) * labels.ndim)
    result = labels.copy()
    for number in range(len(cells)):
        cell = cells.core(cells.index(number))
        around = cell.grow(((radius, radius),) * labels.ndim)
        seen = around.clip(labels.shape)
        values = np.unique(labels[seen.slices])
        if len(values) == 1:
            continue
        shown = np.full(around.shape, -1, np.int32)  # -1 lies outside of the image
        shown[seen.within(around)] = np.searchsorted(values, labels[seen.slices])
        lines = np.count_nonzero(footprint.any(axis=-1))
        few = len(values) * shown.size * lines < _SORTING * cell.size * np.count_nonzero(footprint)
        winners = _count(shown, len(values), footprint) if few else _sort(shown, footprint)
        result[cell.slices] = values[winners]
    return result


def _count(ranks: NDArray[np.int32], count: int, footprint: Footprint) -> NDArray[np.int64]:
    """The most common rank around each pixel, by the votes for every rank; the lowest of equally common ones."""
    inner = tuple(n - f + 1 for n, f in zip(ranks.shape, footprint.shape, strict=True))
    sums = np.zeros((count, *ranks.shape[:-1], ranks.shape[-1] + 1), np.int32)
    np.cumsum(ranks == np.arange(count).reshape(-1, *[1] * ranks.ndim), axis=-1, out=sums[..., 1:])
    votes = np.zeros((count, *inner), np.int32)
    for at in np.argwhere(footprint.any(axis=-1)).tolist():
        line = np.flatnonzero(footprint[tuple(at)])
        rows = sums[(slice(None), *(slice(a, a + n) for a, n in zip(at, inner, strict=False)))]
        votes += rows[..., line[-1] + 1 : line[-1] + 1 + inner[-1]]
        votes -= rows[..., line[0] : line[0] + inner[-1]]
    return votes.argmax(axis=0)


def _sort(ranks: NDArray[np.int32], footprint: Footprint) -> NDArray[np.int64]:
    """The same by sorting what lies around each pixel: equal ranks are runs, and the first longest run wins."""
    inner = tuple(n - f + 1 for n, f in zip(ranks.shape, footprint.shape, strict=True))
    near = np.stack(
        [
            ranks[tuple(slice(a, a + n) for a, n in zip(at, inner, strict=True))].ravel()
            for at in np.argwhere(footprint).tolist()
        ],
        axis=1,
    )
    near.sort(axis=1)
    column = np.arange(near.shape[1], dtype=np.int32)
    begins = np.zeros_like(near)
    begins[:, 1:] = np.where(near[:, 1:] != near[:, :-1], column[1:], 0)
    length = column + 1 - np.maximum.accumulate(begins, axis=1)
    length[near < 0] = 0
    winners = near[np.arange(len(near)), length.argmax(axis=1)]
    return winners.reshape(inner).astype(np.int64)
