"""Percentiles of any size of image, exactly: the pixel of a given rank, found 16 bits at a time.

The bits of a number, read as an unsigned integer after a small change, sort as the numbers do. One survey counts the
highest 16 bits; the next counts the following 16 among the pixels that share the highest ones with the pixel sought;
so two surveys find any float32 and four any float64, whatever the size of the image, and a part has 65 536 counts.
Both neighbours of the percentile are sought at once. The interpolation between them is NumPy's, operation by
operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Image, Value, derive, reduce_tiles
from tilemask.operations.histograms import as_is, count_levels, not_numbers, nothing_left, select

DIGIT = 16


@dataclass(frozen=True)
class Search:
    """How far the two pixels beside a percentile are known."""

    prefixes: tuple[int, int]
    """The bits known so far, read as a number."""
    ranks: tuple[int, int]
    """Their ranks among the pixels that share those bits."""
    fraction: float
    """Where the percentile lies between them, from 0 to 1."""


def percentile_value(image: Image, q: Any, where: Image | None, nodata: Any) -> Value:
    """The percentile as a value; `q` may be one."""
    images = (image,) if where is None else (image, where)
    bits = 8 * image.dtype.itemsize
    shifts = range(max(0, bits - DIGIT), -1, -DIGIT)
    search: Value | None = None
    for shift in shifts:
        found = reduce_tiles(
            count_digits,
            *images,
            combine=add_digits,
            finish=as_is,
            cost=8.0 if bits > DIGIT else 0.4,
            search=search,
            shift=shift,
            nodata=nodata,
        )
        search = derive(begin, found, q) if search is None else derive(descend, found, search)
    dtype = np.dtype(np.float64) if image.dtype.kind in "iu" else image.dtype
    return derive(interpolate, search, image.dtype.str, dtype=dtype)


def ordered(values: NDArray[Any]) -> NDArray[Any]:
    """Unsigned integers that sort as the numbers do (NaN aside)."""
    size = values.dtype.itemsize
    unsigned = np.dtype(f"u{size}").type
    bits = values.view(unsigned)
    sign = unsigned(1 << (8 * size - 1))
    if values.dtype.kind == "u":
        return bits
    if values.dtype.kind == "i":
        return bits ^ sign
    # A negative float has all bits turned round, a positive one its sign only.
    return bits ^ ((bits >> unsigned(8 * size - 1)) * unsigned((1 << (8 * size - 1)) - 1) | sign)


def number_of(bits: int, dtype: np.dtype[Any]) -> Any:
    """The number whose `ordered` bits these are."""
    size = dtype.itemsize
    sign = 1 << (8 * size - 1)
    if dtype.kind == "i":
        bits ^= sign
    elif dtype.kind == "f":
        bits = bits ^ sign if bits & sign else bits ^ (2 * sign - 1)
    return np.array([bits], f"u{size}").view(dtype)[0]


def count_digits(
    array: NDArray[Any],
    mask: NDArray[np.bool_] | None = None,
    *,
    search: Search | None,
    shift: int,
    nodata: Any = None,
) -> dict[str, Any]:
    """Pixels per value of the 16 bits at `shift`, among those that share the bits found so far; one row per prefix."""
    values = np.ascontiguousarray(select(array, mask, nodata=nodata))
    nan = 0
    if values.dtype.kind == "f" and search is None and np.isnan(values.sum()):
        valid = ~np.isnan(values)
        nan, values = int(values.size - valid.sum()), values[valid]
    keys = ordered(values)
    digit = np.dtype(f"u{min(2, keys.itemsize)}")
    if search is None:
        rows = [count_levels((keys >> keys.dtype.type(shift)).astype(digit, copy=False))]
    else:
        known = keys >> keys.dtype.type(shift + DIGIT)
        prefixes = dict.fromkeys(search.prefixes)
        rows = [count_levels((keys[known == p] >> keys.dtype.type(shift)).astype(digit)) for p in prefixes]
    return {"counts": np.stack(rows), "nan": nan}


def add_digits(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    return {"counts": a["counts"] + b["counts"], "nan": a["nan"] + b["nan"]}


def begin(found: dict[str, Any], q: Any) -> Search:
    """From a percentage and the counts of the first digit."""
    counts = found["counts"][0]
    count = int(counts.sum())
    if found["nan"]:
        raise InputError(not_numbers("percentile", found["nan"], 0, count + found["nan"]))
    if not count:
        raise InputError(nothing_left("percentile"))
    place = (count - 1) * np.true_divide(check_percentage(q), 100)
    low = int(np.floor(place))
    if place >= count - 1:
        low = count - 1
    high = min(low + 1, count - 1)
    # At the upper end NumPy takes the last value for both neighbours, whatever the fraction.
    fraction = float(place - np.floor(place))
    return _step(Search((0, 0), (low, high), fraction), [counts, counts])


def descend(found: dict[str, Any], search: Search) -> Search:
    rows = found["counts"]
    return _step(search, [rows[0], rows[-1]])


def _step(search: Search, rows: list[NDArray[np.int64]]) -> Search:
    """One digit further, for both pixels."""
    prefixes, ranks = [], []
    for prefix, rank, counts in zip(search.prefixes, search.ranks, rows, strict=True):
        below = np.cumsum(counts)
        digit = int(np.searchsorted(below, rank, side="right"))
        prefixes.append(prefix << DIGIT | digit)
        ranks.append(rank - int(below[digit] - counts[digit]))
    return Search((prefixes[0], prefixes[1]), (ranks[0], ranks[1]), search.fraction)


def interpolate(search: Search, dtype: str) -> Any:
    """NumPy's linear interpolation between two values of the image's dtype, with its roundings."""
    low, high = (number_of(p, np.dtype(dtype)) for p in search.prefixes)
    with np.errstate(all="ignore"):
        difference, fraction = high - low, search.fraction
        return high - difference * (1 - fraction) if fraction >= 0.5 else low + difference * fraction


def check_percentage(q: Any) -> float:
    if isinstance(q, bool) or not isinstance(q, int | float | np.number) or not 0 <= q <= 100:
        raise InputError(f"percentile: q must be a number from 0 to 100; found {q!r}.")
    return float(q)
