"""What is measured on the shapes of objects that tiles cut: holes, hulls, and patterns of neighbours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from skimage import measure

import tilemask as tm
from tilemask.image import from_array, map_tiles
from tilemask.stitch.patterns import edge_classes, euler_shares, neighbour_bits
from tilemask.testing import first_difference


def test_a_hole_holds_other_objects_and_reaches_over_tiles() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:18, 3:27] = 5
    labels[4:16, 6:24] = 0
    labels[7:12, 9:20] = 2
    labels[9, 12:15] = 5
    labels[17, 3] = 0  # at a corner of the box, so outside
    found = tm.measure(from_array(labels), properties=("label", "area_filled")).compute(tile=(3, 4))
    assert found.to_dict("list") == {"label": [2, 5], "area_filled": [55.0, 16 * 24 - 1.0]}
    labels[2, 10] = labels[3, 11] = 0  # a gap that is open at a corner only
    opened = tm.measure(from_array(labels), properties=("area_filled",)).compute(tile=1)
    assert opened["area_filled"].tolist() == [55.0, float((labels == 5).sum())]


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_large_object_of_many_holes(ndim: int) -> None:
    shape = (120, 150) if ndim == 2 else (20, 24, 22)
    labels = (np.random.default_rng(ndim).random(shape) < 0.7).astype(np.uint8)
    wanted = ("area_filled", "area_convex", "feret_diameter_max", "intensity_median", "moments")
    expected = measure.regionprops_table(labels, labels * 3.5, properties=wanted)
    for tile in (9, 50):
        found = tm.measure(from_array(labels), from_array(labels * 3.5), properties=wanted).compute(tile=tile)
        assert {name: column.tolist() for name, column in expected.items()} == found.to_dict("list")


def test_a_flat_object_in_a_volume_has_a_hull() -> None:
    labels = np.zeros((4, 9, 9), np.uint8)
    labels[1, 2:7, 3:8] = 1
    labels[1, 4, 5] = 0
    labels[3, 8, 8] = 2
    wanted = ("area_convex", "solidity", "feret_diameter_max")
    found = tm.measure(from_array(labels), properties=wanted).compute(tile=3)
    assert found["area_convex"].tolist() == [25, 1]
    assert found["solidity"].tolist() == [24 / 25, 1]
    assert found["feret_diameter_max"].tolist() == [math.sqrt(5**2 + 4**2), 1]


KERNELS = ((edge_classes, 2, np.uint8, 2), (neighbour_bits, 1, np.uint8, 2), (euler_shares, 1, np.int16, 2),
           (euler_shares, 1, np.int16, 3))  # fmt: skip


@pytest.mark.parametrize(("kernel", "reach", "dtype", "ndim"), KERNELS)
def test_patterns_of_neighbours_look_no_further_and_no_less_far(kernel: Any, reach: int, dtype: Any, ndim: int) -> None:
    shape = (13, 11) if ndim == 2 else (5, 6, 4)
    differ = False
    for seed in range(4):
        labels = np.random.default_rng(seed).integers(0, 3, shape)
        whole = kernel(labels)
        right = map_tiles(kernel, from_array(labels), reach=reach, dtype=dtype).compute(tile=1)
        assert first_difference(whole, right) is None
        short = map_tiles(kernel, from_array(labels), reach=reach - 1, dtype=dtype).compute(tile=1)
        differ |= first_difference(whole, short) is not None
    assert differ
