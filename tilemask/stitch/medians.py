"""Medians of the pixels of objects: how often each value occurs, added up over tiles.

Tiles note the values of each label in order, and how often each occurs. Those of an object are put together and the
middle is looked up. For an object so large that its values are not to be held at once, the notes are read again for
every 16 bits of the middle, and only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import Rows, first_of_each, joined_rows, rows_between, sorted_rows
from tilemask.stitch.runs import Runs

VALUES_AT_ONCE = 1 << 20
"""Rows of values that are held at once; they take about 60 bytes each."""
_DIGIT_BITS = 16


def value_rows(runs: Runs, pixels: NDArray[Any]) -> Rows:
    """How often each value occurs among the pixels of each label; `pixels` is (…, channels).

    Returns
    -------
    dict of columns
        ``label``, ``channel``, ``value`` (of the type of the pixels; uint8 for bool) and ``count``.
    """
    labels, inside, owner = runs.pixels_by_label()
    found = []
    for channel in range(pixels.shape[-1]):
        values = _canonical(pixels[..., channel].reshape(-1)[inside])
        of, ordered = _sorted(owner, _ordered(values))
        bounds = first_of_each(of, ordered)
        found.append(
            {
                "label": labels[of[bounds]],
                "channel": np.full(len(bounds), channel, np.uint16),
                "value": _values_of(ordered[bounds], values.dtype),
                "count": np.diff(bounds, append=len(of)).astype(np.uint32),
            }
        )
    return sorted_rows(joined_rows(found))


def _sorted(owner: NDArray[np.int64], ordered: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Both in the order of the first, then of the second."""
    if ordered.itemsize <= 4:  # in one number: 0.09 s for a million pixels, 0.47 s by two keys
        both = (owner.astype(np.uint64) << np.uint64(32)) | ordered
        both.sort()
        return (both >> np.uint64(32)).astype(np.int64), both.astype(np.uint32).astype(ordered.dtype)
    order = np.lexsort((ordered, owner))
    return owner[order], ordered[order]


def _canonical(values: NDArray[Any]) -> NDArray[Any]:
    """One zero and one NaN, so that equal values have equal bits."""
    if values.dtype.kind != "f":
        return values.astype(np.uint8) if values.dtype.kind == "b" else values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values + values.dtype.type(0))


def _ordered(values: NDArray[Any]) -> NDArray[Any]:
    """Unsigned integers in the order of the values, NaN behind all others."""
    kind = np.dtype(f"u{values.dtype.itemsize}")
    bits, top = values.view(kind), kind.type(1 << (8 * kind.itemsize - 1))
    if values.dtype.kind == "u":
        return bits
    return bits ^ top if values.dtype.kind == "i" else np.where(bits >= top, ~bits, bits | top)


