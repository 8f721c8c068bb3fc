"""Moments with pixels as weights, as exact integers for every type of pixels.

A float is a sum of digits of 16 bits, each times a power of two that many pixels share. What short integers are summed
as, each digit is: integers about the corner of a cell, which can be moved and added in any order. The digits of an
object come together when it is complete, in Python's integers, and are rounded once with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import Rows, first_of_each, joined_rows, sorted_rows
from tilemask.stitch.intensities import SHORT_BITS, is_short
from tilemask.stitch.moments import Orders, merge_moments, weighted_moments
from tilemask.stitch.runs import Runs

_UNKNOWN = 5000
"""A power of two that no float has: the weights hold NaN or an infinity."""
_PLAIN = 900
"""Up to this power, 64-bit integers times a power of two are floats far from both ends of their range."""


def weight_rows(runs: Runs, pixels: NDArray[Any], orders: Orders, boxes: Rows) -> Rows:
    """The weighted moments of each group, a row per channel and digit.

    Parameters
    ----------
    runs : Runs
    pixels : ndarray, (…, channels)
    orders : Orders
    boxes : dict of columns
        The ``label``, ``origin`` and ``stop`` of each group.

    Returns
    -------
    dict of columns
        ``label``, ``channel``, ``power`` (of two, for the digit), ``origin``, ``reach`` (the farthest pixel from
        there along an axis) and ``moments``.
    """
    found = []
    for channel in range(pixels.shape[-1]):
        for power, digits in _digits(pixels[..., channel]):
            moments = weighted_moments(runs, orders, digits)
            found.append(_rows(boxes, channel, power, moments))
        if pixels.dtype.kind == "f":
            known = runs.reduce_pixels(np.logical_and, np.isfinite(pixels[..., channel]).reshape(-1))
            lost = _rows(boxes, channel, _UNKNOWN, np.zeros_like(moments))
            found.append({name: column[~known] for name, column in lost.items()})
    return sorted_rows(joined_rows(found))


def _rows(boxes: Rows, channel: int, power: int, moments: NDArray[np.int64]) -> Rows:
    every = len(moments)
    return {
        "label": boxes["label"],
        "channel": np.full(every, channel),
        "power": np.full(every, power),
        "origin": boxes["origin"],
        "reach": (boxes["stop"] - boxes["origin"]).max(axis=1),
        "moments": moments,
    }


def _digits(pixels: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Powers of two and the integers below 2^16 that they are multiplied with; the sum is `pixels`, NaN taken as 0."""
    if is_short(pixels.dtype):
        yield 0, pixels.astype(np.int64)
        return
    rest = pixels.astype(np.float64)
    rest[~np.isfinite(rest)] = 0
    while True:
        largest = np.abs(rest).max()
        power = (int(np.frexp(largest)[1]) - 1) // SHORT_BITS * SHORT_BITS if largest else 0
        digits = np.trunc(np.ldexp(rest, -power))
        yield power, digits.astype(np.int64)
        rest -= np.ldexp(digits, power)
        if not rest.any():
            return


def merge_weights(weights: Rows, objects: Rows, orders: Orders) -> Rows:
    """The weighted moments of whole objects.

    Parameters
    ----------
    weights : dict of columns
        As `weight_rows` gives them, of all tiles.
    objects : dict of columns
        The merged ``label``, ``start``, ``count`` and ``low``.
    orders : Orders

    Returns
    -------
    dict of columns
        ``weighted`` (objects, channels, orders), int64 or Python's integers, about the corner of each object, to be
        multiplied with two to the ``power`` (objects, channels) where they are ``known`` (objects, channels).
    """
    label: NDArray[np.int64] = weights["label"]
    owner = np.searchsorted(objects["label"], label)
    shape = objects["low"].shape
    known, power = np.ones(shape, np.bool_), np.zeros(shape, np.int64)
    lost = weights["power"] == _UNKNOWN
    known[owner[lost], weights["channel"][lost]] = False
    order = np.lexsort((weights["power"], weights["channel"], owner))
    order = order[~lost[order]]
    owner, channel, digit = owner[order], weights["channel"][order], weights["power"][order]
    bounds = first_of_each(owner, channel, digit)
    by = weights["origin"][order] - objects["start"][owner]
    bits = np.log2(objects["count"][owner[bounds]]) + SHORT_BITS
    far = np.abs(by).max(axis=1) + weights["reach"][order]
    raw = merge_moments(weights["moments"][order], by, far, bounds, orders, bits)
    owner, channel, digit = owner[bounds], channel[bounds], digit[bounds]
    whole = first_of_each(owner, channel)
    lowest = digit[whole]
    if len(whole) < len(raw) or np.abs(lowest).max() > _PLAIN:
        above = digit - np.repeat(lowest, np.diff(whole, append=len(raw)))
        raw = np.add.reduceat(raw.astype(object) << above.astype(object)[:, None], whole, axis=0)
    at = owner[whole], channel[whole]
    weighted = np.zeros((*shape, len(orders)), raw.dtype)
    weighted[at], power[at] = raw, lowest
    return {"weighted": weighted, "power": power, "known": known}
