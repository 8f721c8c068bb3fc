"""What surveys say that they need is enough, measured on noise, where seams and lines are all there is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.run.test_memory import Nothing
from tilemask.boxes import Grid
from tilemask.errors import PlanError
from tilemask.image import Image, Place, Step, Survey, Value, from_array
from tilemask.planning import make_plan
from tilemask.planning.plan import CACHE_BYTES, RESERVED_BYTES
from tilemask.run.memory import compute
from tilemask.run.scratch import pack, unpack

RNG = np.random.default_rng(0)
Made = Image | Value
CALLS: dict[str, Callable[[NDArray[Any]], Made]] = {
    "reconstruction": lambda a: tm.reconstruction(from_array(a // 2), from_array(a)),
    "reconstruction without corners": lambda a: tm.reconstruction(from_array(a // 2), from_array(a), connectivity=1),
    "watershed_forest": lambda a: tm.watershed_forest(from_array(a), from_array(a % 50), connectivity=a.ndim),
    "watershed_forest without corners": lambda a: tm.watershed_forest(from_array(a), from_array(a % 50)),
    "polygons": lambda a: tm.polygons(from_array(a)),
    "contours": lambda a: tm.contours(from_array(a % 2 == 0)),
    "find_contours": lambda a: tm.find_contours(from_array(a), 2.0**30),
}


@contextmanager
def peak() -> Iterator[list[int]]:
    """The most that was held within the block beyond what was held before."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def survey_of(made: Made) -> Survey:
    value = made.step.records if isinstance(made.step, Step) else made
    assert isinstance(value, Value)
    assert isinstance(value.step, Survey)
    return value.step


def noise(*shape: int) -> NDArray[np.int32]:
    return RNG.integers(1, 2**31 - 1, shape, np.int32)


def sweep(survey: Survey, grid: Grid, most: list[int]) -> tuple[Any, list[bytes]]:
    """Part and packed notes of all tiles; into `most` goes what each tile took beside its inputs."""
    inputs = list(compute({str(n): image for n, image in enumerate(survey.images)}).values())
    part, notes = None, []
    for number in range(len(grid)):
        core = grid.core(grid.index(number))
        tiles = [np.ascontiguousarray(array[core.slices]) for array in inputs]
        with peak() as taken:
            found, note = survey.tile(*tiles, place=Place(number, core, grid.tile, grid.shape), **survey.arguments)
            notes.append(pack(note))
        most += taken
        part = found if part is None else survey.combine(part, found)
    return part, notes


def finishing(survey: Survey, grid: Grid) -> int:
    """The most that the end of a survey takes, over all of its tiles."""
    part, notes = sweep(survey, grid, [])
    with peak() as taken:
        for _ in survey.finish(part, lambda number: unpack(notes[number]), grid):
            pass
    return taken[0]


@pytest.mark.parametrize("side", [256, 1024])
@pytest.mark.parametrize("name", ["reconstruction", "watershed_forest", "polygons", "contours", "find_contours"])
def test_a_tile_of_noise_takes_no_more_than_is_billed(name: str, side: int) -> None:
    survey, most = survey_of(CALLS[name](noise(side, side + 8))), []
    sweep(survey, Grid((side, side + 8), (side, side)), most)
    assert survey.workspace is not None
    assert max(most) <= max(survey.workspace * side**2, 50e6)


@pytest.mark.parametrize("shape", [(512, 512), (32, 96, 96)])
@pytest.mark.parametrize("name", [n for n in CALLS if n.startswith(("reconstruction", "watershed"))])
def test_seams_take_no_more_than_is_billed(name: str, shape: tuple[int, ...]) -> None:
    survey, grid = survey_of(CALLS[name](noise(*shape))), Grid(shape, (16,) * len(shape))
    taken, needs = finishing(survey, grid), survey.finish_bytes
    assert needs is not None
    assert taken <= needs.fixed + needs.seam_pixel * grid.seam_pixels
    assert taken > needs.seam_pixel * grid.seam_pixels / 3


@pytest.mark.parametrize("name", ["contours", "find_contours"])
def test_lines_are_closed_in_no_more_than_is_billed(name: str) -> None:
    shape = (1024, 1024)
    survey, grid = survey_of(CALLS[name](noise(*shape))), Grid(shape, (512, 512))
    taken, needs = finishing(survey, grid), survey.finish_bytes
    assert needs is not None
    assert taken <= needs.fixed + needs.tile_pixel * 512**2


def test_seams_that_do_not_fit_are_refused_before_the_start() -> None:
    image = Image((40_000, 40_000), Nothing.dtype, "yx", Nothing((40_000, 40_000)))
    spread = tm.reconstruction(image, image)
    small = make_plan({"out": spread}, tile=64, pyramid=False)
    seams = 625**2 * (4 * 64 - 4) - 4 * 625 * 64 + 4
    assert small.bills[0].finish_bytes == pytest.approx(180 * seams, rel=0.01)
    assert small.memory_bytes == RESERVED_BYTES + CACHE_BYTES + small.bills[0].finish_bytes
    assert "putting tiles together takes up to 17.7 GB" in str(small)
    with pytest.raises(PlanError, match=r"390,625 tiles of 64 × 64 needs, when it puts them together, .* Use tile=\["):
        make_plan({"out": spread}, tile=64, pyramid=False, memory_bytes=4 * 10**9)
    fitting = make_plan({"out": spread}, pyramid=False, memory_bytes=4 * 10**9)
    assert fitting.memory_bytes <= 4 * 10**9


@pytest.mark.parametrize(
    "grid", [Grid((7, 9), (3, 4)), Grid((5, 5), (9, 5)), Grid((6, 5, 4), (1, 2, 3)), Grid((8,), (3,))]
)
def test_pixels_on_seams_are_counted_as_they_lie(grid: Grid) -> None:
    on = np.zeros(grid.shape, bool)
    for index in grid.walk():
        core = grid.core(index)
        for axis, (a, b) in enumerate(zip(core.start, core.stop, strict=True)):
            tile = np.moveaxis(on[core.slices], axis, 0)
            tile[0] |= a > 0
            tile[-1] |= b < grid.shape[axis]
    assert grid.seam_pixels == on.sum()
