"""Which of many equal candidates stay when they must keep a distance: the first in raster order, and so on.

Whether a candidate stays depends on those before it, of which each depends on those before it. A window does not show
where such a chain begins, but it need not: a candidate goes as soon as one before it, near enough, is known to stay.
So each is one of three: stays, goes, open. Open are those that an artificial edge hides something from, and what
has an open one near before it and none that stays.

Candidates that stand alone, which are most, are told by counts. The others are walked line by line; where candidates
fill an area (a plateau), the walk takes one step per candidate that stays and one per line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box

Mask = NDArray[np.bool_]


def keep_spaced(candidates: Mask, known: Box, spacing: int) -> tuple[Mask, Mask]:
    """Keep candidates that are `spacing` or more apart along some axis, the first in raster order first.

    Parameters
    ----------
    candidates : ndarray of bool
        All candidates of the image that the array shows; outside `known` there may be others too.
    known : Box
        Pixels of which, and of all within `spacing` of them, the array says truly whether they are candidates.
    spacing : int
        1 or more.

    Returns
    -------
    stay, left : ndarray of bool
        Candidates that stay, and those of which the array does not tell.
    """
    inside = np.zeros(candidates.shape, np.bool_)
    inside[known.slices] = True
    crowded = candidates & (count_near(candidates, spacing - 1) > 1)
    alone = candidates & ~crowded
    stay, left = alone & inside, alone & ~inside
    if crowded.any():
        _walk(crowded, inside, spacing - 1, stay, left)
    return stay, left


def count_near(mask: Mask, radius: int) -> NDArray[np.int32]:
    """Count the true pixels within `radius` along every axis, by differences of running sums."""
    counts = mask.astype(np.int32)
    for axis, n in enumerate(mask.shape):
        sums = np.moveaxis(np.cumsum(counts, axis=axis, dtype=np.int32), axis, 0)
        near = np.empty_like(sums)
        near[: max(n - radius, 0)] = sums[radius:]
        near[max(n - radius, 0) :] = sums[-1:]
        near[radius + 1 :] -= sums[: max(n - radius - 1, 0)]
        counts = np.moveaxis(near, 0, axis)
    return counts


def _walk(crowded: Mask, inside: Mask, radius: int, stay: Mask, left: Mask) -> None:
    """Decide on crowded candidates in raster order; writes into `stay` and `left`."""
    gone, doubtful = np.zeros(crowded.shape, np.bool_), ~inside
    for line in map(tuple, np.argwhere(crowded.any(axis=-1)).tolist()):
        # What lies before this line along the first axes is decided; painting it again changes nothing.
        ahead = tuple(slice(max(i - radius, 0), i + radius + 1) for i in line)
        here = np.flatnonzero(crowded[line] & ~gone[line])
        if doubtful[line][here].all():
            left[line][here] = True
            doubtful[ahead] |= _widened(here, radius, crowded.shape[-1])
            continue
        for column in here.tolist():
            if gone[line][column]:
                continue
            near = (*ahead, slice(max(column - radius, 0), column + radius + 1))
            if doubtful[line][column]:
                left[line][column] = True
                doubtful[near] = True
            else:
                stay[line][column] = True
                gone[near] = True


def _widened(columns: NDArray[np.intp], radius: int, width: int) -> Mask:
    """A line that is true within `radius` of some columns."""
    steps = np.zeros(width + 1, np.int32)
    np.add.at(steps, np.maximum(columns - radius, 0), 1)
    np.add.at(steps, np.minimum(columns + radius + 1, width), -1)
    return np.asarray(np.cumsum(steps[:-1]) > 0)
