"""Flood objects with a line between their labels, pixel by pixel, in Python.

scikit-image pushes a pixel again for every neighbour that is taken, and goes on flooding from a pixel of the line each
time that one of its copies comes out of the heap; so copies of copies multiply along a line that climbs, to more than
memory holds. None of them changes anything. What leaves the heap never sinks and ages only grow, so the copy that was
pushed first comes out first, and decides the pixel; at that moment all its neighbours are in the heap. The same flood
with one copy of each pixel gives the same labels and the same line, in linear time.

It also needs no heap: pixels of one level are taken in the order in which they were reached, so each level is a list
that grows at its end. Seeds are in the lists before all others, in raster order, which is the order of `watershed`.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

OUTSIDE = -1
"""Stands where no water goes, and around the array, so that no neighbour needs a look at the border."""


def flood_to_lines(
    elevation: NDArray[np.float64], mask: NDArray[np.bool_], markers: NDArray[Any], connectivity: int
) -> NDArray[Any]:
    """Flood all objects of a mask; pixels that touch another label when their turn comes are line.

    Parameters
    ----------
    elevation : ndarray of float64
        Not NaN within the mask.
    mask : ndarray of bool
    markers : ndarray of int
        0, or the positive label that floods from a pixel; those outside the mask are dropped.
    connectivity : int

    Returns
    -------
    ndarray
        Of the dtype of `markers`; 0 on the line, outside the mask and where no water comes. Pixels of markers keep
        their label, also where they touch another one.
    """
    inside = np.pad(mask, 1)
    seeds = np.where(inside, np.pad(markers, 1), 0)
    heights, ranks = np.unique(elevation[mask], return_inverse=True)
    levels = np.zeros(inside.shape, np.int64)
    levels[inside] = ranks
    hops = _hops(inside.shape, connectivity)
    labels, line = _flood(array("q", levels.tobytes()), len(heights), np.where(inside, seeds, OUTSIDE), hops)
    flooded = np.fromiter(labels, markers.dtype, len(labels))
    flooded[line] = 0
    flooded = np.where(seeds > 0, seeds, np.maximum(flooded.reshape(inside.shape), 0))
    return np.ascontiguousarray(flooded[(slice(1, -1),) * mask.ndim])


def _hops(shape: tuple[int, ...], connectivity: int) -> tuple[int, ...]:
    """Steps to the neighbours of a pixel by flat index: the nearer first, then in raster order, as in scikit-image."""
    ndim = len(shape)
    steps = np.argwhere(ndi.generate_binary_structure(ndim, connectivity)) - 1
    steps = steps[np.argsort(np.abs(steps).sum(axis=1), kind="stable")][1:]
    return tuple(int(np.ravel_multi_index(s + 1, shape) - np.ravel_multi_index((1,) * ndim, shape)) for s in steps)


def _flood(
    levels: array[int], count: int, start: NDArray[Any], hops: tuple[int, ...]
) -> tuple[list[int], NDArray[np.intp]]:
    """The label of each pixel by the water that reaches it first, and the pixels of the line, seeds among them."""
    labels: list[int] = start.ravel().tolist()
    labelled = bytearray((start > 0).tobytes())  # seeds from the start, others from their turn on; never the line
    reached: defaultdict[int, list[int]] = defaultdict(list)
    for seed in np.flatnonzero(start > 0).tolist():
        reached[levels[seed]].append(seed)
    line = array("q")
    for level in range(count):
        water = reached.pop(level, [])
        for pixel in water:  # grows meanwhile: water does not sink, so what lies lower is reached at this level too
            label, meets = labels[pixel], False
            for hop in hops:
                other = pixel + hop
                found = labels[other]
                if found == label:
                    continue
                if not found:
                    labels[other] = label
                    height = levels[other]
                    if height > level:
                        reached[height].append(other)
                    else:
                        water.append(other)
                elif labelled[other]:
                    meets = True
            labelled[pixel] = not meets
            if meets:
                line.append(pixel)
    return labels, np.asarray(line, np.intp)
