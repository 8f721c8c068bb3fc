"""Arrays become images, or are told why not."""

from __future__ import annotations

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError

PLANE = np.zeros((6, 7), np.uint8)


def test_axes_and_pixel_sizes() -> None:
    assert tm.from_array(PLANE, pixel_size=0.5, unit="micrometer").pixel_size == (0.5, 0.5)
    assert tm.from_array(np.zeros((3, 6, 7)), channel_axis=0, pixel_size=(1, 2)).shape == (6, 7, 3)
    assert tm.from_array(np.zeros((3, 6, 7)), axes="zyx", pixel_size=[2, 1, 1]).pixel_size == (2, 1, 1)


@pytest.mark.parametrize("axes", ["xy", "yxq", "zyx", "yxc", "y", ""])
def test_axes_that_do_not_name_the_array(axes) -> None:
    with pytest.raises(InputError, match=r"cannot name the axes of an array of shape \(6, 7\); give one of yx, zyx"):
        tm.from_array(PLANE, axes=axes)


@pytest.mark.parametrize("size", ["a", (1, 2, 3), -1, 0, (1, "b"), float("inf")])
@pytest.mark.parametrize("make", [tm.from_array, tm.open_image])
def test_pixel_sizes_that_are_none(make, size) -> None:
    with pytest.raises(InputError, match=r"a positive number, or one per spatial axis \(2\); found"):
        make(PLANE, pixel_size=size)


@pytest.mark.parametrize("make", [tm.from_array, tm.open_image])
def test_a_masked_array_does_not_lose_its_mask(make) -> None:
    with pytest.raises(InputError, match=r"would lose its mask.*where="):
        make(np.ma.masked_equal(PLANE, 0))
