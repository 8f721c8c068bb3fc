"""Means whose bits do not depend on the order of the pixels.

A float sum depends on its order, and NumPy's order (pairwise over the whole array) cannot be had from tiles. So
nothing is rounded before the end: every float is an integer times a power of two, the integers are added exactly, per
tile in int64 and between tiles in Python's, and one division of integers rounds once. (The idea of a long
accumulator: R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.operations.histograms import not_numbers, nothing_left, select

UNIT = 1126
"""The sum counts units of 2^-1126: the last of 53 bits of mantissa of the smallest float64."""

_AT_ONCE = 1 << 22
"""Mantissa halves of 27 bits added in float64 stay exact below 2^26 of them."""


def add_up(array: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, nodata: Any = None) -> dict[str, int]:
    """The exact sum of a tile: of integers as it is, of floats in units of 2^-1126."""
    values = select(array, mask, nodata=nodata)
    part = {"sum": 0, "count": int(values.size), "nan": 0, "above": 0, "below": 0}
    if values.dtype.kind != "f":
        part["sum"] = _sum_integers(values)
        return part
    if not np.isfinite(values).all():
        part["nan"] = int(np.isnan(values).sum())
        part["above"], part["below"] = int(np.isposinf(values).sum()), int(np.isneginf(values).sum())
        values = values[np.isfinite(values)]
    flat = values.reshape(-1)
    part["sum"] = sum(_sum_floats(flat[start : start + _AT_ONCE]) for start in range(0, flat.size, _AT_ONCE))
    return part


def _sum_integers(values: NDArray[Any]) -> int:
    if values.dtype.itemsize < 8:
        return int(values.sum(dtype=np.int64))
    half = values.dtype.type(32)
    low = (values & values.dtype.type(0xFFFFFFFF)).sum(dtype=np.uint64)
    return (int((values >> half).sum(dtype=np.int64)) << 32) + int(low)


def _sum_floats(values: NDArray[Any]) -> int:
    mantissas, exponents = np.frexp(values.astype(np.float64))
    scaled = np.ldexp(mantissas, 27)
    upper = np.floor(scaled)
    lower = np.ldexp(scaled - upper, 26)
    first = int(exponents.min())
    places = exponents - first
    total = 0
    for weights, bits in ((upper, 26), (lower, 0)):
        for place, amount in enumerate(np.bincount(places, weights=weights)):
            if amount:
                total += int(amount) << (bits + place)
    return total << (first - 53 + UNIT)


def add_sums(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {name: a[name] + b[name] for name in a}


def mean_of(part: dict[str, int], dtype: str) -> Any:
    """The mean, rounded once to float64 and for float32 images once more; infinite where the reference is."""
    image = np.dtype(dtype)
    if part["nan"]:
        raise InputError(not_numbers("threshold_mean", part["nan"], 0, part["count"]))
    if not part["count"]:
        raise InputError(nothing_left("threshold_mean"))
    if image.kind != "f":
        return np.float64(part["sum"] / part["count"])
    if part["above"] or part["below"]:
        return image.type(np.nan if part["above"] and part["below"] else np.inf if part["above"] else -np.inf)
    return image.type(part["sum"] / (part["count"] << UNIT))
