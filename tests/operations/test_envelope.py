"""Lines of distances, against all pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tilemask.operations.envelope import envelope
from tilemask.operations.lines import chessboard_lines, taxicab_lines

Floats = NDArray[np.float64]
STEPS = np.arange(100.0)


def all_pairs(costs: Floats, table: Floats, join: np.ufunc, start: int, wanted: range) -> Floats:
    away = np.abs(np.subtract.outer(np.arange(wanted.start, wanted.stop), start + np.arange(costs.shape[-1])))
    return np.asarray(join(costs[..., np.newaxis, :], table[away]).min(axis=-1))


def lines(seed: int) -> Floats:
    """Squares of whole and of broken numbers, equal ones, and none."""
    rng = np.random.default_rng(seed)
    costs = rng.choice((1.0, 0.3), (12, 1)) * rng.integers(0, rng.choice((3, 30)), (12, int(rng.integers(1, 40))))
    costs[rng.random(costs.shape) < rng.choice((0, 0.5, 0.95))] = np.inf
    return np.square(costs)


@pytest.mark.parametrize("size", [1.0, 0.3, 0.1625, 1 / 3])
def test_the_envelope_is_the_smallest_of_all_sums(size: float) -> None:
    table = np.square(STEPS * size)
    for seed in range(60):
        costs, start = lines(seed), seed % 5 * 10 - 20
        wanted = range(seed % 7 - 3, seed % 7 + seed % 11 + 20)
        expected = all_pairs(costs, table, np.add, start, wanted)
        np.testing.assert_array_equal(envelope(costs, table, 1, start, wanted), expected)
        np.testing.assert_array_equal(envelope(costs.T, table, 0, start, wanted), expected.T)


@pytest.mark.parametrize(("function", "join"), [(taxicab_lines, np.add), (chessboard_lines, np.maximum)])
def test_lines_of_steps(function: Callable[..., Floats], join: np.ufunc) -> None:
    for seed in range(60):
        costs, start = np.rint(lines(seed)), seed % 5 * 10 - 20
        wanted = range(seed % 7 - 3, seed % 7 + seed % 11 + 20)
        expected = all_pairs(costs, STEPS, join, start, wanted)
        np.testing.assert_array_equal(function(costs, 1, start, wanted), expected)
