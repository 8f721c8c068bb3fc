"""Chains: pieces put in the order of their lines, lines divided where they touch themselves, ends that meet."""

from __future__ import annotations

import numpy as np
import pytest

from tilemask.errors import TileError
from tilemask.stitch.chains import cross_over, follow, groups_of, match


def lines(successor: list[int], key: list[int]) -> list[list[int]]:
    order, starts = follow(np.array(successor, np.int64), np.array(key, np.int64))
    return [line.tolist() for line in np.split(order, starts[1:-1])] if len(order) else []


def test_open_lines_begin_at_their_beginning_and_closed_ones_at_their_least_key():
    successor = [3, -1, 0, 2, 5, 1]
    assert lines(successor, [7, 7, 5, 6, 7, 7]) == [[2, 0, 3], [4, 5, 1]]


def test_pieces_that_are_lines_alone():
    assert lines([0, -1, 2], [4, 4, 4]) == [[0], [1], [2]]
    assert lines([], []) == []


def test_random_lines():
    rng = np.random.default_rng(3)
    for _ in range(50):
        sizes = rng.integers(1, 9, rng.integers(1, 7))
        names = rng.permutation(int(sizes.sum()))
        closed = rng.random(len(sizes)) < 0.5
        wanted, successor = [], np.full(len(names), -1)
        for line, ends in zip(np.split(names, np.cumsum(sizes)[:-1]), closed, strict=True):
            successor[line[:-1]] = line[1:]
            if ends:
                successor[line[-1]] = line[0]
                line = np.roll(line, -int(np.argmin(line)))
            wanted.append(line.tolist())
        assert sorted(lines(successor.tolist(), list(range(len(names))))) == sorted(wanted)


def test_a_long_line_takes_no_recursion():
    count = 200_000
    assert lines([*range(1, count), -1], [0] * count) == [list(range(count))]


def test_a_figure_of_eight_becomes_two_loops():
    successor = np.array([1, 2, 3, 4, 5, 0])
    vertex = np.array([10, 11, 12, 10, 13, 14])
    crossed = cross_over(successor, groups_of(successor), vertex)
    assert crossed is not None
    assert lines(crossed.tolist(), [10, 11, 12, 10, 13, 14]) == [[0, 1, 2], [3, 4, 5]]
    assert cross_over(crossed, groups_of(crossed), vertex) is None


def test_ends_that_meet_nothing_are_an_error():
    ends = np.array([[4, 1], [9, 2]])
    assert match(ends, ends[::-1]).tolist() == [1, 0]
    with pytest.raises(TileError, match="some do not meet"):
        match(ends, np.array([[4, 1], [9, 3]]))
