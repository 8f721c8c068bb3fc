"""What a window proves of distances, and in which boxes to ask again for the rest.

A distance is right where no pixel beyond the window's artificial edges can be nearer than what was found inside. Where
it may not be, what was found is still an upper bound, so it says how large the next window must be.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Unproven, Window
from tilemask.stitch.bounds import bounds

Floats = NDArray[np.float64]

LEAST_GROUP = 32
"""Unproven pixels that are closer than this share a box."""


def shown_reach(window: Window, otherwise: int) -> int:
    """How far the window reaches around its core where it could reach farther; `otherwise` where it nowhere could."""
    before = [c - b for c, b in zip(window.core.start, window.box.start, strict=True) if b > 0]
    ends = zip(window.core.stop, window.box.stop, window.shape, strict=True)
    return min(before + [b - c for c, b, n in ends if b < n], default=otherwise)


def beyond_costs(window: Window, tables: tuple[Floats, ...]) -> list[Floats]:
    """Per axis and pixel of the core, the least cost of a pixel beyond an artificial edge along that axis.

    Shapes broadcast against the core; infinite where both edges are the image border.
    """
    costs = []
    for axis, table in enumerate(tables):
        position = np.arange(window.core.start[axis], window.core.stop[axis])
        cost = np.full(len(position), np.inf)
        if window.box.start[axis] > 0:
            cost = np.minimum(cost, table[position - window.box.start[axis] + 1])
        if window.box.stop[axis] < window.shape[axis]:
            cost = np.minimum(cost, table[window.box.stop[axis] - position])
        costs.append(cost.reshape([-1 if a == axis else 1 for a in range(len(tables))]))
    return costs


def proven(costs: Floats, window: Window, tables: tuple[Floats, ...]) -> NDArray[np.bool_]:
    """The pixels of the core whose cost, found here or elsewhere, nothing beyond the window can be below.

    Parameters
    ----------
    costs : ndarray of float64
        Upper bounds, no higher than what the window shows.
    window : Window
    tables : tuple of 1-D ndarray
        Per axis the cost of 0, 1, 2… pixels, as long as the window.
    """
    right = np.ones(costs.shape, np.bool_)
    highest = costs.max(initial=0)
    for limit in beyond_costs(window, tables):
        if highest > limit.min():
            right &= costs <= limit
    return right


def open_boxes(
    costs: Floats, unproven: NDArray[np.bool_], window: Window, tables: tuple[Floats, ...]
) -> list[Unproven]:
    """Boxes around the unproven pixels of a core, those that need the largest reach first.

    Parameters
    ----------
    costs : ndarray of float64
        Upper bounds, which say how far a next window has to reach.
    unproven : ndarray of bool
    window : Window
    tables : tuple of 1-D ndarray
        As in `proven`.

    Notes
    -----
    A box holds pixels of about one reach (up to twice), so that one wide object does not make windows large elsewhere.
    """
    left, boxes = unproven.copy(), []
    while left.any():
        reach = _reach(float(costs[left].max()), tables)
        least = min(float(table[min(reach // 2, len(table) - 1)]) for table in tables)
        for box in groups(left & (costs > least), max(reach, LEAST_GROUP) if reach > 1 else max(costs.shape)):
            here = box.slices
            if not left[here].any():  # the box of another group holds this one
                continue
            needed = _reach(float(costs[here][left[here]].max()), tables)
            boxes.append(Unproven(box.shift(window.core.start), needed))
            left[here] = False
    return boxes


def _reach(cost: float, tables: tuple[Floats, ...]) -> int:
    """The pixels within which a cost is spent along every axis; 1 where it has no end."""
    if not np.isfinite(cost):
        return 1
    return max(1, *(int(np.searchsorted(table, cost)) for table in tables))


def place_name(pixel: Iterable[int]) -> str:
    """Where a pixel lies, in words for messages: "row 5, column 7"."""
    at = tuple(pixel)
    return ", ".join(f"{axis} {n}" for axis, n in zip(("plane", "row", "column")[-len(at) :], at, strict=True))


def groups(pixels: NDArray[np.bool_], side: int) -> list[Box]:
    """Boxes around pixels that are no farther apart than about `side`."""
    coarse = pixels
    for axis, n in enumerate(pixels.shape):
        coarse = np.logical_or.reduceat(coarse, np.arange(0, n, side), axis=axis)
    labels, _ = ndi.label(coarse, np.ones((3,) * pixels.ndim))
    boxes = []
    for found in ndi.find_objects(labels):
        start = tuple(s.start * side for s in found)
        inside = bounds(pixels[tuple(slice(s.start * side, s.stop * side) for s in found)])
        assert inside is not None
        boxes.append(inside.shift(start))
    return boxes
