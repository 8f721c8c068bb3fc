"""Distances along a line for the metrics whose tables are not strictly convex: the sum and the largest of steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def taxicab_lines(costs: Floats, axis: int, start: int, wanted: range) -> Floats:
    """Find the smallest ``cost[x] + |x - p|`` along an axis, by two running minima; arguments as in `envelope`."""
    lines = np.moveaxis(costs, axis, -1)
    low, high = min(start, wanted.start), max(start + lines.shape[-1], wanted.stop)
    spread = np.full((*lines.shape[:-1], high - low), np.inf)
    spread[..., start - low : start - low + lines.shape[-1]] = lines
    position = np.arange(high - low, dtype=np.float64)
    ahead = np.minimum.accumulate(spread - position, axis=-1) + position
    behind = np.minimum.accumulate((spread + position)[..., ::-1], axis=-1)[..., ::-1] - position
    found = np.minimum(ahead, behind)[..., wanted.start - low : wanted.stop - low]
    return np.moveaxis(found, -1, axis)


def chessboard_lines(costs: Floats, axis: int, start: int, wanted: range) -> Floats:
    """Find the smallest ``max(cost[x], |x - p|)`` along an axis; arguments as in `envelope`.

    The answer is the smallest r such that a cost of r or less lies within r pixels. It is found by bisection, with
    minima over runs of 1, 2, 4… pixels that answer for any run in two looks.
    """
    lines = np.moveaxis(costs, axis, -1)
    length = lines.shape[-1]
    flat = lines.reshape(-1, length)
    runs = [flat]
    while 2 ** len(runs) <= length:
        half = 2 ** (len(runs) - 1)
        runs.append(np.minimum(runs[-1][:, :-half], runs[-1][:, half:]))
    at = np.arange(wanted.start, wanted.stop) - start
    finite = flat[np.isfinite(flat)]
    most = int(max(finite.max(initial=0), np.abs(at).max() + length))
    low = np.zeros((len(flat), len(at)), np.int64)
    high = np.full(low.shape, most + 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = _least(runs, np.maximum(at - middle, 0), np.minimum(at + middle + 1, length)) <= middle
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    found = np.where(low > most, np.inf, low.astype(np.float64)).reshape(*lines.shape[:-1], len(at))
    return np.moveaxis(found, -1, axis)


def _least(runs: list[Floats], begin: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """The smallest cost from `begin` to `end` in each line; infinite where that is empty."""
    count = end - begin
    level = np.frexp(np.maximum(count, 1).astype(np.float64))[1] - 1
    least = np.full(begin.shape, np.inf)
    for number, run in enumerate(runs):
        here = (level == number) & (count > 0)
        line = np.nonzero(here)[0]
        least[here] = np.minimum(run[line, begin[here]], run[line, end[here] - (1 << number)])
    return least