def _values_of(ordered: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values that `_ordered` was made of."""
    top = ordered.dtype.type(1 << (8 * ordered.itemsize - 1))
    if dtype.kind == "i":
        return (ordered ^ top).view(dtype)
    return ordered if dtype.kind == "u" else np.where(ordered >= top, ordered ^ top, ~ordered).view(dtype)


def merge_medians(read: Callable[[], Iterator[Rows]], objects: Rows) -> NDArray[np.float64]:
    """The medians of whole objects.

    Parameters
    ----------
    read : callable
        Gives the rows of values of one tile after the other, each time it is called.
    objects : dict of columns
        The merged ``label``, ``count`` and ``low``.

    Returns
    -------
    ndarray of float64, (objects, channels)
        As ``numpy.median`` gives them: the mean of the middle two in the type of floats, and of integers in float64.
    """
    labels, counts = objects["label"], objects["count"]
    medians = np.empty(objects["low"].shape)
    held, heavy = _gathered(read)
    for label in heavy:
        at = int(np.searchsorted(labels, label))
        ranks = np.tile(_ranks(counts[at]), (medians.shape[1], 1))
        low, high, largest = _selected(read, label, ranks, held["value"].dtype).T
        medians[at] = _median(low, high, largest, counts[at])
    order = np.lexsort((held["value"], held["channel"], held["label"]))
    label, channel = held["label"][order], held["channel"][order]
    values, ends = held["value"][order], np.cumsum(held["count"][order], dtype=np.int64)
    bounds = first_of_each(label, channel)
    at = np.searchsorted(labels, label[bounds])
    before = ends[bounds] - held["count"][order][bounds]
    ranks = before[:, None] + _ranks(counts[at])
    low, high, largest = values[np.searchsorted(ends, ranks, side="right")].T
    medians[at, channel[bounds]] = _median(low, high, largest, counts[at])
    return medians


def _ranks(count: Any) -> NDArray[np.int64]:
    """The places of the middle two and of the largest of so many values, from 0."""
    return np.stack(((count - 1) // 2, count // 2, count - 1), axis=-1)


def _median(low: NDArray[Any], high: NDArray[Any], largest: NDArray[Any], count: Any) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.where(count % 2, low.astype(np.float64), np.mean(np.stack((low, high)), axis=0).astype(np.float64))
    return np.where(largest != largest, np.nan, middle)


def _gathered(read: Callable[[], Iterator[Rows]]) -> tuple[Rows, list[int]]:
    """The rows of all tiles, but for those of the labels, given as well, that have too many."""
    pieces: list[Rows] = []
    heavy: list[int] = []
    limit = VALUES_AT_ONCE
    for piece in read():
        pieces.append(_without(piece, heavy))
        while sum(len(p["label"]) for p in pieces) > limit:
            rows = joined_rows(pieces)
            labels, sizes = np.unique(rows["label"], return_counts=True)
            if 8 * sizes.max() < limit:  # many labels, of which none weighs much
                limit *= 2
            else:
                heavy.append(int(labels[sizes.argmax()]))
            pieces = [_without(rows, heavy[-1:])]
    return joined_rows(pieces), heavy


def _without(rows: Rows, labels: list[int]) -> Rows:
    kept = ~np.isin(rows["label"], labels)
    return {name: column[kept] for name, column in rows.items()}


def _selected(
    read: Callable[[], Iterator[Rows]], label: int, ranks: NDArray[np.int64], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The values at these places (channels, ranks) among those of one label, found 16 bits at a time."""
    bits = 8 * dtype.itemsize
    digit_bits = min(bits, _DIGIT_BITS)
    above, left = np.zeros(ranks.shape, f"u{dtype.itemsize}"), ranks
    for done in range(0, bits, digit_bits):
        counted = np.zeros((*ranks.shape, 1 << digit_bits), np.int64)
        for piece in read():
            _count_digits(counted, rows_between(piece, label, label + 1), above, done)
        sums = np.cumsum(counted, axis=-1)
        digit = (sums <= left[..., None]).sum(axis=-1)
        left = left - np.take_along_axis(sums - counted, digit[..., None], axis=-1)[..., 0]
        above = (above << above.dtype.type(digit_bits % bits)) | digit.astype(above.dtype)
    return _values_of(above, dtype)


def _count_digits(counted: NDArray[np.int64], rows: Rows, above: NDArray[Any], done: int) -> None:
    """Count the digit that follows `done` bits of the values that begin with `above` (channels, ranks)."""
    ordered = _ordered(rows["value"])
    kind, bits, digits = ordered.dtype.type, 8 * ordered.itemsize, counted.shape[-1]
    digit_bits = digits.bit_length() - 1
    upper = ordered >> kind(bits - done - digit_bits)
    digit = (upper & kind(digits - 1)).astype(np.int64)
    begins = upper >> kind(digit_bits % bits) if done else np.zeros_like(ordered)
    for channel, rank in np.ndindex(above.shape):
        chosen = (rows["channel"] == channel) & (begins == above[channel, rank])
        found = np.bincount(digit[chosen], rows["count"][chosen], minlength=digits)
        counted[channel, rank] += found.astype(np.int64)
