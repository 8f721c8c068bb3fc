"""Chunks are decoded once, sources travel, and handles are opened anew after an error."""

from __future__ import annotations

import threading
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import tifffile
import zarr

from tests.read.boxes import assert_same_boxes, noise, read
from tilemask import open_image
from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.read import chunked
from tilemask.read.cache import ChunkCache


def test_each_chunk_is_decoded_once_for_boxes_that_share_it(tmp_path: Path) -> None:
    z = zarr.create_array(tmp_path / "a.zarr", shape=(100, 100), chunks=(25, 25), dtype="u2")
    z[...] = noise((100, 100))
    image, cache = open_image(tmp_path / "a.zarr"), ChunkCache(1 << 20)
    for y in range(0, 90, 10):
        for x in range(0, 90, 10):
            read(image, Box((y, x), (y + 12, x + 12)), cache)
    assert cache.loads == 16
    assert cache.held_bytes == 100 * 100 * 2


def test_channels_levels_and_files_do_not_share_chunks(tmp_path: Path) -> None:
    array = noise((2, 30, 30))
    for name in ("a.zarr", "b.zarr"):
        zarr.create_array(tmp_path / name, data=array + (name == "b.zarr"), chunks=(2, 30, 30))
    cache = ChunkCache(1 << 20)
    for name in ("a.zarr", "b.zarr"):
        for channel in (0, 1):
            image = open_image(tmp_path / name, axes="cyx", channel=channel)
            np.testing.assert_array_equal(read(image, cache=cache), array[channel] + (name == "b.zarr"))
    assert cache.loads == 4
    assert cache.held_bytes == 4 * 30 * 30 * 2


def test_threads_decode_a_chunk_once(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((64, 64)), chunks=(16, 16))
    image, cache = open_image(tmp_path / "a.zarr"), ChunkCache(1 << 20)
    threads = [threading.Thread(target=read, args=(image, None, cache)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.loads == 16


def test_sources_travel_without_what_is_open(tmp_path: Path) -> None:
    array = noise((64, 64))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(16, 16))
    tifffile.imwrite(tmp_path / "a.tif", array, tile=(16, 16))
    held = zarr.create_array(zarr.storage.MemoryStore(), data=array, chunks=(16, 16))
    for source in (tmp_path / "a.zarr", tmp_path / "a.tif", held):
        image = open_image(source)
        read(image)
        stored = cloudpickle.dumps(image)
        chunked._readers.clear()
        there = cloudpickle.loads(stored)
        assert there.step.key == image.step.key
        assert_same_boxes(there, array, 3)
        assert source is held or len(stored) < 2500


def test_identity_is_plain_and_stable_and_tells_arrays_apart(tmp_path: Path) -> None:
    import json

    zarr.create_array(tmp_path / "a.zarr", data=noise((2, 64, 64)), chunks=(1, 16, 16))
    first = open_image(tmp_path / "a.zarr", axes="cyx", channel=0).step.identity()
    assert json.loads(json.dumps(first)) == first
    assert first == open_image(tmp_path / "a.zarr", axes="cyx", channel=0).step.identity()
    assert first != open_image(tmp_path / "a.zarr", axes="cyx", channel=1).step.identity()
    zarr.open_array(tmp_path / "a.zarr").attrs["note"] = "an annotation changes no pixel"
    assert first == open_image(tmp_path / "a.zarr", axes="cyx", channel=0).step.identity()
    zarr.create_array(tmp_path / "a.zarr", data=noise((2, 64, 64)), chunks=(1, 32, 32), overwrite=True)
    assert first["metadata"] != open_image(tmp_path / "a.zarr", axes="cyx", channel=0).step.identity()["metadata"]


def test_a_handle_is_opened_anew_after_a_read_error(tmp_path: Path) -> None:
    array = noise((32, 32))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(16, 16))
    image, chunk = open_image(tmp_path / "a.zarr"), tmp_path / "a.zarr" / "c" / "0" / "1"
    good = chunk.read_bytes()
    chunk.write_bytes(good[:-7])
    reader = chunked.opened(image.step.place)
    with pytest.raises(InputError, match="chunk 0/1"):
        read(image)
    chunk.write_bytes(good)
    np.testing.assert_array_equal(read(image), array)
    assert chunked.opened(image.step.place) is not reader


def test_open_readers_are_bounded(tmp_path: Path) -> None:
    for n in range(chunked.READERS + 5):
        zarr.create_array(tmp_path / f"{n}.zarr", data=noise((4, 4)))
        open_image(tmp_path / f"{n}.zarr")
    assert len(chunked._readers) == chunked.READERS
