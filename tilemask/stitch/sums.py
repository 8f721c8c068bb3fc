"""Sums of floats that do not depend on the order: exact until one rounding at the end.

A float is an integer of 53 bits times a power of two. The integers of equal powers can be added as integers, in any
order and over any tiles, if they are cut into two halves that leave room for 2^36 of them. What is kept per label is a
row per power of two that occurs, a handful for the pixels of one object. NaN and infinities are rows too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import first_of_each

_HALF = 27
_NAN, _PLUS, _MINUS = 5000, 5001, 5002
_BEYOND = np.array([_NAN, _PLUS, _MINUS])
"""Powers of two that no float has."""

Sums = dict[str, NDArray[np.int64]]
"""Rows of ``keys`` (rows, k), ``power``, ``high`` and ``low``, the latter two to be added."""


def exact_sums(keys: NDArray[np.int64], owner: NDArray[np.int64], values: NDArray[np.float64]) -> Sums:
    """Rows of the sums of `values` by key.

    Parameters
    ----------
    keys : ndarray of int64, (m, k)
        Ascending, each once.
    owner : ndarray of int64, (n,)
        Which of the keys each value is summed under.
    values : ndarray of float64, (n,)
        At most 2^27, so that halves add up as floats do: exactly.
    """
    fraction, power = np.frexp(values)
    finite = np.isfinite(values)
    lowest = int(power[finite].min()) if finite.any() else 0
    what = np.where(np.isnan(values), 0, np.where(values > 0, 1, 2))
    kind = np.where(finite, power - (lowest - len(_BEYOND)), what).astype(np.int64)
    whole = np.ldexp(np.where(finite, fraction, 0.0), 53)
    high = np.floor(np.ldexp(whole, -_HALF))
    low = whole - np.ldexp(high, _HALF)
    kinds = int(kind.max()) + 1
    code, added = _by_code(owner * kinds + kind, (high, low), len(keys) * kinds)
    kind = code % kinds
    power = np.where(kind < len(_BEYOND), np.take(_BEYOND, kind, mode="clip"), kind + lowest - len(_BEYOND) - 53)
    return {"keys": keys[code // kinds], "power": power, "high": added[0], "low": added[1]}


def _by_code(
    code: NDArray[np.int64], halves: tuple[NDArray[np.float64], ...], codes: int
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """The codes that occur, ascending, and the sums of each half over them."""
    if codes <= max(4 * code.size, 1 << 16):  # a table; sorting takes 10 times longer
        found = np.flatnonzero(np.bincount(code, minlength=codes))
        return found, [np.bincount(code, half, codes)[found].astype(np.int64) for half in halves]
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    bounds = np.flatnonzero(np.diff(ordered, prepend=-1))
    return ordered[bounds], [np.add.reduceat(half[order], bounds).astype(np.int64) for half in halves]


def add_sums(rows: Sums) -> Sums:
    """The same sums with one row per key and power, in the order of keys."""
    if not len(rows["power"]):
        return rows
    columns = (rows["power"], *reversed(rows["keys"].T))
    order = np.lexsort(columns)
    bounds = first_of_each(*(column[order] for column in columns))
    first = order[bounds]
    return {
        "keys": rows["keys"][first],
        "power": rows["power"][first],
        "high": np.add.reduceat(rows["high"][order], bounds),
        "low": np.add.reduceat(rows["low"][order], bounds),
    }


def squares(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squares as pairs of floats whose sum is exact.

    Notes
    -----
    Veltkamp's splitting and Dekker's product, "A floating-point technique for extending the available precision",
    Numerische Mathematik 18 (1971). Where the square leaves the range of floats the second is 0.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        square = values * values
        turned = values * 134217729.0
        upper = turned - (turned - values)
        lower = values - upper
        rest = ((upper * upper - square) + 2.0 * upper * lower) + lower * lower
        return square, np.where(np.isfinite(rest), rest, 0.0)


def totals(rows: Sums, keys: NDArray[np.int64]) -> list[Any]:
    """The sum of each of `keys` (n, k), ascending: a fraction as (numerator, power of two), or a float that is not one.

    Keys without a row have the sum 0; `rows` are as `add_sums` returns them.
    """
    found: dict[tuple[int, ...], Any] = {}
    listed = (rows["keys"].tolist(), rows["power"].tolist(), rows["high"].tolist(), rows["low"].tolist())
    for key, power, high, low in zip(*listed, strict=True):
        found.setdefault(tuple(key), []).append((power, (high << _HALF) + low))
    return [_total(found.get(tuple(key), [])) for key in keys.tolist()]


def _total(terms: list[tuple[int, int]]) -> Any:
    powers = {power for power, _ in terms}
    if _NAN in powers or {_PLUS, _MINUS} <= powers:
        return math.nan
    if _PLUS in powers or _MINUS in powers:
        return math.inf if _PLUS in powers else -math.inf
    lowest = min(powers, default=0)
    return sum(whole << (power - lowest) for power, whole in terms), lowest


def mean_of(total: Any, count: int) -> float:
    """A sum of `totals` over a number of values, correctly rounded."""
    if isinstance(total, float):
        return total
    whole, power = total
    return _quotient(whole, power, count)


def deviation_of(total: Any, square: Any, count: int) -> float:
    """The standard deviation of `count` values from the sums of them and of their squares: one rounding, one root."""
    if isinstance(total, float) or isinstance(square, float):
        return math.nan if math.isnan(mean_of(square, 1)) or isinstance(total, float) else math.inf
    (whole, power), (whole_of_squares, power_of_squares) = total, square
    lowest = min(2 * power, power_of_squares)
    above = count * (whole_of_squares << (power_of_squares - lowest)) - (whole * whole << (2 * power - lowest))
    return math.sqrt(_quotient(above, lowest, count * count))


def _quotient(whole: int, power: int, count: int) -> float:
    try:
        return (whole << power) / count if power >= 0 else whole / (count << -power)
    except OverflowError:
        return math.copysign(math.inf, whole)
