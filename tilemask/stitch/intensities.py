"""Sums and extremes of the pixels of objects: of short integers as integers, of others as exact floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import Rows
from tilemask.stitch.runs import Runs
from tilemask.stitch.sums import add_sums, exact_sums, squares

SHORT_BITS = 16
"""Pixels of at most so many bits are summed as integers."""


def is_short(dtype: np.dtype[Any]) -> bool:
    """Whether pixels are integers whose squares and moments are summed as such."""
    return dtype.kind in "iub" and dtype.itemsize * 8 <= SHORT_BITS


def extreme_rows(runs: Runs, pixels: NDArray[Any]) -> Rows:
    """The least and the largest pixel of each group, (groups, channels); `pixels` is (…, channels)."""
    flat = pixels.reshape(-1, pixels.shape[-1])
    return {
        "low": runs.reduce_pixels(np.minimum, flat).astype(np.float64),
        "high": runs.reduce_pixels(np.maximum, flat).astype(np.float64),
    }


def total_rows(runs: Runs, pixels: NDArray[Any], *, squared: bool) -> Rows:
    """Sums of pixels (…, channels), and of their squares where asked for."""
    channels = pixels.shape[-1]
    flat = pixels.reshape(-1, channels)
    if is_short(pixels.dtype):
        whole = flat.astype(np.int64)
        totals = {"total": runs.reduce_pixels(np.add, whole)}
        return totals | ({"square": runs.reduce_pixels(np.add, whole * whole)} if squared else {})
    labels, inside, owner = runs.pixels_by_label()
    found = []
    for channel in range(channels):
        plain = flat[inside, channel].astype(np.float64)
        found.append(exact_sums(_keys(labels, channel, 0), owner, plain))
        if squared:
            both, twice = np.concatenate(squares(plain)), np.concatenate((owner, owner))
            found.append(exact_sums(_keys(labels, channel, 1), twice, both))
    return {"sums": add_sums({name: np.concatenate([f[name] for f in found]) for name in found[0]})}


def _keys(labels: NDArray[np.int64], channel: int, which: int) -> NDArray[np.int64]:
    """The keys of sums: label, channel, and 0 for pixels or 1 for their squares."""
    return np.column_stack((labels, np.full_like(labels, channel), np.full_like(labels, which)))
