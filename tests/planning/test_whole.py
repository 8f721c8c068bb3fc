"""What must see the whole image is refused before a pixel is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.boxes import Box
from tilemask.errors import PlanError
from tilemask.image import from_array
from tilemask.planning import make_plan


@dataclass(frozen=True, eq=False)
class Unread:
    """A source that must not be read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = (60_000, 60_000)
    chunks: tuple[int, ...] | None = None

    def read(self, box: Box, cache: Any) -> Any:
        raise AssertionError("a plan reads no pixels")

    def identity(self) -> dict[str, Any]:
        return {"unread": self.dtype.str}


def unread(dtype: str) -> tm.Image:
    source = Unread(np.dtype(dtype))
    return tm.Image(source.shape, source.dtype, "yx", source)


def test_without_a_mask_an_image_that_does_not_fit_is_refused_by_the_plan() -> None:
    elevation, markers = unread("uint8"), unread("int32")
    labels = {"labels": tm.watershed(elevation, markers)}
    told = (
        r"watershed needs the whole image at once, 60000 × 60000 pixels, for each tile: 558 GB\. Of the limit of "
        r"16 GB, 15\.\d GB are left beside tiles of 2048 × 2048\. Give a larger memory=.*mask=.*watershed_forest"
    )
    with pytest.raises(PlanError, match=told):
        make_plan(labels, memory_bytes=16_000_000_000)
    assert make_plan(labels, memory_bytes=560_000_000_000).growth_bytes > 558_000_000_000
    assert make_plan(labels).growth_bytes is None
    divided = {"labels": tm.watershed(elevation, markers, mask=elevation > 3)}
    assert make_plan(divided, memory_bytes=16_000_000_000).tile == (2048, 2048)


def test_one_tile_of_the_whole_image_is_billed_as_any_other() -> None:
    image = from_array(np.zeros((500, 500)))
    labels = {"labels": tm.watershed(image, from_array(np.zeros((500, 500), np.int32)))}
    (one,) = make_plan(labels, tile=500, pyramid=False).bills
    many = make_plan(labels, tile=100, pyramid=False).bills[-1]
    assert one.task_bytes > 150 * 500**2
    assert many.task_bytes < 100 * 100**2  # the first window of a tile proves nothing, and takes nothing
    needed = make_plan(labels, tile=500, pyramid=False).memory_bytes
    assert make_plan(labels, tile=500, pyramid=False, memory_bytes=needed).growth_bytes == 0
