"""How far the nearest background is, in one array: the kernels behind `distance`.

A distance is kept as its *cost* until the end: the sum of squares for Euclidean distances, the distance itself for the
other metrics, infinite where there is no background. Costs of single axes are tables, so that what is compared and
summed is the same number in every array that shows the pixels.

OpenCV's precise transform takes 12 to 24 ns a pixel where SciPy takes 180 (2048²). It works in 32-bit floats, and is
used where these give every integer exactly. Its envelope of parabolas decides by (f(q) + q² - f(p) - p²) · 0.5/(q - p):
with at most 2047 columns and rows all terms are integers of up to 2²⁴, so that only the product is rounded, by less
than 2047 · 2⁻²³ < 1 / (2 · 2047). An intersection that is no integer is farther than that from any, and at an integer
both parabolas are equally high, so each pixel gets a lowest one. The root is rounded by a relative 2⁻²⁴, and its square
therefore lies within 1/2 of the integer below 2²². Beyond that SciPy's features give the integers.

All this is true of OpenCV's own code. On one thread it hands the work to Intel's IPP, which is no faster and wrong in
the sixth digit (it takes 783225 for 783226), so IPP is switched off around the call, in this thread alone.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.operations.envelope import envelope
from tilemask.stitch.bounds import bounds

Floats = NDArray[np.float64]
Tables = tuple[Floats, ...]
"""Per axis the cost of 0, 1, 2… pixels along it."""

_SIDE = 2047
_SQUARE = 2.0**22


def cost_tables(metric: str, size: tuple[float, ...] | None, shape: tuple[int, ...]) -> Tables:
    """The tables for distances within an array of this shape."""
    steps = [np.arange(n + 1, dtype=np.float64) for n in shape]
    if metric != "euclidean":
        return tuple(steps)
    if size is not None:
        steps = [s * extent for s, extent in zip(steps, size, strict=True)]
    return tuple(s * s for s in steps)


def nearest_costs(mask: NDArray[np.bool_], core: Box, metric: str, size: tuple[float, ...] | None) -> Floats:
    """The cost of the nearest background pixel of the array, for the pixels of `core`.

    Parameters
    ----------
    mask : ndarray of bool, 2-D or 3-D
    core : Box
        In pixels of the array.
    metric : {"euclidean", "chessboard", "taxicab"}
    size : tuple of float, optional
        Extents of a pixel.

    Returns
    -------
    ndarray of float64, of the core's shape

    Notes
    -----
    Only the box of the foreground is looked at, and a pixel around it: background farther off is nearest to nobody.
    """
    if not mask[core.slices].any():
        return np.zeros(core.shape)
    if mask.all():
        return np.full(core.shape, np.inf)
    foreground = bounds(mask)
    assert foreground is not None
    seen = foreground.grow(((1, 1),) * mask.ndim).clip(mask.shape)
    wanted = core.intersect(seen)
    costs = np.zeros(core.shape)
    costs[wanted.within(core)] = _transform(mask[seen.slices], wanted.within(seen), metric, size)
    return costs


def _transform(mask: NDArray[np.bool_], core: tuple[slice, ...], metric: str, size: tuple[float, ...] | None) -> Floats:
    small = mask.ndim == 2 and max(mask.shape) <= _SIDE
    if metric == "euclidean":
        if size is not None:
            return _along_axes(mask, core, cost_tables(metric, size, mask.shape))
        if small:
            squares = _opencv(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[core].astype(np.float64)
            np.rint(np.multiply(squares, squares, out=squares), out=squares)
            if squares.max(initial=0) < _SQUARE:
                return squares
        return _squares(mask, core)
    if small:
        which = {"chessboard": cv2.DIST_C, "taxicab": cv2.DIST_L1}[metric]
        return _opencv(mask, which, cv2.DIST_MASK_3)[core].astype(np.float64)
    return ndi.distance_transform_cdt(mask, metric)[core].astype(np.float64)


def _opencv(mask: NDArray[np.bool_], metric: int, neighbours: int) -> NDArray[Any]:
    """OpenCV's own transform, whatever else it was built with."""
    pixels, used = np.ascontiguousarray(mask).view(np.uint8), cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        return np.asarray(cv2.distanceTransform(pixels, metric, neighbours))
    finally:
        cv2.ipp.setUseIPP(used)


def _squares(mask: NDArray[np.bool_], core: tuple[slice, ...]) -> Floats:
    """Squared distances by SciPy's features, which take 2.5 times less time and 5 times less memory than distances."""
    features = ndi.distance_transform_edt(mask, return_distances=False, return_indices=True)
    total = np.zeros(mask[core].shape)
    for axis, along in enumerate(features):
        position = np.arange(core[axis].start, core[axis].stop)
        away = along[core] - position.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
        total += np.square(away, dtype=np.float64)
    return total


def _along_axes(mask: NDArray[np.bool_], core: tuple[slice, ...], tables: Tables) -> Floats:
    """Costs where pixels are not square, one axis after the other, summed in their order as SciPy does."""
    costs = costs_along_first(mask, core[0].start, core[0].stop, tables[0])
    for axis in range(1, mask.ndim):
        costs = envelope(costs, tables[axis], axis, 0, range(core[axis].start, core[axis].stop))
    return costs


def costs_along_first(mask: NDArray[np.bool_], start: int, stop: int, table: Floats) -> Floats:
    """Per pixel from `start` to `stop` of the first axis, the cost of the nearest background along that axis alone."""
    none = len(table)
    position = np.arange(len(mask), dtype=np.int32).reshape((-1,) + (1,) * (mask.ndim - 1))
    before = np.maximum.accumulate(np.where(mask, np.int32(-none), position), axis=0)[start:stop]
    after = np.where(mask, np.int32(len(mask) + none), position)
    after = np.minimum.accumulate(after[::-1], axis=0)[::-1][start:stop]
    here = position[start:stop]
    away = np.minimum(np.minimum(here - before, after - here), none)
    return np.take(np.append(table, np.inf), away)
