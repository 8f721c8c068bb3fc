"""Distances to the background: exact whatever the distance, on tiles of any size.

The reach of a distance depends on the pixels. So the kernel says which of its pixels are proven (no pixel beyond the
window can be nearer than the one found), and is asked again for boxes around the others. Inside the window it does the
same in cells of its own: a cell that holds no foreground costs nothing, and arrays stay small. Where a window would
not fit in memory, `far_distances` goes over the image in pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import (
    Growth,
    Image,
    Unproven,
    Window,
    map_tiles,
    operation,
    pixel_extents,
    reduce_tiles,
    require_mask,
    require_scalar_pixels,
)
from tilemask.operations.certificate import open_boxes, proven, shown_reach
from tilemask.operations.far import far_costs
from tilemask.operations.nearest import cost_tables, nearest_costs
from tilemask.stitch.background import add_tiles, finish_background, survey_background

METRICS = ("euclidean", "chessboard", "taxicab")
REACH = {2: 64, 3: 16}
"""Where windows begin, per number of axes."""
CELL = {2: 1024, 3: 128}
SURVEYED_PIXELS = 2**28
"""Up to here a tile that needs the whole image reads it in about a second, and no survey of the background is made."""
WINDOW_BYTES = {2: 18.0, 3: 20.0}
"""Memory per pixel of a window: SciPy's input, its features, and the result."""


@operation("exact", reference="scipy.ndimage.distance_transform_edt(mask)")
def distance(
    mask: Image, *, metric: str = "euclidean", pixel_size: float | Sequence[float] | bool | None = None
) -> Image:
    """Give each pixel of a mask its distance to the nearest background pixel; background is 0.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns) or (planes, rows, columns)
    metric : {"euclidean", "chessboard", "taxicab"}, optional
        The straight line, the largest or the sum of the steps along the axes.
    pixel_size : float, sequence of float or True, optional
        Extent of a pixel, for all or per spatial axis, for Euclidean distances in its unit; True takes the one that
        the image has. In pixels by default.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape of `mask`; float64 for Euclidean distances, int32 for the others. Where the whole image is foreground
        nothing is at any distance: infinite, or -1 as in SciPy.

    Raises
    ------
    InputError
        For anything but a mask of one channel, an unknown metric, a pixel size that is not positive, that the image
        does not have, or with another metric than the Euclidean.

    Notes
    -----
    Exactness: exact, ``scipy.ndimage.distance_transform_edt(mask)`` and ``distance_transform_cdt(mask, metric)``; SciPy
    gives meaningless numbers for a mask without background. With `pixel_size` canonical: the smallest of the sums that
    ``distance_transform_edt(mask, sampling=pixel_size)`` rounds. SciPy takes nearly always the same; where two pixels
    are equally far but for rounding it may take the other, and the last bit differs.

    One pass, in which windows grow where objects are wide; above 2²⁸ pixels another before it, which notes where there
    is background. Planes of up to 2047 pixels a side are done by OpenCV, which gives SciPy's integers: Felzenszwalb
    and Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8 (2012). Larger ones and volumes
    by SciPy: Maurer, Qi and Raghavan, IEEE Transactions on Pattern Analysis and Machine Intelligence 25 (2003). 20 to
    70 ns a pixel in 2-D, the less the fewer are foreground; 200 in 3-D, and 250 to 450 with `pixel_size`. Distances
    beyond what fits in memory are found in pieces of the image, at about 1 µs a pixel.
    """
    require_scalar_pixels(mask, "distance")
    require_mask(mask, "distance")
    if metric not in METRICS:
        raise InputError(f"distance: metric is one of {', '.join(METRICS)}; found {metric!r}.")
    ndim = len(mask.spatial_axes)
    size = _extents(mask, metric, pixel_size)
    records = None
    if math.prod(mask.shape) > SURVEYED_PIXELS:
        records = reduce_tiles(
            survey_background, mask, combine=add_tiles, finish=finish_background, places=True, records=True, cost=0.5
        )
    made: Image = map_tiles(
        grow_distances,
        mask,
        reach=REACH[ndim],
        dtype=np.float64 if metric == "euclidean" else np.int32,
        cost=50.0 if ndim == 2 and size is None else 250.0,
        user=False,
        grows=Growth(WINDOW_BYTES[ndim] if size is None else 1.25 * WINDOW_BYTES[ndim], far_distances),
        records=records,
        metric=metric,
        size=size,
    )
    return made


def grow_distances(
    mask: NDArray[np.bool_], *, window: Window, metric: str, size: tuple[float, ...] | None
) -> tuple[NDArray[Any], list[Unproven]]:
    """The distances that a window shows, and the boxes that it does not prove."""
    core = window.core
    costs, left = np.full(core.shape, np.inf), np.ones(core.shape, np.bool_)
    tables = cost_tables(metric, size, window.box.shape)
    reach = shown_reach(window, REACH[mask.ndim])
    cells = Grid(core.shape, (max(CELL[mask.ndim], 2 * reach),) * mask.ndim)
    waiting = [(cells.core(index).shift(core.start), reach) for index in cells.walk()]
    while waiting:
        cell, reach = waiting.pop()
        shown = Window(cell.grow(((reach, reach),) * mask.ndim).clip(window.shape), cell, window.shape)
        if shown.box.intersect(window.box) != shown.box:
            continue
        here = cell.within(core)
        seen = mask[shown.box.within(window.box)]
        found = nearest_costs(seen, cell.shift([-a for a in shown.box.start]), metric, size)
        np.minimum(costs[here], found, out=costs[here])
        left[here] &= ~proven(costs[here], shown, tables)
        waiting += [(u.box, max(u.reach, 2 * reach)) for u in open_boxes(costs[here], left[here], shown, tables)]
    unproven = open_boxes(costs, left, window, tables)
    return distances(costs, metric), unproven


def far_distances(
    read: Any, window: Window, *, metric: str, size: tuple[float, ...] | None, records: Any = None
) -> NDArray[Any]:
    """The distances of the core of a window that does not fit in memory."""
    return distances(far_costs(read, window, metric, size, records), metric)


def distances(costs: NDArray[np.float64], metric: str) -> NDArray[Any]:
    """Distances from costs, in place where they can be."""
    if metric == "euclidean":
        return np.sqrt(costs, out=costs)
    return np.where(np.isfinite(costs), costs, -1).astype(np.int32)


def _extents(mask: Image, metric: str, pixel_size: Any) -> tuple[float, ...] | None:
    if pixel_size is None or pixel_size is False:
        return None
    if metric != "euclidean":
        raise InputError(f"distance: pixel_size is for metric='euclidean'; found {pixel_size!r} with {metric!r}.")
    if pixel_size is True:
        if mask.pixel_size is None:
            raise InputError(
                f"distance: pixel_size=True takes the pixel size of the image, but {mask!r} has none. "
                "Give it, as in pixel_size=0.5."
            )
        pixel_size = mask.pixel_size
    return pixel_extents(pixel_size, len(mask.spatial_axes))
