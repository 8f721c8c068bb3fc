"""Images as Dask arrays: one task per tile, the same pixels."""

from __future__ import annotations

import numpy as np
import pytest

import tilemask as tm

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 60000, (61, 83)).astype(np.uint16)


@pytest.fixture
def labels() -> tm.Image:
    smooth = tm.gaussian(tm.from_array(IMAGE), sigma=2)
    return tm.label(smooth > tm.otsu(smooth))


def expected() -> np.ndarray:
    smooth = tm.gaussian(IMAGE, sigma=2)
    return tm.label(smooth > tm.otsu(smooth))


@pytest.mark.parametrize("tile", [7, (61, 1), None])
def test_a_dask_array_has_the_same_pixels(labels, tile) -> None:
    array = labels.to_dask(tile=tile)
    assert array.dtype == labels.dtype
    assert np.array_equal(array.compute(scheduler="synchronous"), expected())


def test_a_dask_array_has_one_task_per_tile(labels) -> None:
    array = labels.to_dask(tile=20)
    assert array.numblocks == (4, 5)
    assert len(dict(array.__dask_graph__())) == 20


@pytest.mark.parametrize("key", [np.s_[10:30, 5], np.s_[::3, ::-2], np.s_[[1, 5, 60], 4:9], np.s_[..., -1]])
def test_indexing_that_dask_fuses_into_reading_is_right(labels, key) -> None:
    assert np.array_equal(labels.to_dask(tile=16)[key].compute(), expected()[key])


def test_a_dask_array_goes_in_again(labels) -> None:
    again = tm.open_image(labels.to_dask(tile=16)) > 3
    assert np.array_equal(again.compute(tile=9), expected() > 3)
