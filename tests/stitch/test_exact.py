"""On every grid and in every merge order the tiled result is the reference's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage import filters, measure, morphology

from tests.stitch.harness import run_tiled
from tests.stitch.pictures import masks, random_tile, values
from tilemask.image import from_array
from tilemask.operations.objects import fill_holes, hysteresis, label, remove_small_objects

SEEDS = range(6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_label_numbers_a_mask_as_scikit_image(ndim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, mask in masks(rng, ndim).items():
        for connectivity in (None, *range(1, ndim + 1)):
            tile = random_tile(rng, mask.shape)
            got = run_tiled(label(from_array(mask), connectivity=connectivity), mask, tile, rng)
            assert got.dtype == np.int32
            expected = measure.label(mask, background=0, connectivity=connectivity)
            np.testing.assert_array_equal(got, expected, err_msg=f"{name} {mask.shape} {tile} {connectivity}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "uint64"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_label_joins_equal_values_only(ndim: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 30 if ndim == 2 else 11, ndim))
    image = values(rng, shape, dtype)
    for connectivity in range(1, ndim + 1):
        tile = random_tile(rng, shape)
        got = run_tiled(label(from_array(image), connectivity=connectivity), image, tile, rng)
        expected = measure.label(image, background=0, connectivity=connectivity)
        np.testing.assert_array_equal(got, expected, err_msg=f"{shape} {tile} {connectivity}")


def test_an_integer_volume_one_column_wide_is_numbered_as_a_plane() -> None:
    rng = np.random.default_rng(0)
    image = values(rng, (9, 8, 1), "uint8")
    plane = measure.label(image[..., 0], connectivity=2)
    assert not np.array_equal(measure.label(image, connectivity=2)[..., 0], plane), "scikit-image changed"
    got = run_tiled(label(from_array(image), connectivity=2), image, (4, 3, 1), rng)
    np.testing.assert_array_equal(got[..., 0], plane)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_fill_holes_fills_as_scipy(ndim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, mask in masks(rng, ndim).items():
        tile = random_tile(rng, mask.shape)
        got = run_tiled(fill_holes(from_array(mask)), mask, tile, rng)
        np.testing.assert_array_equal(got, ndi.binary_fill_holes(mask), err_msg=f"{name} {mask.shape} {tile}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_remove_small_objects_counts_whole_objects(ndim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, mask in masks(rng, ndim).items():
        for connectivity in range(1, ndim + 1):
            tile, size = random_tile(rng, mask.shape), _some_area(rng, mask, connectivity)
            lazy = remove_small_objects(from_array(mask), max_size=size, connectivity=connectivity)
            expected = morphology.remove_small_objects(mask, max_size=size, connectivity=connectivity)
            np.testing.assert_array_equal(run_tiled(lazy, mask, tile, rng), expected, err_msg=f"{name} {tile} {size}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
def test_remove_small_objects_counts_labels_connected_or_not(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 100, tuple(int(n) for n in rng.integers(1, 30, 2)))
    labels = small.astype(dtype) * np.dtype(dtype).type({"int64": 2**40, "uint64": 2**57}.get(dtype, 1))
    size = int(rng.integers(0, 8))
    tile = random_tile(rng, labels.shape)
    got = run_tiled(remove_small_objects(from_array(labels), max_size=size), labels, tile, rng)
    kept = morphology.remove_small_objects(small, max_size=size) != 0
    np.testing.assert_array_equal(got, np.where(kept, labels, 0))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_hysteresis_keeps_what_scikit_image_keeps(ndim: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 40 if ndim == 2 else 14, ndim))
    image = (rng.random(shape) * (10 if dtype[0] == "f" else 255)).astype(dtype)
    if dtype[0] == "f":
        image[rng.random(shape) < 0.05] = np.nan
    low, high = np.nanquantile(image, [0.45, 0.98]).tolist() if np.isfinite(image).any() else (1.0, 2.0)
    for levels in ((low, high), (high, low), (np.float64(low), np.float64(high)), (int(low), int(high))):
        lazy = hysteresis(from_array(image), low=levels[0], high=levels[1])
        got = run_tiled(lazy, image, random_tile(rng, shape), rng)
        np.testing.assert_array_equal(got, filters.apply_hysteresis_threshold(image, *levels), err_msg=str(levels))


def _some_area(rng: np.random.Generator, mask: NDArray[np.bool_], connectivity: int) -> int:
    """The area of one of the objects, where one pixel more or less tells; or nothing at all."""
    areas = np.bincount(measure.label(mask, connectivity=connectivity).ravel())[1:]
    return int(rng.choice(areas)) if len(areas) else 0
