"""The plan as a value: printed, compared, refused; reading no pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.planning import make_plan


class Unread:
    """A source that must not be read."""

    shape, dtype, chunks = (4096, 6000), np.dtype(np.uint16), (512, 512)

    def read(self, box: Box, cache: Any) -> Any:
        raise AssertionError("a plan reads no pixels")

    def identity(self) -> dict[str, Any]:
        return {"unread": True}


IMAGE = tm.Image(Unread.shape, Unread.dtype, "yx", Unread())


def cells() -> tm.Image:
    smooth = tm.gaussian(IMAGE, sigma=2)
    return tm.label(tm.opening(smooth > tm.otsu(smooth), radius=2))


def test_a_plan_is_printed() -> None:
    lines = str(make_plan({"cells": cells()}, tile=1024, threads=2)).splitlines()
    assert lines[0].split() == ["pass", "what", "tiles", "halo", "read", "scratch", "write", "memory", "per", "task"]
    assert "survey" in lines[1]
    assert any("write cells" in line for line in lines)
    assert any("write cells level 1" in line for line in lines)
    assert "tile 1024 × 1024" in lines[-1]
    assert "2 threads" in lines[-1]


def test_no_window_is_larger_than_the_image() -> None:
    image = tm.from_array(np.zeros((100, 200), bool))
    told = str(make_plan({"depth": tm.distance(image)}, tile=64, memory_bytes=8 << 30))
    assert "one tile at a time may take up to 380 kB more" in told  # 18 bytes a pixel, and the mask


def test_the_halo_is_the_sum_of_reaches() -> None:
    smooth = tm.gaussian(IMAGE, sigma=2)
    plan = make_plan({"mask": tm.opening(smooth > 5, radius=2)}, tile=1024)
    assert plan.bills[0].halo == ((12, 12), (12, 12))


def test_one_pass_per_level_below_full_resolution() -> None:
    plan = make_plan({"cells": cells()}, tile=1024)
    assert [shape for shape, _ in plan.levels["cells"]] == [(4096, 6000), (2048, 3000), (1024, 1500), (512, 750)]
    assert len(plan.passes) == len(make_plan({"cells": cells()}, tile=1024, pyramid=False).passes) + 3


def test_more_of_anything_never_needs_less_memory() -> None:
    def billed(tile: int = 512, sigma: float = 2, dtype: str = "uint16", threads: int = 1) -> int:
        image = tm.gaussian(IMAGE.astype(dtype), sigma=sigma)
        return make_plan({"mask": image > 3}, tile=tile, threads=threads).memory_bytes

    assert billed() <= billed(tile=1024) <= billed(tile=2048)
    assert billed() <= billed(sigma=20)
    assert billed(dtype="uint8") <= billed() <= billed(dtype="float32") <= billed(dtype="float64")
    assert billed() < billed(threads=2)


def test_a_tile_is_chosen_that_fits() -> None:
    limit = 450_000_000
    assert make_plan({"cells": cells()}, memory_bytes=None).memory_bytes > limit
    plan = make_plan({"cells": cells()}, memory_bytes=limit)
    assert plan.memory_bytes <= limit
    assert plan.tile < (2048, 2048)


def test_the_identity_is_the_same_for_the_same_graph() -> None:
    one, other = make_plan({"cells": cells()}, tile=512), make_plan({"cells": cells()}, tile=512)
    assert one.identity == other.identity
    assert one.unstable == ()
    assert one.identity != make_plan({"cells": cells()}, tile=256).identity


@pytest.mark.parametrize("shape", [(0, 10), (10, 0)])
def test_an_empty_image_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="empty"):
        make_plan({"mask": tm.from_array(np.zeros(shape, np.uint8)) > 1})


def test_a_plan_says_what_is_approximate() -> None:
    markers = tm.from_array(np.zeros((50, 60), np.int32))
    walked = tm.random_walker(tm.from_array(np.zeros((50, 60), np.uint8)), markers, halo=9)
    plan = make_plan({"mask": tm.opening(walked > 1, radius=2)}, tile=32)
    assert plan.approximate == ["random_walker"]
    assert "\napproximate, by its windows and halo: random_walker" in str(plan)
    assert "approximate" not in str(make_plan({"mask": markers > 1}, tile=32))
