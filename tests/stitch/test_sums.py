"""Sums, moments and hulls that do not depend on how pixels are grouped."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import measure

from tests.exactness.strategies import picture
from tilemask.stitch.hulls import Lines, hull_lines, widest_distance
from tilemask.stitch.merging import ranges_of_labels
from tilemask.stitch.moments import central, moved, orders_each_up_to, orders_up_to
from tilemask.stitch.runs import find_runs
from tilemask.stitch.sums import add_sums, deviation_of, exact_sums, mean_of, squares, totals

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


def summed(values: list[float], parts: int) -> Any:
    """The total of one key, added in `parts` pieces in an odd order."""
    rows = []
    for part in range(min(parts, len(values))):
        some = np.array(values[part::parts], np.float64)
        rows.append(exact_sums(np.zeros((1, 1), np.int64), np.zeros(len(some), np.int64), some))
    rows.reverse()
    together = add_sums({n: np.concatenate([r[n] for r in rows]) for n in rows[0]})
    return totals(together, np.zeros((1, 1), np.int64))[0]


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(FLOATS, st.integers(1, 5))
def test_sums_are_correctly_rounded(values: list[float], parts: int) -> None:
    exact = sum(map(Fraction, values))
    assert summed(values, parts) == summed(values, 1)
    whole, power = summed(values, parts)
    assert Fraction(whole) * Fraction(2) ** power == exact
    assert mean_of((whole, power), len(values)) == float(exact / len(values))


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.lists(st.floats(-1e100, 1e100).filter(lambda f: f == 0 or abs(f) > 1e-100), min_size=1, max_size=20))
def test_deviations_are_rounded_once(values: list[float]) -> None:
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    variance = float(sum((v - mean) ** 2 for v in exact) / len(exact))
    both = np.concatenate(squares(np.array(values)))
    found = deviation_of(summed(values, 1), summed(both.tolist(), 1), len(values))
    assert found == math.sqrt(variance)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([math.nan, 1.0], math.nan),
        ([math.inf, 1.0], math.inf),
        ([-math.inf, 1.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([1e308, 1e308, 1e308], 1e308),
        ([5e-324, 5e-324], 5e-324),
    ],
)
def test_values_at_the_ends_of_floats(values: list[float], expected: float) -> None:
    found = mean_of(summed(values, 2), len(values))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(st.integers(0, 2**16), st.integers(-50, 50), st.integers(-50, 50), st.booleans())
def test_moments_move_and_centre_exactly(seed: int, dy: int, dx: int, large: bool) -> None:
    rng = np.random.default_rng(seed)
    ys, xs = rng.integers(0, 30, (2, 12)).tolist()
    orders = orders_each_up_to(3, 2)

    def raw(ys: list[int], xs: list[int]) -> NDArray[Any]:
        sums = [sum(y**p * x**q for y, x in zip(ys, xs, strict=True)) for p, q in orders]
        return np.array([sums], object if large else np.int64)

    there = raw([y + dy for y in ys], [x + dx for x in xs])
    assert (moved(raw(ys, xs), np.array([[dy, dx]]), orders) == there).all()
    cy, cx = Fraction(sum(ys), len(ys)), Fraction(sum(xs), len(xs))
    exact = [sum((y - cy) ** p * (x - cx) ** q for y, x in zip(ys, xs, strict=True)) for p, q in orders]
    assert central(raw(ys, xs), np.array([12]), np.array([30]), orders)[0].tolist() == [float(e) for e in exact]


def test_orders() -> None:
    assert orders_up_to(2, 2) == ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))
    assert len(orders_each_up_to(3, 2)) == 16


@pytest.mark.parametrize("name", ["noise", "blobs", "serpentine", "checkerboard", "empty", "full"])
@pytest.mark.parametrize("cell", [2, 8, 1 << 20])
def test_runs_hold_every_pixel_once(name: str, cell: int) -> None:
    labels = np.floor(picture(name, (13, 21), 4) * 3).astype(np.int32)
    runs = find_runs(labels, cell)
    if runs is None:
        assert not labels.any()
        return
    seen = np.zeros_like(labels)
    for line, start, stop, group in zip(runs.lines[:, 0], runs.starts, runs.stops, runs.group, strict=True):
        seen[line, start:stop] += runs.labels[group].astype(np.int32)
    assert np.array_equal(seen, labels)
    groups = runs.group_of_pixels().reshape(labels.shape)
    assert np.array_equal(groups >= 0, labels > 0)
    assert np.array_equal(runs.reduce(np.add, runs.stops - runs.starts), np.bincount(groups[groups >= 0]))


def lines_of(labels: NDArray[Any]) -> Lines:
    rows = []
    for owner, label in enumerate(np.unique(labels[labels > 0])):
        ys, xs = np.nonzero(labels == label)
        rows += [(owner, y, xs[ys == y].min(), xs[ys == y].max()) for y in np.unique(ys)]
    return Lines(*np.array(rows).T)


@pytest.mark.parametrize("name", ["noise", "blobs", "serpentine", "outlier", "full", "peaks"])
@pytest.mark.parametrize("shape", [(1, 23), (17, 1), (5, 4), (37, 29)])
def test_hulls_equal_the_reference(name: str, shape: tuple[int, int]) -> None:
    labels = np.floor(picture(name, shape, 2) * 4.99).astype(np.int64)
    if not labels.any():
        labels[0, 0] = 1
    hulls = hull_lines(lines_of(labels))
    areas = np.bincount(hulls.owner, weights=hulls.last - hulls.first + 1)
    widest = widest_distance(hulls, np.ones(2))
    expected = measure.regionprops_table(labels, properties=("area_convex", "feret_diameter_max"))
    assert np.array_equal(areas, expected["area_convex"])
    assert np.array_equal(widest, expected["feret_diameter_max"])


def test_a_long_arc_among_many_points() -> None:
    """A chain that loses one corner after the other must not make all others be looked at again."""
    rows = np.arange(2_000)
    labels = np.repeat(np.arange(20_000), 2)
    arc = Lines(np.full(2_000, 20_000), rows, -((rows - 1_000) ** 2) // 500, np.full(2_000, 10))
    dots = Lines(labels, np.tile([0, 1], 20_000), np.zeros(40_000, int), np.ones(40_000, int))
    both = Lines(*(np.concatenate((getattr(dots, n), getattr(arc, n))) for n in ("owner", "line", "first", "last")))
    hulls = hull_lines(both)
    assert (np.bincount(hulls.owner, weights=hulls.last - hulls.first + 1)[:-1] == 4).all()


@pytest.mark.parametrize("rows", [1, 10, 1000])
def test_ranges_cover_all_labels_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilemask.stitch.merging.ROWS_AT_ONCE", rows)
    rng = np.random.default_rng(rows)
    low = rng.integers(1, 2**40, 50)
    tiles = np.column_stack((np.arange(50), low, low + rng.integers(0, 2**38, 50), rng.integers(1, 9, 50)))
    ranges = ranges_of_labels(tiles)
    assert ranges[0][0] == low.min()
    assert ranges[-1][1] == tiles[:, 2].max() + 1
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in pairwise(ranges))
    assert len(ranges) <= max(1, -(-int(tiles[:, 3].sum()) // rows))
