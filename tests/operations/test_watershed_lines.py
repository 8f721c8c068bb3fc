"""Lines between labels: scikit-image's, without the copies that keep it from ending."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import segmentation

import tilemask as tm
from tests.exactness.watersheds import nearby
from tests.operations.lines_by_hand import lines_by_hand
from tests.operations.test_watershed import Scene, scenes
from tilemask.errors import InputError
from tilemask.image import from_array


def small_scenes(count: int, *, ties: bool) -> Iterator[Scene]:
    """So small that scikit-image ends; planes and volumes, markers of one label apart, of two labels in touch."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        ndim = 3 if seed % 3 == 2 else 2
        shape = tuple(map(int, rng.integers(1, {2: 7, 3: 4}[ndim], ndim)))
        mask = rng.random(shape) < rng.choice([0.6, 0.85, 1])
        markers = np.where(rng.random(shape) < rng.choice([0.08, 0.3]), rng.integers(1, 5, shape), 0).astype(np.int32)
        elevation = rng.integers(0, rng.choice([1, 4, 12]), shape).astype(np.float64)
        if not ties:  # plateaus and pits stay, but each seed lies at a height of its own
            seeds = markers > 0
            elevation[seeds] -= rng.permutation(np.count_nonzero(seeds)) / mask.size
        yield elevation, markers, mask, int(rng.integers(1, ndim + 1))


def drawn(scene: Scene) -> NDArray[Any]:
    elevation, markers, mask, connectivity = scene
    return np.asarray(tm.watershed(elevation, markers, mask=mask, connectivity=connectivity, watershed_line=True))


def test_without_ties_lines_equal_those_of_scikit_image() -> None:
    with_line = 0
    for scene in small_scenes(400, ties=False):
        elevation, markers, mask, connectivity = scene
        expected = segmentation.watershed(elevation, markers, connectivity, mask=mask, watershed_line=True)
        np.testing.assert_array_equal(drawn(scene), expected, strict=True)
        with_line += bool((mask & (expected == 0) & (drawn_plainly(scene) > 0)).any())
    assert with_line > 50


def drawn_plainly(scene: Scene) -> NDArray[Any]:
    elevation, markers, mask, connectivity = scene
    return np.asarray(tm.watershed(elevation, markers, mask=mask, connectivity=connectivity))


def test_seeds_equally_high_come_in_raster_order() -> None:
    told = 0
    for scene in small_scenes(200, ties=True):
        expected = lines_by_hand(*scene)
        if expected is not None:
            told += 1
            np.testing.assert_array_equal(drawn(scene), expected, strict=True)
    assert told > 150


def test_copies_change_nothing_in_scikit_image() -> None:
    """The control of the flood by hand: it is scikit-image's where that has an order."""
    for scene in small_scenes(60, ties=False):
        elevation, markers, mask, connectivity = scene
        expected = lines_by_hand(*scene)
        if expected is not None:
            theirs = segmentation.watershed(elevation, markers, connectivity, mask=mask, watershed_line=True)
            np.testing.assert_array_equal(theirs, expected)


def test_off_the_line_labels_are_those_without_one() -> None:
    for scene in scenes(120):
        plain, lined = drawn_plainly(scene), drawn(scene)
        np.testing.assert_array_equal(np.where(lined > 0, plain, 0), lined)
        np.testing.assert_array_equal(lined[scene[1] > 0], plain[scene[1] > 0])


def test_labels_do_not_touch_but_for_markers() -> None:
    for elevation, markers, mask, connectivity in scenes(60):
        lined = drawn((elevation, markers, mask, connectivity))
        grown = np.pad(np.where(markers > 0, 0, lined), 1)
        for axis in range(mask.ndim):
            a, b = (np.take(grown, range(n, grown.shape[axis] - 1 + n), axis) for n in (0, 1))
            assert not ((a > 0) & (b > 0) & (a != b)).any()


def diagonal(side: int) -> Scene:
    """Two markers and a slope between them, up along the diagonal."""
    markers = np.zeros((side, side), np.int32)
    markers[0, 3], markers[3, 0] = 1, 2
    return np.indices((side, side)).sum(axis=0).astype(np.float64), markers, markers >= 0, 2


def test_along_a_line_that_climbs_copies_multiply_in_scikit_image_and_not_here() -> None:
    """With every step its code takes three times as long: 5.7 s for 16 × 16 pixels."""
    assert lines_by_hand(*diagonal(9)) is not None
    np.testing.assert_array_equal(drawn(diagonal(9)), lines_by_hand(*diagonal(9)))
    assert lines_by_hand(*diagonal(14)) is None
    large = drawn(diagonal(200))
    np.testing.assert_array_equal(large[:8, :8], drawn(diagonal(9))[:8, :8])
    np.testing.assert_array_equal(large, np.where(large > 0, drawn_plainly(diagonal(200)), 0))
    assert 200 <= np.count_nonzero(large == 0) < 600


def test_the_line_of_a_small_picture() -> None:
    elevation = np.array([[0, 1, 2, 1, 0], [0, 1, 3, 1, 0], [0, 1, 2, 1, 0]])
    markers = np.array([[1, 0, 0, 0, 2], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    expected = [[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [1, 1, 0, 2, 2]]
    assert tm.watershed(elevation, markers, watershed_line=True).tolist() == expected


def test_markers_that_touch_stay_and_one_label_has_no_line() -> None:
    flat = np.zeros((1, 6))
    assert tm.watershed(flat, np.array([[0, 1, 2, 0, 0, 0]]), watershed_line=True).tolist() == [[1, 1, 2, 2, 2, 2]]
    assert tm.watershed(flat, np.array([[5, 0, 0, 0, 0, 5]]), watershed_line=True).tolist() == [[5, 5, 5, 5, 5, 5]]


def test_lines_on_tiles_are_those_of_the_whole() -> None:
    for number, (elevation, markers, mask, connectivity) in enumerate(scenes(30)):
        rng = np.random.default_rng(number)
        tile = tuple(int(rng.integers(1, n + 1)) for n in mask.shape)
        options: dict[str, Any] = {"connectivity": connectivity, "watershed_line": True}
        lazy = tm.watershed(from_array(elevation), from_array(markers), mask=from_array(mask), **options)
        expected = drawn((elevation, markers, mask, connectivity))
        np.testing.assert_array_equal(nearby(lazy, number % 4).compute(tile=tile), expected, strict=True)


def test_large_labels_and_infinite_heights() -> None:
    elevation = np.array([[-np.inf, 0, np.inf, 0, -np.inf]])
    markers = np.array([[2**40, 0, 0, 0, 7]])
    lined = tm.watershed(elevation, markers, watershed_line=True)
    assert lined.dtype == np.int64
    assert lined.tolist() == [[2**40, 2**40, 0, 7, 7]]


def test_with_compactness_there_is_no_line() -> None:
    """scikit-image takes both and draws none."""
    elevation, markers = np.zeros((5, 9)), np.zeros((5, 9), np.int32)
    markers[2, 1], markers[2, 7] = 1, 2
    theirs = segmentation.watershed(elevation, markers, compactness=0.5, watershed_line=True)
    assert (theirs > 0).all()
    with pytest.raises(InputError, match=r"compactness=0\.5 is not offered: scikit-image draws no line"):
        tm.watershed(elevation, markers, compactness=0.5, watershed_line=True)
    with pytest.raises(InputError, match="True or False; found 'yes'"):
        tm.watershed(elevation, markers, watershed_line="yes")
