"""Snakes: smoothing against the reference, what they refuse, and what their plans keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import skimage.segmentation.morphsnakes as morphsnakes
from numpy.typing import NDArray
from scipy import ndimage as ndi

import tilemask as tm
from tests.exactness.regions import chan_vese
from tilemask.errors import InputError, TileError
from tilemask.operations.attraction import attract_to_edges, attract_to_means
from tilemask.operations.level_sets import contour_pixels, grown, shrunk, slope, smoothed
from tilemask.planning import cut

RNG = np.random.default_rng(4)


def masks(count: int) -> list[NDArray[np.bool_]]:
    """Noise of every density and grain, and squares, which carry curvature further."""
    rng, found = np.random.default_rng(4), []
    for number in range(count):
        side = number % 4 + 1
        noise = rng.random((-(-40 // side), -(-44 // side)))
        coarse = np.kron(noise < (rng.random() if side == 1 else 0.5), np.ones((side, side), bool))
        smooth = ndi.gaussian_filter(rng.random((40, 44)), rng.uniform(0.5, 2))
        found.append(coarse[:40, :44] if number % 5 else smooth > np.quantile(smooth, rng.random()))
    return found


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (13, 11), (5, 6, 7), (1, 4, 3)])
def test_smoothing_is_that_of_the_reference(shape: tuple[int, ...]) -> None:
    both = [
        lambda u: morphsnakes.sup_inf(morphsnakes.inf_sup(u)),
        lambda u: morphsnakes.inf_sup(morphsnakes.sup_inf(u)),
    ]
    for density in (0.1, 0.5, 0.9):
        mask = RNG.random(shape) < density
        for swapped in (False, True):
            expected = mask.astype(np.int8)
            for number in range(3):
                expected = both[(number + swapped) % 2](expected)
            np.testing.assert_array_equal(smoothed(mask, 3, swapped=swapped), expected.astype(bool))
        square = np.ones((3,) * len(shape))
        np.testing.assert_array_equal(grown(mask), ndi.binary_dilation(mask, square))
        np.testing.assert_array_equal(shrunk(mask), ndi.binary_erosion(mask, square))


def cut_differs(kernel: Callable[..., NDArray[np.bool_]], arrays: list[NDArray[Any]], reach: int) -> bool:
    """Whether a kernel notices that its arrays begin so many pixels above row 20."""
    return not np.array_equal(kernel(*(a[20 - reach :] for a in arrays))[reach:], kernel(*arrays)[20:])


@pytest.mark.parametrize("times", [1, 2])
def test_a_smoothing_step_reaches_two_pixels_and_no_less(times: int) -> None:
    kernels = [partial(smoothed, times=times, swapped=swapped) for swapped in (False, True)]
    pictures = masks(500)
    assert not any(cut_differs(k, [m], 2 * times) for k in kernels for m in pictures)
    assert any(cut_differs(k, [m], 2 * times - 1) for k in kernels for m in pictures)


@pytest.mark.parametrize("balloon", [-2, 0, 1])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_a_geodesic_round_reaches_as_far_as_it_says_and_no_less(balloon: float, smoothing: int) -> None:
    kernel = partial(attract_to_edges, threshold=0.4, balloon=balloon, smoothing=smoothing, swapped=False)
    rng = np.random.default_rng(5)
    pairs = [[rng.random(m.shape), m] for m in masks(500)]
    reach = 1 + 2 * smoothing + (balloon != 0)
    assert not any(cut_differs(kernel, p, reach) for p in pairs)
    assert any(cut_differs(kernel, p, reach - 1) for p in pairs)


def test_slopes_are_those_of_numpy_where_they_are_not_zero() -> None:
    for mask in masks(6):
        image = RNG.random(mask.shape).astype(np.float32)
        expected = np.gradient(mask.astype(np.int8))
        seen = np.zeros(mask.shape, bool)
        for at in contour_pixels(mask):
            seen[at] = True
            for axis in range(2):
                np.testing.assert_array_equal(slope(mask, at, axis), expected[axis][at])
                found = slope(image, at, axis)
                assert found.dtype == np.float32
                np.testing.assert_array_equal(found, np.gradient(image)[axis][at])
        np.testing.assert_array_equal(seen, np.any(np.array(expected) != 0, axis=0))


def test_a_second_call_gives_what_the_first_gave() -> None:
    """In scikit-image it does not: its smoothing operators take turns across calls."""
    image = np.round(255 * ndi.gaussian_filter(RNG.random((60, 60)), 2)).astype(np.uint8)
    expected = chan_vese(image, num_iter=3)
    again = np.asarray(morphsnakes.morphological_chan_vese(image, 3)).astype(bool)
    assert not np.array_equal(expected, again)
    for _ in range(2):
        np.testing.assert_array_equal(tm.morphological_chan_vese(image, 3), expected)


def test_means_of_floats_do_not_depend_on_their_order() -> None:
    image = RNG.random((30, 31)).astype(np.float32) * 10.0 ** RNG.integers(-6, 6, (30, 31))
    whole = tm.morphological_chan_vese(image.astype(np.float32), 4)
    lazy = tm.morphological_chan_vese(tm.from_array(image.astype(np.float32)), 4)
    for tile in (5, 11, (30, 2)):
        np.testing.assert_array_equal(lazy.compute(tile=tile), whole)


def test_pixels_that_do_not_count_are_not_in_the_means() -> None:
    image = np.round(255 * ndi.gaussian_filter(RNG.random((50, 60)), 2)).astype(np.uint8)
    where = np.zeros(image.shape, bool)
    where[:, 20:] = True
    for array in (image, np.where(where, image, np.nan)):
        for number in range(1, 4):
            found = tm.morphological_chan_vese(array, number, where=where)
            # The means are those of what is inside; far from the border of that, nothing else matters.
            cropped = _rounds_with_means_of(image, where, number)
            np.testing.assert_array_equal(found[:, 35:], cropped[:, 35:])


def _rounds_with_means_of(image: NDArray[Any], where: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    mask = tm.morphological_chan_vese(image, 0)
    for number in range(count):
        pixels, inside = image[where].astype(np.int64), mask[where]
        means = (
            pixels[~inside].sum() / ((~inside).sum() + 1e-8),
            pixels[inside].sum() / (inside.sum() + 1e-8),
        )
        mask = attract_to_means(image, mask, means=means, lambda1=1, lambda2=1, smoothing=1, swapped=bool(number % 2))
    return mask


def test_weights_and_levels_may_be_values() -> None:
    image = tm.from_array(RNG.integers(0, 255, (20, 20)).astype(np.uint8))
    weight = tm.threshold_mean(image) / 100
    lazy = tm.morphological_chan_vese(image, 2, lambda1=weight).compute(tile=7)
    np.testing.assert_array_equal(lazy, tm.morphological_chan_vese(image, 2, lambda1=weight.compute()).compute(tile=20))


def test_each_round_without_edges_is_a_pass_that_keeps_a_mask() -> None:
    image = tm.from_array(np.zeros((100, 130), np.uint8))
    passes = cut({"mask": tm.morphological_chan_vese(image, 5)}, (32, 32))
    assert len(passes) == 6
    assert [[k.image.dtype for k in p.keeps] for p in passes[:-1]] == [[np.dtype(bool)]] * 5
    assert all(len(p.stored) == 1 for p in passes[1:])
    assert all(len(p.release) == 1 for p in passes[1:])


def test_geodesic_rounds_share_passes() -> None:
    image = tm.from_array(np.zeros((4096, 4096), np.float32))
    lazy = tm.morphological_geodesic_active_contour(image, 50)
    assert len(cut({"mask": lazy}, (4096, 4096))) == 1
    assert len(cut({"mask": lazy}, (2048, 2048))) == 2
    assert len(cut({"mask": lazy}, (64, 64))) == 50


REFUSED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("morphological_chan_vese", np.ones((4, 4)), {"num_iter": -1}, "num_iter must be a whole number"),
    ("morphological_chan_vese", np.ones((4, 4)), {"num_iter": 2, "smoothing": 1.5}, "smoothing must be a whole number"),
    ("morphological_chan_vese", np.ones((4, 1)), {"num_iter": 2}, "2 pixels along every axis; found shape"),
    ("morphological_chan_vese", np.ones((4, 4)), {"num_iter": 2, "init_level_set": "star"}, "'checkerboard', 'disk'"),
    (
        "morphological_chan_vese",
        np.ones((4, 4)),
        {"num_iter": 2, "init_level_set": np.ones((4, 5), bool)},
        "one spatial shape",
    ),
    ("morphological_chan_vese", np.full((4, 4), np.nan), {"num_iter": 2}, "16 of 16 pixels are NaN or infinite"),
    ("morphological_geodesic_active_contour", np.ones((4, 4), np.uint8), {"num_iter": 2}, "float32 and float64"),
    ("morphological_geodesic_active_contour", np.ones((4, 4)), {"num_iter": 2, "threshold": "x"}, "or 'auto'; found"),
    ("morphological_geodesic_active_contour", np.ones((4, 4)), {"num_iter": 2, "balloon": np.nan}, "balloon must be"),
    ("inverse_gaussian_gradient", np.ones((4, 4), np.uint8), {}, "float32 and float64"),
    ("inverse_gaussian_gradient", np.ones((4, 4)), {"sigma": 0}, "sigma must be above 0"),
    ("inverse_gaussian_gradient", np.ones((4, 4)), {"alpha": "1"}, "alpha must be a number"),
]


@pytest.mark.parametrize(("name", "array", "options", "message"), REFUSED)
def test_refusals(name: str, array: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, TileError), match=message):
        getattr(tm, name)(array, **options)
