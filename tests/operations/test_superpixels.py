"""Superpixels against the reference, and what has no counterpart there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
import skimage.segmentation
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.color import rgb2lab

import tilemask as tm
from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.operations.clusters import (
    Rule,
    Seeds,
    add_up_clusters,
    combine_clusters,
    first_centres,
    moved_centres,
    number_clusters,
)
from tilemask.operations.lab import lab_of

RNG = np.random.default_rng(8)


def blurred(*shape: int) -> NDArray[np.uint8]:
    noise = ndi.gaussian_filter(RNG.random(shape), (2, 2, 0)[: len(shape)])
    return np.round(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (skimage.data.camera()[::2, ::2], {"n_segments": 300}),
        (skimage.data.coins(), {"n_segments": 100, "compactness": 0.1}),
        (blurred(120, 150, 3), {"n_segments": 250}),
        (blurred(120, 150, 3), {"n_segments": 60, "compactness": 0.5, "sigma": 1.5}),
        (blurred(90, 80, 2), {"n_segments": 40, "compactness": 1, "max_num_iter": 4}),
        (blurred(90, 80, 3), {"n_segments": 40, "compactness": 1, "convert2lab": False}),
        (blurred(90, 81).astype(np.float64), {"n_segments": 500, "compactness": 0.3}),
    ],
)
def test_pictures_have_the_labels_of_the_reference(array: NDArray[Any], options: dict[str, Any]) -> None:
    axis = -1 if array.ndim == 3 else None
    for connected in (False, True):
        options |= {"enforce_connectivity": connected, "channel_axis": axis}
        expected = skimage.segmentation.slic(array, start_label=1, **options)
        np.testing.assert_array_equal(tm.slic(array, **options), expected)


def test_volumes_have_the_labels_of_the_reference() -> None:
    array = ndi.gaussian_filter(RNG.random((12, 20, 17)), 1.5)
    options: dict[str, Any] = {"n_segments": 50, "compactness": 0.05}
    for connected in (False, True):
        options["enforce_connectivity"] = connected
        expected = skimage.segmentation.slic(array, start_label=1, channel_axis=None, **options)
        np.testing.assert_array_equal(tm.slic(array, **options), expected)


@pytest.mark.parametrize("factors", [(0, 1), (0.9, 1.1), (0.1, 0.2), (1, 1000), (0, 0.005)])
def test_pieces_are_joined_and_cut_by_the_factors_of_the_reference(factors: tuple[float, float]) -> None:
    array = skimage.data.coins()[:120, :150]
    options: dict[str, Any] = {"n_segments": 60, "compactness": 0.03}
    options |= dict(zip(("min_size_factor", "max_size_factor"), factors, strict=True))
    found = tm.slic(array, **options)
    np.testing.assert_array_equal(tm.slic(tm.from_array(array), **options).compute(tile=(31, 50)), found)
    np.testing.assert_array_equal(found, skimage.segmentation.slic(array, start_label=1, channel_axis=None, **options))


def test_a_piece_has_a_pixel_at_least_and_at_most_all() -> None:
    array = blurred(20, 30)
    pixels = tm.slic(array, min_size_factor=0, max_size_factor=0)
    np.testing.assert_array_equal(pixels, np.arange(1, 601).reshape(20, 30))
    one = tm.slic(array, n_segments=5, compactness=0.01, min_size_factor=1e300, max_size_factor=1e308)
    np.testing.assert_array_equal(one, np.ones((20, 30)))


def test_colours_are_those_of_the_reference_to_the_fifth_digit_and_the_same_in_every_crop() -> None:
    rgb = RNG.random((64, 67, 3))
    whole = lab_of(rgb)
    np.testing.assert_allclose(whole, rgb2lab(rgb), atol=1e-5)
    for _ in range(200):
        y, x = RNG.integers(0, 60, 2)
        h, w = RNG.integers(1, 60, 2)
        np.testing.assert_array_equal(lab_of(rgb[y : y + h, x : x + w]), whole[y : y + h, x : x + w])


SEEDS = Seeds((9, 12), (1, 2), (3, 4), (2, 2))
RULE = Rule(SEEDS, 1 / 16, 0.01)


def numbers(centres: NDArray[np.float64], values: NDArray[np.int32]) -> NDArray[Any]:
    return number_clusters(values, origin=np.array([0, 0]), centres=centres, rule=RULE, target="<i4")


def test_a_tie_goes_to_the_lower_number() -> None:
    values = np.zeros((9, 12), np.int32)
    labels = numbers(first_centres(SEEDS, 1), values)
    assert labels[1].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]


def test_pixels_that_no_centre_competes_for_stay_in_their_cell() -> None:
    values = np.zeros((9, 12), np.int32)
    centres = np.full((9, 3), np.nan)
    centres[4] = (4, 6, 0)
    labels = numbers(centres, values)
    assert labels[4].tolist() == [4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6]
    assert labels[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


def test_parts_add_up_in_any_order() -> None:
    values = RNG.integers(0, 1 << 30, (9, 12)).astype(np.int32)
    centres = first_centres(SEEDS, 1)
    boxes = [Box((y, x), (min(y + 2, 9), min(x + 5, 12))) for y in range(0, 9, 2) for x in range(0, 12, 5)]

    def part(box: Box) -> Any:
        place = Place(0, box, (2, 5), (9, 12))
        return add_up_clusters(values[box.slices], place=place, centres=centres, rule=RULE)

    whole = moved_centres(part(Box((0, 0), (9, 12))), 9)
    for _ in range(5):
        order = RNG.permutation(len(boxes))
        total = part(boxes[order[0]])
        for n in order[1:]:
            total = combine_clusters(total, part(boxes[n]))
        np.testing.assert_array_equal(moved_centres(total, 9), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_segments": 0}, "n_segments must be a whole number"),
        ({"max_num_iter": 0}, "max_num_iter must be a whole number"),
        ({"compactness": 0}, "compactness must be above 0"),
        ({"compactness": True}, "compactness must be a number"),
        ({"sigma": -1}, "sigma must be a number, 0 or more"),
        ({"convert2lab": True}, "three channels"),
        ({"enforce_connectivity": 1}, "True or False; found 1"),
        ({"min_size_factor": -1}, "min_size_factor must be a number, 0 or more"),
        ({"max_size_factor": np.nan}, "max_size_factor must be a number, 0 or more"),
        ({"min_size_factor": 4}, "min_size_factor=4 is above max_size_factor=3.0"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tm.slic(tm.from_array(np.zeros((5, 5))), **options)


def test_broken_pixels_are_counted() -> None:
    array = np.zeros((5, 5))
    array[1, 1:3] = np.nan, np.inf
    with pytest.raises(InputError, match="2 of 25 values are NaN or infinite"):
        tm.slic(array)


def test_pixels_that_do_not_count_have_no_influence() -> None:
    array = blurred(60, 70, 3)
    where = ndi.gaussian_filter(RNG.random((60, 70)), 5) > 0.5
    changed = np.where(where[..., np.newaxis], array, RNG.integers(0, 256, array.shape)).astype(np.uint8)
    options: dict[str, Any] = {"n_segments": 40, "channel_axis": -1}
    found = tm.slic(array, where=where, **options)
    np.testing.assert_array_equal(found, tm.slic(changed, where=where, **options))
    np.testing.assert_array_equal(found > 0, where)
    broken = np.where(where[..., np.newaxis], array, np.nan)
    np.testing.assert_array_equal(tm.slic(broken, where=np.ones((60, 70), bool), **options) > 0, where)
    with pytest.raises(InputError, match="no pixel is left"):
        tm.slic(array, where=np.zeros((60, 70), bool), **options)
