"""Methods on windows: the reference where a window holds the image, and no more than they promise elsewhere."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import skimage.segmentation
from numpy.typing import NDArray
from scipy import ndimage as ndi

import tilemask as tm
from tilemask.errors import InputError, TileError
from tilemask.image import OPERATIONS

RNG = np.random.default_rng(2)


def scene(*shape: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A smooth picture and a few markers with numbers far apart."""
    noise = ndi.gaussian_filter(RNG.random(shape), (2, 2, 0)[: len(shape)])
    markers = np.where(RNG.random(shape[:2]) < 0.03, 7 * RNG.integers(1, 5, shape[:2]), 0)
    markers.flat[[0, -1]] = 7, 14
    return np.round(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8), markers.astype(np.int32)


def test_they_say_that_they_are_approximate() -> None:
    for name in ("random_walker", "grabcut"):
        function = getattr(tm, name)
        assert OPERATIONS[name].exactness == "approximate"
        assert function.__doc__.partition("\n")[0].endswith("Approximate.")


@pytest.mark.parametrize("axis", [None, -1])
def test_a_window_with_the_whole_image_is_the_random_walker_of_the_reference(axis: int | None) -> None:
    for _ in range(4):
        image, markers = scene(*((24, 31) if axis is None else (24, 31, 3)))
        expected = skimage.segmentation.random_walker(image, markers, mode="bf", channel_axis=axis)
        numbers = np.append(0, np.unique(markers[markers > 0]))
        found = tm.random_walker(image, markers, halo=0, window=64, channel_axis=axis)
        np.testing.assert_array_equal(found, numbers[expected])


def walked(markers: Any, image: Any = None, **options: Any) -> NDArray[Any]:
    markers = np.array(markers, np.int32)
    image = np.arange(markers.size, dtype=np.uint8).reshape(markers.shape) if image is None else image
    return tm.random_walker(image, markers, **{"halo": 0, **options})


def test_pixels_without_a_marker() -> None:
    assert walked([[0, 0, 0], [0, 0, 0]]).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert walked([[0, 0, 5], [0, 0, 0]]).tolist() == [[5, 5, 5], [5, 5, 5]]
    assert walked([[5, 0, -3], [0, -3, 0]]).tolist() == [[5, 5, -3], [5, -3, -1]]
    assert walked([[5, 0, -3], [-3, -3, 9]]).tolist() == [[5, 5, -3], [-3, -3, 9]]
    assert walked([[5, 6], [6, 5]]).tolist() == [[5, 6], [6, 5]]


def test_a_constant_window_is_divided_by_distance() -> None:
    flat = np.full((1, 7), 9, np.uint8)
    assert walked([[4, 0, 0, 0, 0, 0, 2]], flat).tolist() == [[4, 4, 4, 2, 2, 2, 2]]


def test_a_marker_beyond_the_halo_has_no_influence() -> None:
    markers = np.zeros((4, 40), np.int32)
    markers[:, 0] = 3
    image = np.zeros((4, 40), np.uint8)
    assert (tm.random_walker(image, markers, halo=5, window=(4, 10))[0] > 0).tolist() == [True] * 10 + [False] * 30
    assert (tm.random_walker(image, markers, halo=10, window=(4, 10))[0] > 0).tolist() == [True] * 20 + [False] * 20


def test_pixels_that_do_not_count_are_not_in_the_deviation() -> None:
    image, markers = scene(20, 24)
    where = np.ones(image.shape, bool)
    where[:, :8] = False
    walked = tm.random_walker(image, markers, halo=0, where=where)
    beta = 130 * (image / 255).std() / (image[where] / 255).std()
    np.testing.assert_array_equal(walked, tm.random_walker(image, markers, halo=0, beta=beta))
    broken = np.where(where, image / 255, np.nan)
    np.testing.assert_array_equal(
        tm.random_walker(broken, markers, halo=0, where=where),
        tm.random_walker(np.where(where, image / 255, 0), markers, halo=0, where=where),
    )


@pytest.mark.parametrize("numbered", [True, False])
def test_a_window_with_the_whole_image_is_the_grabcut_of_opencv(numbered: bool) -> None:
    image, _ = scene(40, 50, 3)
    region = RNG.integers(0, 4, (40, 50)).astype(np.uint8) if numbered else RNG.random((40, 50)) < 0.5
    trimap = region.copy() if numbered else np.where(region, 3, 0).astype(np.uint8)
    cv2.setRNGSeed(99)  # whatever the state, the result is the same
    found = tm.grabcut(image, region, halo=0, channel_axis=-1)
    cv2.setRNGSeed(1)
    cv2.grabCut(image, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    np.testing.assert_array_equal(found, trimap & 1 > 0)


def test_a_region_of_one_kind_needs_no_cut() -> None:
    image, _ = scene(9, 9, 3)
    for value, expected in ((0, False), (1, True), (2, False), (3, True)):
        region = np.full((9, 9), value, np.uint8)
        assert (tm.grabcut(image, region, halo=0, channel_axis=-1) == expected).all()


IMAGE, MARKERS = scene(8, 9)
COLOUR, _ = scene(8, 9, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tm.random_walker(IMAGE, MARKERS), "without halo=: a random walk goes through .* halo=64"),
        (lambda: tm.random_walker(IMAGE, MARKERS > 0, halo=2), "label\\(mask\\)"),
        (lambda: tm.random_walker(IMAGE, MARKERS, halo=2, beta=-1), "beta must be a number, 0 or more"),
        (lambda: tm.random_walker(IMAGE, MARKERS, halo=2, window=0), "found 0"),
        (lambda: tm.random_walker(IMAGE, MARKERS, halo=-2), "found -2"),
        (lambda: tm.random_walker(IMAGE / np.nan, MARKERS, halo=2), "72 of 72 values are NaN or infinite"),
        (lambda: tm.grabcut(COLOUR, MARKERS > 0, channel_axis=-1), "without halo=: a minimal cut"),
        (lambda: tm.grabcut(IMAGE, MARKERS > 0, halo=2), "three channels of uint8"),
        (lambda: tm.grabcut(COLOUR, MARKERS, halo=2, channel_axis=-1), "numbers 0 to 3; found int32"),
        (lambda: tm.grabcut(COLOUR, MARKERS > 0, halo=2, iterations=0, channel_axis=-1), "iterations takes a count"),
        (lambda: tm.grabcut(COLOUR, np.full((8, 9), 4, np.uint8), halo=2, channel_axis=-1), "region holds 4"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises((InputError, TileError), match=message):
        call()


def test_the_bill_knows_what_a_window_takes() -> None:
    image, markers = np.zeros((2000, 2000), np.uint8), np.zeros((2000, 2000), np.int32)
    lazy = tm.random_walker(tm.from_array(image), tm.from_array(markers), halo=64)
    small, large = (tm.plan(lazy, tile=t).bills[1].task_bytes for t in (256, 512))
    assert 4000 * 384**2 < small < large < 4000 * 384**2 + 30e6
