"""Raw moments as exact integers: sums of powers of coordinates over pixels, which can be added in any order.

Floats would make a table depend on the tiles. Integers do not, as long as nothing overflows: a tile sums within cells
that are small enough for int64, each about its own corner; a merge moves the sums to the corner of the object, and
turns to Python's integers for those few objects that are too large for 64 bits. Floats come last: one correctly rounded
division per number.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.runs import Runs

Orders = tuple[tuple[int, ...], ...]
"""The power of each coordinate, per moment; with each moment come all that have smaller powers."""

FLOAT_BITS = 53
"""Integers below 2 to this are floats."""


def orders_up_to(total: int, ndim: int) -> Orders:
    """All orders of at most this sum, the zeroth first."""
    found = (o for o in itertools.product(range(total + 1), repeat=ndim) if sum(o) <= total)
    return tuple(sorted(found, key=lambda o: (sum(o), o)))


def orders_each_up_to(power: int, ndim: int) -> Orders:
    """All orders with each power at most this, as scikit-image counts them."""
    return tuple(itertools.product(range(power + 1), repeat=ndim))


def cell_side(orders: Orders, ndim: int, weight_bits: int) -> int:
    """The largest power of two as the side of a cell in which no moment takes more than 62 bits."""
    degree = max((sum(o) for o in orders), default=0)
    return int(1 << max(1, (62 - weight_bits) // (degree + ndim)))


def moments_of_runs(runs: Runs, orders: Orders) -> NDArray[np.int64]:
    """Moments of each group about the corner of its cell, shape (groups, orders)."""
    starts = runs.starts % runs.cell
    stops = starts + runs.stops - runs.starts
    along = [f(stops) - f(starts) for f in (_sum_0, _sum_1, _sum_2, _sum_3)[: 1 + max(o[-1] for o in orders)]]
    return _summed_over_lines(runs, orders, along)


def weighted_moments(runs: Runs, orders: Orders, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Moments with a weight per pixel of the core about the corner of each cell, shape (groups, orders)."""
    step = np.arange(weights.shape[-1]) % runs.cell
    along = [
        np.add.reduceat((weights * step**power).reshape(-1), runs.all_starts)[runs.kept]
        for power in range(1 + max(o[-1] for o in orders))
    ]
    return _summed_over_lines(runs, orders, along)


