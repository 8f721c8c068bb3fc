"""Markers that no object has: counted over tiles, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tests.operations.test_watershed import scenes
from tilemask.errors import InputError
from tilemask.image import from_array


def test_a_marker_is_dropped_where_none_of_its_pixels_is_in_the_mask() -> None:
    markers = np.array([[1, 1, 0, 2, 3, 0, 3, 4, 4]])
    mask = np.array([[0, 1, 1, 1, 0, 1, 0, 0, 0]], bool)
    assert tm.dropped_markers(markers, mask) == 2
    for tile in (1, 2, 3, 5):
        found = tm.dropped_markers(from_array(markers), from_array(mask)).compute(tile=tile)
        assert found == 2
        assert found.dtype == np.int64


def test_labels_that_the_watershed_lacks_are_those_that_are_counted() -> None:
    lost = 0
    for elevation, markers, mask, connectivity in scenes(60):
        labels = tm.watershed(elevation, markers, mask=mask, connectivity=connectivity)
        dropped = tm.dropped_markers(markers, mask)
        assert len(np.setdiff1d(markers, labels)) == dropped
        lost += int(dropped)
    assert lost > 50


def test_markers_that_cross_tiles_count_once() -> None:
    markers = np.repeat(np.arange(1, 31), 20).reshape(30, 20)
    mask = np.zeros(markers.shape, bool)
    mask[::3, 19] = True
    assert tm.dropped_markers(from_array(markers), from_array(mask)).compute(tile=(7, 4)) == 20


@pytest.mark.parametrize("empty", [True, False])
def test_of_no_markers_none_are_dropped(empty: bool) -> None:
    assert tm.dropped_markers(np.zeros((4, 5), np.int32), np.full((4, 5), empty)) == 0


def test_the_largest_labels_stay_apart() -> None:
    markers = np.array([[2**64 - 1, 2**63, 2**63 - 1, 1]], np.uint64)
    assert tm.dropped_markers(markers, np.array([[1, 0, 0, 0]], bool)) == 3


def test_a_region_of_interest_has_its_markers_only() -> None:
    markers, region = np.arange(1, 13).reshape(3, 4), np.zeros((3, 4), bool)
    region[:2] = True
    inside = tm.within(from_array(markers), region)
    assert tm.dropped_markers(inside, from_array(markers % 2 == 0)).compute(tile=2) == 4


ONES, MASK = np.ones((3, 3), np.int32), np.ones((3, 3), bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tm.dropped_markers(MASK, MASK), r"works on labels \(integers\); found bool"),
        (lambda: tm.dropped_markers(ONES, ONES), "mask= works on a mask"),
        (lambda: tm.dropped_markers(ONES, MASK[:2]), r"found \(3, 3\) and \(2, 3\)"),
        (lambda: tm.dropped_markers(np.array([[0, -4]]), MASK[:1, :2]), "found -4"),
    ],
)
def test_what_is_no_marker_is_refused(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
