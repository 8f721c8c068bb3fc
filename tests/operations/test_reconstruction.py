"""Reconstruction, extrema by height, floods and the spanning forest: pictures typed out, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skimage.morphology
import skimage.segmentation

import tilemask as tm
from tilemask.errors import InputError
from tilemask.image import from_array

ROW = np.array([[0, 3, 1, 5, 5, 2, 4, 0]], np.uint8)
RGB = from_array(np.zeros((4, 5, 3), np.uint8), axes="yxc")


def test_a_seed_spreads_as_far_as_its_limit() -> None:
    seed = np.array([[0, 0, 0, 4, 0, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(tm.reconstruction(seed, ROW), [[0, 1, 1, 4, 4, 2, 2, 0]])
    where = np.array([[1, 1, 1, 1, 0, 1, 1, 1]], bool)
    np.testing.assert_array_equal(tm.reconstruction(seed, ROW, where=where), [[0, 1, 1, 4, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("dtype", "result"), [("bool", "float64"), ("uint8", "float64"), ("int64", "float64"), ("float32", "float32")]
)
def test_the_dtype_is_that_of_scikit_image(dtype: str, result: str) -> None:
    image = np.ones((3, 4), dtype)
    assert tm.reconstruction(image, image).dtype == result == skimage.morphology.reconstruction(image, image).dtype


def test_a_depression_is_filled_from_the_border() -> None:
    ground = np.array([[4, 4, 4, 4, 4], [4, 1, 2, 1, 4], [4, 3, 4, 4, 4], [2, 2, 4, 4, 4]], np.int16)
    seed = ground.copy()
    seed[1:-1, 1:-1] = ground.max()
    filled = tm.reconstruction(from_array(seed), from_array(ground), method="erosion", connectivity=1).compute(tile=2)
    np.testing.assert_array_equal(filled, [[4, 4, 4, 4, 4], [4, 3, 3, 3, 4], [4, 3, 4, 4, 4], [2, 2, 4, 4, 4]])


def test_a_maximum_stands_out_by_its_height() -> None:
    assert np.flatnonzero(tm.h_maxima(ROW, h=2)).tolist() == [1, 3, 4, 6]
    assert np.flatnonzero(tm.h_maxima(ROW, h=3)).tolist() == [3, 4]
    assert not tm.h_maxima(ROW, h=6).any()
    assert np.flatnonzero(tm.h_minima(ROW, h=2)).tolist() == [0, 2, 5, 7]


def test_a_height_may_be_a_value() -> None:
    image = from_array(ROW)
    h = tm.threshold_mean(image)
    assert h.compute() == 2.5
    np.testing.assert_array_equal(tm.h_maxima(image, h=h).compute(tile=2), tm.h_maxima(ROW, h=2.5))
    with pytest.raises(InputError, match="h_maxima: h is a height, a number above 0; found"):
        tm.h_maxima(image, h=h - 2.5).compute()


def test_the_range_of_signed_integers_does_not_wrap() -> None:
    image = np.array([[-100, 100, -100]], np.int8)
    assert not skimage.morphology.h_maxima(image.copy(), 10).any(), "scikit-image changed"
    assert tm.h_maxima(image, h=10).tolist() == [[False, True, False]]


def test_a_whole_tolerance_is_needed_for_integers() -> None:
    image = np.arange(1, 6, dtype=np.uint8).reshape(1, 5)
    flooded = skimage.morphology.flood(image, (0, 2), tolerance=1.5)
    assert flooded.tolist() == [[True, True, True, True, False]], "scikit-image changed"
    with pytest.raises(InputError, match=r"tolerance=1.5 for pixels of uint8. Give a whole number"):
        tm.flood(image, (0, 2), tolerance=1.5)
    assert tm.flood(image, (0, 2), tolerance=1.0).tolist() == [[False, True, True, True, False]]


def test_a_flood_is_filled() -> None:
    image = from_array(np.array([[1, 1, 2], [2, 1, 2], [1, 2, 1]], np.float32))
    found = tm.flood_fill(image, (0, 1), np.nan, connectivity=1).compute(tile=1)
    np.testing.assert_array_equal(found, [[np.nan, np.nan, 2], [2, np.nan, 2], [1, 2, 1]])


def test_nothing_is_flooded_from_outside_a_region() -> None:
    image = tm.open_image(np.zeros((4, 6), np.uint8), roi=np.arange(6) + np.zeros((4, 1)) > 2)
    assert not tm.flood(image, (0, 0)).compute(tile=2).any()
    assert tm.flood(image, (0, 5)).compute(tile=2).sum() == 12


def test_two_markers_meet_at_the_ridge() -> None:
    elevation = np.array([[0, 1, 2, 5, 3, 1, 4]], np.float32)
    markers = np.array([[0, 4, 0, 0, 0, 9, 0]], np.uint16)
    grown = tm.watershed_forest(elevation, markers)
    assert grown.dtype == np.uint16
    np.testing.assert_array_equal(grown, [[4, 4, 4, 4, 9, 9, 9]])
    mask = np.array([[1, 1, 1, 0, 1, 0, 1]], bool)
    np.testing.assert_array_equal(tm.watershed_forest(elevation, markers, mask=mask), [[4, 4, 4, 0, 0, 0, 0]])


def test_flooding_and_the_forest_agree_on_a_smooth_surface() -> None:
    rng = np.random.default_rng(0)
    elevation = tm.gaussian(rng.random((160, 170)), sigma=3)
    markers = np.zeros(elevation.shape, np.int32)
    markers.flat[rng.choice(elevation.size, 40, replace=False)] = np.arange(1, 41)
    forest = tm.watershed_forest(elevation, markers)
    assert 0 < (forest != skimage.segmentation.watershed(elevation, markers)).mean() < 0.001


def test_an_image_is_saved_and_resumed(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    array = rng.random((90, 70))
    outputs = {
        "forest": tm.watershed_forest(from_array(array), from_array((array > 0.99).astype(np.int32))),
        "tops": tm.h_maxima(from_array(array), h=0.4),
    }
    run = tm.save(outputs, tmp_path / "out.ome.zarr", tile=32, quiet=True)
    tops = tm.open_image(run.path, label="tops").compute()
    np.testing.assert_array_equal(tops, skimage.morphology.h_maxima(array, 0.4) == 1)
    assert tm.save(outputs, tmp_path / "out.ome.zarr", tile=32, quiet=True).tiles_done == 0


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "method": (lambda: tm.reconstruction(ROW, ROW, method="opening"), "'dilation' or 'erosion'; found 'opening'"),
    "connectivity": (lambda: tm.reconstruction(ROW, ROW, connectivity=3), "1 to 2 for axes 'yx'; found 3"),
    "shapes": (lambda: tm.reconstruction(ROW, ROW[:, 1:]), r"found \(1, 8\) and \(1, 7\)"),
    "where": (lambda: tm.reconstruction(ROW, ROW, where=ROW), "works on a mask"),
    "channels": (lambda: tm.h_maxima(RGB, h=1), "works on one channel"),
    "a mask": (lambda: tm.h_maxima(ROW > 2, h=1), "works on grey values; found a mask"),
    "no height": (lambda: tm.h_maxima(ROW, h=0), "a number above 0; found 0"),
    "NaN height": (lambda: tm.h_minima(ROW, h=np.nan), "a number above 0; found nan"),
    "outside": (lambda: tm.flood(ROW, (0, 8)), r"of an image of shape \(1, 8\); found \(0, 8\)"),
    "one index": (lambda: tm.flood(ROW, 3), "one index per axis 'yx'"),
    "no index": (lambda: tm.flood(ROW, None), "one index per axis 'yx'"),
    "ragged indices": (lambda: tm.flood(ROW, [(0,), (0, 1)]), "one index per axis 'yx'"),
    "half a pixel": (lambda: tm.flood(ROW, (0, 1.5)), "one index per axis 'yx'"),
    "tolerance": (lambda: tm.flood(ROW, (0, 1), tolerance=np.nan), "a number, or None for equal values; found nan"),
    "new value": (lambda: tm.flood_fill(ROW, (0, 1), 300), "new_value=300 does not fit into uint8"),
    "mask as markers": (lambda: tm.watershed_forest(ROW, ROW > 3), "tilemask.label"),
    "grey mask": (lambda: tm.watershed_forest(ROW, ROW, mask=ROW), "works on a mask"),
    "faces": (lambda: tm.watershed_forest(ROW, ROW, connectivity=0), "1 to 2 for axes 'yx'; found 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_at_the_call(name: str) -> None:
    call, said = REFUSED[name]
    with pytest.raises(InputError, match=said):
        call()


def broken(value: float) -> Any:
    array = np.zeros((5, 7), np.float32)
    array[3, 4] = array[4, 1] = value
    return array


FOUND_OUT: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "seed above limit": (
        lambda i: tm.reconstruction(i + 1, i * 2),
        broken(1),
        r"found 33 pixels where the seed is above it, the first at \(0, 0\). Use numpy.minimum\(seed, limit\)",
    ),
    "seed below limit": (
        lambda i: tm.reconstruction(i * 1, i * 2, method="erosion"),
        broken(1),
        r"found 2 pixels where the seed is below it, the first at \(3, 4\). Use numpy.maximum\(seed, limit\)",
    ),
    "NaN": (lambda i: tm.reconstruction(i, i), broken(np.nan), "found 4 NaN in seed and limit together"),
    "no height": (
        lambda i: tm.h_maxima(i, h=1),
        broken(np.inf),
        "h_maxima measures heights; found 0 NaN and 2 infinite pixels",
    ),
    "nothing equal": (lambda i: tm.flood(i, (3, 4)), broken(np.nan), r"the pixel at \(3, 4\) is NaN"),
    "nothing near": (lambda i: tm.flood(i, (-1, 1), tolerance=3), broken(np.inf), r"the pixel at \(4, 1\) is inf"),
    "no order": (
        lambda i: tm.watershed_forest(i, (i > 1) * from_array(np.ones((5, 7), int))),
        broken(np.nan),
        "found 2 NaN. Leave them out by mask=",
    ),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", FOUND_OUT)
@pytest.mark.parametrize("tile", [1, 3, 7])
def test_what_the_pixels_do_not_allow_is_refused_alike_on_every_grid(name: str, tile: int) -> None:
    call, array, said = FOUND_OUT[name]
    with pytest.raises(InputError, match=said):
        call(from_array(array)).compute(tile=tile)
