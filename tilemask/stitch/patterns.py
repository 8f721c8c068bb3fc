"""What a pixel sees of its own label around it: the kernels behind perimeters and Euler numbers.

Each gives one small number per pixel, so that a survey of cores can count them per label. They compare a label with its
neighbours, whatever these belong to, so objects that touch do not disturb each other. Beyond the image there is no
label.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERIMETER_CODES = (5, 7, 13, 15, 17, 21, 23, 25, 27, 33)
"""Sums that the reference weights: 1 for a pixel on the edge, 2 per such neighbour at a side, 10 at a corner."""

_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_CLASS_OF_CODE = np.zeros(50, np.uint8)
_CLASS_OF_CODE[list(PERIMETER_CODES)] = np.arange(1, len(PERIMETER_CODES) + 1)


def edge_classes(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Tell how the edge of its object runs through a pixel; reach 2.

    Parameters
    ----------
    labels : ndarray of integers, (rows, columns)

    Returns
    -------
    ndarray of uint8
        0 off the edge; else 1 + the position in `PERIMETER_CODES`, or 0 where the reference weights it with 0.

    Notes
    -----
    Benkrid and Crookes, "Design and FPGA Implementation of a Perimeter Estimator", as in scikit-image.
    """
    inner = np.pad(labels, 2)
    core = inner[1:-1, 1:-1]
    edge = np.zeros(core.shape, np.bool_)
    for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
        edge |= inner[1 + dy : 1 + dy + core.shape[0], 1 + dx : 1 + dx + core.shape[1]] != core
    codes = np.ones(labels.shape, np.uint8)
    rows, columns = labels.shape
    for dy, dx in _NEIGHBOURS:
        there = (slice(1 + dy, 1 + dy + rows), slice(1 + dx, 1 + dx + columns))
        codes += np.where(dy and dx, np.uint8(10), np.uint8(2)) * (edge[there] & (core[there] == labels))
    classes = _CLASS_OF_CODE[codes]
    classes[~edge[1:-1, 1:-1] | (labels == 0)] = 0
    return classes


def neighbour_bits(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Tell which of the eight neighbours of a pixel have its label, a bit each in raster order; reach 1."""
    around = np.pad(labels, 1)
    rows, columns = labels.shape
    bits = np.zeros(labels.shape, np.uint8)
    for bit, (dy, dx) in enumerate(_NEIGHBOURS):
        same = around[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] == labels
        bits |= same.view(np.uint8) << np.uint8(bit)
    return bits


@lru_cache
def quads_of_bits() -> NDArray[np.uint8]:
    """The squares of four pixels that a pixel counts, per value of `neighbour_bits`, shape (256, 4); 0 is none.

    A square is counted by the first of its pixels that have the label. It is numbered as in scikit-image: 8, 2, 4 and 1
    for the pixels above left, above right, below left and below right.
    """
    nw, n, ne, w, e, sw, s, se = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").T
    above_left = 8 + 2 * e + 4 * s + se
    above_right = np.where(w, 0, 2 + 4 * sw + s)
    below_left = np.where(n | ne, 0, 4 + e)
    below_right = np.where(nw | n | w, 0, 1)
    return np.stack((above_left, above_right, below_left, below_right), axis=1).astype(np.uint8)


def euler_shares(labels: NDArray[Any]) -> NDArray[np.int16]:
    """Give each pixel its share of the Euler number of its label, times 2 to the number of axes; reach 1.

    Parameters
    ----------
    labels : ndarray of integers, (rows, columns) or (planes, rows, columns)

    Returns
    -------
    ndarray of int16
        The sum over a label is a multiple of 2 to the number of axes. 0 in the background.

    Notes
    -----
    Pixels are closed squares or cubes that share corners (the highest connectivity). Vertices - edges + faces - cubes
    are counted at the vertices: a cell of k dimensions has 2^k vertices and counts 2^-k at each. A vertex is counted by
    the first pixel around it that has the label.
    """
    ndim = labels.ndim
    around = np.pad(labels, 1)

    def same(offset: tuple[int, ...]) -> NDArray[np.uint8]:
        there = tuple(slice(1 + o, 1 + o + n) for o, n in zip(offset, labels.shape, strict=True))
        return (around[there] == labels).view(np.uint8)

    corners = list(itertools.product((0, 1), repeat=ndim))
    table = _euler_table(ndim)
    shares = np.zeros(labels.shape, np.int16)
    for own in corners:
        seen = np.zeros(labels.shape, np.uint8)
        for bit, other in enumerate(corners):
            offset = tuple(a - b for a, b in zip(other, own, strict=True))
            seen |= same(offset) << np.uint8(bit)
        first = (seen & np.uint8((1 << corners.index(own)) - 1)) == 0
        shares += np.where(first, table[seen], np.int16(0))
    shares[labels == 0] = 0
    return shares


@lru_cache
def _euler_table(ndim: int) -> NDArray[np.int16]:
    """What a vertex counts, times 2^ndim, per set of the pixels around it."""
    corners = list(itertools.product((0, 1), repeat=ndim))
    table = np.zeros(1 << len(corners), np.int16)
    cells = list(itertools.product((0, 1, None), repeat=ndim))  # None: the cell does not extend along this axis
    for pixels in range(1, len(table)):
        present = [c for bit, c in enumerate(corners) if pixels >> bit & 1]
        for cell in cells:
            if any(all(side in (None, at) for side, at in zip(cell, c, strict=True)) for c in present):
                dimensions = ndim - cell.count(None)
                table[pixels] += (-1) ** dimensions << (ndim - dimensions)
    return table
