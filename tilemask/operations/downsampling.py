"""Blocks of pixels into one: the kernels of `downsample` and of pyramids.

The pixels of a block are added one strided slice at a time, in raster order. Reshaping and one call of `sum` would be
shorter, but in which order NumPy then adds floats depends on the shape of the tile.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_of_blocks(array: NDArray[Any], *, factor: tuple[int, ...]) -> NDArray[Any]:
    """The first pixel of each block."""
    return array[tuple(slice(None, None, f) for f in factor)]


def mean_of_blocks(array: NDArray[Any], *, factor: tuple[int, ...]) -> NDArray[Any]:
    """The mean of the pixels of each block that exist, in the dtype of the array."""
    counts = _pixels_per_block(array.shape[: len(factor)], factor)
    counts = counts.reshape(counts.shape + (1,) * (array.ndim - len(factor)))
    if array.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            return (_sum_of_blocks(array, factor, np.dtype(np.float64)) / counts).astype(array.dtype)
    if array.dtype.itemsize == 8:
        return _mean_of_wide_integers(array, factor, counts)
    small = array.dtype.itemsize <= 2 and counts.max(initial=1) <= 1 << 15  # 2^15 pixels of uint16 fit into int32
    total = _sum_of_blocks(array, factor, np.dtype(np.int32 if small else np.int64))
    return np.rint(total / counts).astype(array.dtype)


def _pixels_per_block(shape: tuple[int, ...], factor: tuple[int, ...]) -> NDArray[np.int64]:
    counts = np.ones((), np.int64)
    for n, f in zip(shape, factor, strict=True):
        along = np.minimum(f, n - f * np.arange(-(-n // f)))
        counts = counts[..., np.newaxis] * along
    return counts


def _sum_of_blocks(array: NDArray[Any], factor: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    shape = tuple(-(-n // f) for n, f in zip(array.shape, factor, strict=False)) + array.shape[len(factor) :]
    total = np.zeros(shape, dtype)
    for offsets in itertools.product(*map(range, factor)):
        part = array[tuple(slice(o, None, f) for o, f in zip(offsets, factor, strict=True))]
        total[tuple(map(slice, part.shape))] += part
    return total


def _mean_of_wide_integers(array: NDArray[Any], factor: tuple[int, ...], counts: NDArray[np.int64]) -> NDArray[Any]:
    """The rounded mean where a sum of the pixels would leave 64 bits: whole parts and remainders are added apart."""
    full = np.repeat(counts, factor[0], axis=0)
    for axis, f in enumerate(factor[1:], start=1):
        full = np.repeat(full, f, axis=axis)
    full = full[tuple(map(slice, array.shape[: len(factor)]))].astype(array.dtype)
    whole = _sum_of_blocks(array // full, factor, array.dtype)
    rest = _sum_of_blocks(array % full, factor, array.dtype)
    pixels = counts.astype(array.dtype)
    whole += rest // pixels
    twice = rest % pixels * 2
    up = (twice > pixels) | ((twice == pixels) & (whole % 2 == 1))
    result: NDArray[Any] = whole + up.astype(array.dtype)
    return result
