"""Dask arrays: the ones that are a Zarr array are read as one, the others are computed box by box."""

from __future__ import annotations

from pathlib import Path

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest
import zarr

from tests.read.boxes import assert_same_boxes, noise, read
from tilemask import open_image
from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.read.cache import ChunkCache
from tilemask.read.chunked import ChunkedSource
from tilemask.read.dask_array import DaskSource


def test_an_array_from_zarr_is_read_through_its_store(tmp_path: Path) -> None:
    array = noise((60, 70))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(20, 20))
    for lazy in (
        da.from_zarr(str(tmp_path / "a.zarr")),
        da.from_zarr(zarr.open_array(tmp_path / "a.zarr")),
        da.from_zarr(str(tmp_path / "a.zarr"), chunks=(40, 40)),
    ):
        image = open_image(lazy)
        assert isinstance(image.step, ChunkedSource)
        assert image.step.place.where == str(tmp_path / "a.zarr")
        assert image.step.chunks == (20, 20)
        assert_same_boxes(image, array, 3)


def test_anything_more_is_a_computation(tmp_path: Path) -> None:
    array = noise((60, 70))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(20, 20))
    lazy = da.from_zarr(str(tmp_path / "a.zarr"))
    for made, expected in ((lazy + 1, array + 1), (lazy[5:, 3:], array[5:, 3:]), (lazy.T, array.T)):
        image = open_image(made)
        assert isinstance(image.step, DaskSource)
        assert image.step.chunks is None
        assert_same_boxes(image, expected, 3)


def test_axes_of_a_computed_array() -> None:
    array = noise((2, 3, 30, 40), ">u2")
    lazy = da.from_array(array, chunks=(1, 2, 16, 16)) + np.array(0, ">u2")
    image = open_image(lazy, axes="tcyx", t=1)
    assert_same_boxes(image, (array[1] + 0).transpose(1, 2, 0).astype("u2"), 3)
    assert_same_boxes(open_image(lazy, axes="tcyx", t=1, channel=2), array[1, 2].astype("u2"), 3)


def test_a_box_computes_its_own_chunks_in_the_calling_thread() -> None:
    import threading

    seen = []

    def watched(chunk: np.ndarray) -> np.ndarray:
        seen.append(threading.get_ident())
        return chunk + 1

    lazy = da.zeros((64, 64), chunks=(16, 16), dtype="u2").map_blocks(watched, dtype="u2", meta=np.zeros((0, 0), "u2"))
    image, cache = open_image(lazy), ChunkCache(1 << 20)
    found = read(image, Box((3, 3), (10, 20)), cache)
    assert seen == [threading.get_ident()] * 2
    assert not found.flags.writeable
    assert cache.loads == 0


def test_it_travels_and_says_what_it_is() -> None:
    array = noise((30, 40))
    image = open_image(da.from_array(array, chunks=16) * 2)
    there = cloudpickle.loads(cloudpickle.dumps(image))
    assert there.step.identity() == image.step.identity()
    assert_same_boxes(there, array * 2, 3)


def test_persisted_in_this_process_is_fine_on_a_cluster_is_not() -> None:
    array = noise((30, 40))
    lazy = da.from_array(array, chunks=16) * 2
    with dask.config.set(scheduler="synchronous"):
        assert_same_boxes(open_image(lazy.persist()), array * 2, 3)
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        there = client.persist(lazy)
        with pytest.raises(InputError, match="is persisted on a cluster"):
            open_image(there)


def test_unknown_lengths_and_dtypes_are_refused() -> None:
    lazy = da.from_array(np.arange(20.0), chunks=5)
    with pytest.raises(InputError, match="has unknown lengths"):
        open_image(da.stack([lazy[lazy > 3]] * 3))
    with pytest.raises(InputError, match="has dtype complex128"):
        open_image(da.zeros((4, 4), dtype="c16"))
    with pytest.raises(InputError, match=r"level= and label= .* dask\.array\.core\.Array has neither"):
        open_image(da.zeros((4, 4)), level=1)