def _summed_over_lines(runs: Runs, orders: Orders, along: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    lines = runs.lines % runs.cell
    columns = [runs.reduce(np.add, np.prod(lines ** np.array(o[:-1]), axis=1) * along[o[-1]]) for o in orders]
    return np.stack(columns, axis=1)


def _sum_0(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return n


def _sum_1(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 + 1 + … + (n - 1)."""
    return n * (n - 1) // 2


def _sum_2(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return (n - 1) * n * (2 * n - 1) // 6


def _sum_3(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return _sum_1(n) ** 2


def moved(raw: NDArray[Any], by: NDArray[Any], orders: Orders) -> NDArray[Any]:
    """Moments about a corner that lies `by` (rows, ndim) before the old one; integers of either kind."""
    at = {order: n for n, order in enumerate(orders)}
    powers = _powers(by, max(map(max, orders)))
    columns = []
    for order in orders:
        total = raw[:, at[order]]
        for lower in _lower(order):
            if lower != order:
                total = total + _factor(order, lower, powers) * raw[:, at[lower]]
        columns.append(total)
    return np.stack(columns, axis=1)


def merge_moments(
    raw: NDArray[np.int64],
    by: NDArray[np.int64],
    far: NDArray[np.int64],
    bounds: NDArray[np.int64],
    orders: Orders,
    bits: NDArray[np.float64],
) -> NDArray[Any]:
    """Moments of groups of rows about one corner each: int64, or Python's integers where 62 bits might not do.

    Parameters
    ----------
    raw : ndarray of int64, (rows, orders)
    by : ndarray of int64, (rows, ndim)
        How far the corner lies before that of each row.
    far : ndarray of int64, (rows,)
        The farthest pixel of each row from the corner, along an axis.
    bounds : ndarray of int64, (groups,)
        Where each group begins.
    orders : Orders
    bits : ndarray of float64, (groups,)
        The logarithm of the largest sum of weights, without their signs.
    """
    reach = np.maximum.reduceat(far, bounds).astype(np.float64)
    bits = bits + max(map(sum, orders)) * np.log2(np.maximum(reach, 1))
    if bits.max() >= 61:
        raw, by = raw.astype(object), by.astype(object)
    return np.asarray(np.add.reduceat(moved(raw, by, orders), bounds, axis=0))


def central(
    raw: NDArray[Any],
    mass: NDArray[Any],
    extent: NDArray[np.int64],
    orders: Orders,
    power: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Moments about the centroid, each correctly rounded.

    Parameters
    ----------
    raw : ndarray of int64 or of Python's integers, (objects, orders)
        Moments about the corner of each object.
    mass : ndarray of int64, (objects,)
        At least the sum of the weights of each object, without their signs; all of int64 are thought to be so small.
    extent : ndarray of int64, (objects,)
        Longest side of each object's box.
    orders : tuple of tuple of int
    power : ndarray of int64, (objects,), optional
        The power of two that the moments are multiplied with.
    """
    degree = max(map(sum, orders))
    bits = (degree + 1) * np.log2(mass.astype(np.float64)) + degree * np.log2(extent)
    small = bits + degree < FLOAT_BITS
    result = np.empty(raw.shape, np.float64)
    for chosen, kind in ((small, np.int64), (~small, object)):
        if chosen.any():
            result[chosen] = _central(raw[chosen].astype(kind), orders, None if power is None else power[chosen])
    return result


def _central(raw: NDArray[Any], orders: Orders, power: NDArray[np.int64] | None) -> NDArray[np.float64]:
    at = {order: n for n, order in enumerate(orders)}
    ndim = len(orders[0])
    mass = raw[:, 0]
    firsts = np.stack([raw[:, at[tuple(int(a == axis) for a in range(ndim))]] for axis in range(ndim)], axis=1)
    powers = _powers(-firsts, max(map(max, orders)))
    masses = _powers(mass[:, None], max(map(sum, orders)))
    columns = []
    for order in orders:
        # Σ C(order, lower) (-first / mass)^(order - lower) raw[lower], over one denominator
        total: Any = 0
        for lower in _lower(order):
            total = total + _factor(order, lower, powers) * masses[sum(lower)][:, 0] * raw[:, at[lower]]
        found = ratio(total, masses[sum(order)][:, 0], power)
        columns.append(np.where(mass == 0, np.nan, found) if any(order) else found)
    return np.stack(columns, axis=1)


def ratio(
    numerator: NDArray[Any], denominator: NDArray[Any], power: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Quotients of integers, times powers of two, correctly rounded; a denominator of 0 is as for floats.

    Those of int64 must be floats, and their powers far from both ends of the range of floats.
    """
    if numerator.dtype != object:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.asarray(numerator / denominator, np.float64)
        return found if power is None else np.ldexp(found, power)
    if power is not None:
        above, below = np.maximum(power, 0).astype(object), np.maximum(-power, 0).astype(object)
        numerator, denominator = numerator << above, denominator << below
    return np.asarray(np.frompyfunc(_quotient, 2, 1)(numerator, denominator), np.float64)


def _quotient(numerator: int, denominator: int) -> float:
    if not numerator:
        return math.nan if not denominator else 0.0 if denominator > 0 else -0.0
    try:
        return numerator / denominator
    except (OverflowError, ZeroDivisionError):
        return math.inf if (numerator > 0) == (denominator >= 0) else -math.inf


def _powers(base: NDArray[Any], highest: int) -> list[NDArray[Any]]:
    found = [np.ones_like(base)]
    for _ in range(highest):
        found.append(found[-1] * base)
    return found


def _lower(order: tuple[int, ...]) -> itertools.product[tuple[int, ...]]:
    return itertools.product(*(range(power + 1) for power in order))


def _factor(order: tuple[int, ...], lower: tuple[int, ...], powers: list[NDArray[Any]]) -> Any:
    """The binomial coefficient of a shift times its powers."""
    factor: Any = math.prod(map(math.comb, order, lower))
    for axis, (high, low) in enumerate(zip(order, lower, strict=True)):
        if high > low:
            factor = factor * powers[high - low][:, axis]
    return factor
