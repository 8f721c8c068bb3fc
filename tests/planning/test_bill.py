"""What is billed: halos as sums of reaches, memory, and the refusal that names a tile that fits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tilemask.errors import PlanError
from tilemask.planning import make_plan
from tilemask.planning.bill import RESERVED_BYTES
from tilemask.planning.plan import CACHE_BYTES

slide = tm.from_array(np.zeros((4000, 4000), np.uint8))
FIXED = RESERVED_BYTES + CACHE_BYTES


def look(*tiles: NDArray[Any]) -> NDArray[Any]:
    return tiles[0]


def halos(image: tm.Image, tile: int = 100) -> list[Any]:
    return [b.halo for b in make_plan({"out": image}, tile=tile, pyramid=False).bills]


def test_the_halo_of_a_chain_is_the_sum_of_its_reaches() -> None:
    chain = tm.map_tiles(look, tm.map_tiles(look, slide, reach=((3, 1), (0, 2))), reach=((10, 20), (30, 40)))
    assert halos(chain) == [((13, 21), (30, 42))]


def test_the_halo_of_branches_is_the_largest() -> None:
    far, near = tm.map_tiles(look, slide, reach=((9, 0), (1, 1))), tm.map_tiles(look, slide, reach=((0, 8), (2, 0)))
    assert halos(far + near) == [((9, 8), (2, 1))]


def test_a_halo_may_be_larger_than_the_tile_and_the_image() -> None:
    assert halos(tm.map_tiles(look, slide, reach=5000), tile=7) == [((5000, 5000), (5000, 5000))]


def test_a_halo_ends_where_an_image_is_kept() -> None:
    assert halos(tm.dilation(tm.label(tm.opening(slide > 3, radius=2)), radius=6))[1:] == [
        ((0, 0), (0, 0)),
        ((6, 6), (6, 6)),
    ]


def test_bytes_of_a_pass() -> None:
    survey, last = make_plan({"mask": slide > tm.otsu(slide)}, tile=500, pyramid=False).bills
    pixels = 4000 * 4000
    assert (survey.read_bytes, survey.scratch_bytes, survey.written_bytes) == (pixels, 0, 0)
    assert (last.read_bytes, last.scratch_bytes, last.written_bytes) == (pixels, 0, pixels)


def test_memory_grows_with_the_tile() -> None:
    labels = tm.label(tm.gaussian(slide, sigma=3) > 5)
    needed = [make_plan({"cells": labels}, tile=t).memory_bytes for t in (1, 8, 50, 64, 200, 512, 1000, 1024)]
    assert needed == sorted(needed)
    assert needed[0] > FIXED


def test_a_refusal_names_the_tile_that_fits() -> None:
    limit = FIXED + 60_000_000
    labels = tm.label(tm.gaussian(slide, sigma=3) > 5)
    with pytest.raises(PlanError) as told:
        make_plan({"cells": labels}, tile=2048, threads=4, memory_bytes=limit)
    advised = re.search(r"tile=\[(\d+), (\d+)\]", str(told.value))
    assert advised is not None
    rows, columns = map(int, advised.groups())
    assert make_plan({"cells": labels}, tile=(rows, columns), threads=4, memory_bytes=limit).memory_bytes <= limit
    with pytest.raises(PlanError):
        make_plan({"cells": labels}, tile=(2 * rows, 2 * columns), threads=4, memory_bytes=limit)


def test_no_tile_fits_into_nothing() -> None:
    with pytest.raises(PlanError, match="No tile fits"):
        make_plan({"mask": slide > 3}, tile=64, memory_bytes=FIXED)


def test_a_kernel_is_billed_what_it_says_that_it_needs() -> None:
    def task(**options: Any) -> int:
        (only,) = make_plan({"out": tm.map_tiles(look, slide, **options)}, tile=100, pyramid=False).bills
        return only.task_bytes

    plain = task(reach=10)
    assert task(reach=10, workspace=50) - plain == 50 * 120**2 - 2 * 100**2
    # A kernel on cells of its own runs on one of them at a time, however many a tile reads.
    cells = task(reach=10, cells=30)
    assert task(reach=10, cells=30, workspace=50) - cells == 50 * 50**2 - 2 * 100**2


def test_a_survey_is_billed_what_it_says_that_it_needs() -> None:
    def task(**options: Any) -> int:
        survey = tm.reduce_tiles(look, slide, combine=max, finish=look, **options)
        (only,) = make_plan({"out": survey}, tile=100, pyramid=False).bills
        return only.task_bytes

    assert task(workspace=50) - task() == 50 * 100**2
