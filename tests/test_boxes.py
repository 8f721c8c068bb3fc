"""The laws of the geometry, on random shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilemask.boxes import Box, Grid, add_reach, max_reach, whole

sides = st.integers(1, 40)
shapes = st.one_of(st.tuples(sides, sides), st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12)))


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    shape = draw(shapes)
    return Grid(shape, tuple(draw(st.integers(1, n + 2)) for n in shape), draw(st.integers(1, 9)))


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...]) -> Box:
    start = tuple(draw(st.integers(0, n - 1)) for n in shape)
    return Box(start, tuple(draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True)))


def reaches(ndim: int) -> st.SearchStrategy:
    side = st.integers(0, 50)
    return st.tuples(*[st.tuples(side, side)] * ndim)


@given(grids())
def test_cores_cover_each_pixel_once(grid: Grid) -> None:
    covered = np.zeros(grid.shape, int)
    for index in grid.walk():
        covered[grid.core(index).slices] += 1
    assert (covered == 1).all()


@given(grids())
def test_the_walk_visits_each_tile_once_whatever_the_band(grid: Grid) -> None:
    numbers = [grid.number(index) for index in grid.walk()]
    assert sorted(numbers) == list(range(len(grid)))
    assert [grid.index(n) for n in numbers] == list(grid.walk())
    assert Grid(grid.shape, grid.tile).core(grid.index(numbers[-1])) == grid.core(grid.index(numbers[-1]))


@given(st.data(), shapes)
def test_cutting_a_box_out_of_a_larger_one(data: st.DataObject, shape: tuple[int, ...]) -> None:
    image = np.arange(np.prod(shape)).reshape(shape)
    inner = data.draw(boxes(shape))
    outer = inner.grow(data.draw(reaches(len(shape)))).clip(shape)
    held = image[outer.slices]
    assert held.shape == outer.shape
    np.testing.assert_array_equal(held[inner.within(outer)], image[inner.slices])
    assert inner.hull(outer) == outer
    assert inner.intersect(outer) == inner
    assert outer.clip(shape) == outer


@given(st.data(), shapes)
def test_growing_twice_is_growing_by_the_sum(data: st.DataObject, shape: tuple[int, ...]) -> None:
    box, a, b = data.draw(boxes(shape)), data.draw(reaches(len(shape))), data.draw(reaches(len(shape)))
    assert box.grow(a).grow(b) == box.grow(add_reach(a, b))
    assert box.grow(a).hull(box.grow(b)) == box.grow(max_reach(a, b))
    # Clipping in between changes nothing inside the image.
    assert box.grow(a).clip(shape).grow(b).clip(shape) == box.grow(a).grow(b).clip(shape)


@given(st.data(), grids())
def test_tiles_that_touch_a_box(data: st.DataObject, grid: Grid) -> None:
    box = data.draw(boxes(grid.shape))
    touching = [i for i in map(grid.index, range(len(grid))) if grid.core(i).intersect(box).size]
    assert list(grid.touching(box)) == touching
    assert sum(grid.core(i).intersect(box).size for i in touching) == box.size


@given(grids())
def test_neighbours_are_mutual(grid: Grid) -> None:
    for index in list(grid.walk())[:20]:
        for other, offset in grid.neighbours(index):
            assert (index, tuple(-o for o in offset)) in grid.neighbours(other)


def test_bands_are_walked_column_by_column() -> None:
    grid = Grid((50, 30), (10, 10), band=2)
    expected = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 0), (3, 0)]
    assert list(grid.walk())[:8] == expected
    assert list(grid.walk())[-3:] == [(4, 0), (4, 1), (4, 2)]


@pytest.mark.parametrize(("box", "text"), [(Box((0, 5), (32, 64)), "[0:32, 5:64]"), (whole((3,)), "[0:3]")])
def test_a_box_in_messages(box: Box, text: str) -> None:
    assert str(box) == text


def test_an_empty_box_touches_nothing() -> None:
    assert list(Grid((10, 10), (3, 3)).touching(Box((4, 4), (4, 9)))) == []
    assert Box((0, 0), (2, 2)).intersect(Box((5, 5), (7, 7))).size == 0
