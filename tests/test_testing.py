"""`check_operation` accepts what is right and says where a reach is too short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import tilemask as tm
from tilemask.image import Image
from tilemask.testing import check_operation, shorten


def spread(image: Any, *, reach: int = 2) -> Any:
    return tm.map_tiles(ndimage.maximum_filter, image, reach=reach, size=5)


def test_accepts_a_true_reach() -> None:
    check_operation(spread, ndim=(2, 3), examples=6)
    check_operation(lambda a, b: spread(a) + b, dtypes=("uint16",), examples=6, images=2)
    check_operation(tm.otsu, examples=6)


def test_names_what_differs() -> None:
    with pytest.raises(AssertionError, match=r"uint8 image of shape \(\d+, \d+\), tile .* differ, first at"):
        check_operation(lambda image: spread(image, reach=1))


def test_finds_a_global_that_was_taken_from_the_tile() -> None:
    def normalise(array: np.ndarray) -> np.ndarray:
        return array >= array.max()

    with pytest.raises(AssertionError, match="first at"):
        check_operation(lambda image: tm.map_tiles(normalise, image, dtype=bool))


def test_shorten_keeps_what_is_shared() -> None:
    smooth = tm.gaussian(tm.from_array(np.ones((9, 9), np.uint16)), sigma=(0, 1))
    made: Image = smooth > tm.otsu(smooth)
    graphs = list(shorten(made))
    assert [str(g) for g in graphs] == ["gaussian_integers, axis x, before", "gaussian_integers, axis x, after"]
    for graph in graphs:
        shorter = graph.image.step.images[0]
        assert shorter.step.reach in (((0, 0), (3, 4)), ((0, 0), (4, 3)))
        level = graph.image.step.arguments["s1"]
        assert level.step.operands[0].step.operands[0].step.images[0] is shorter
