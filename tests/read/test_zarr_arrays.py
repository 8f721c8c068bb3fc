"""Plain Zarr arrays: v2 and v3, any codec, sharded or not, any dtype and axes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs
import zarr.storage
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read.boxes import assert_same_boxes, noise, read
from tilemask import open_image
from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.read.cache import ChunkCache
from tilemask.read.chunked import opened
from tilemask.read.zarr_array import FileReader, StoreReader

V3 = {
    "raw": {"compressors": None},
    "zstd": {"compressors": zarr.codecs.ZstdCodec(level=3, checksum=True)},
    "gzip": {"compressors": zarr.codecs.GzipCodec()},
    "blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4")},
    "crc32c": {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    "big": {"serializer": zarr.codecs.BytesCodec(endian="big")},
    "shards": {"shards": (40, 64)},
    "shards, index first": {
        "serializer": zarr.codecs.ShardingCodec(
            chunk_shape=(20, 16), codecs=[zarr.codecs.BytesCodec()], index_location="start"
        ),
        "compressors": None,
        "chunks": (40, 64),
    },
}
OTHER_V3 = {
    "transposed": {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
    "shards of transposed": {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))], "shards": (40, 64)},
}
V2 = {
    "raw": {"compressors": None},
    "zstd": {"compressors": numcodecs.Zstd()},
    "blosc, F order": {"compressors": numcodecs.Blosc(), "order": "F"},
    "zlib": {"compressors": numcodecs.Zlib()},
    "nested keys": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
}
OTHER_V2 = {"delta": {"filters": [numcodecs.Delta(dtype="<u2")]}}


def written(path: Path, array: np.ndarray, zarr_format: int, **settings_: object) -> str:
    made = {"chunks": (20, 16), **settings_}
    z = zarr.create_array(path, shape=array.shape, dtype=array.dtype, zarr_format=zarr_format, **made)
    z[...] = array
    return str(path)


@pytest.mark.parametrize("codec", [*V3, *OTHER_V3])
def test_v3_codecs(tmp_path: Path, codec: str) -> None:
    array = noise((75, 90))
    image = open_image(written(tmp_path / "a.zarr", array, 3, **{**V3, **OTHER_V3}[codec]))
    assert image.axes == "yx"
    assert image.step.chunks == (20, 16)
    assert isinstance(opened(image.step.place), FileReader if codec in V3 else StoreReader)
    assert_same_boxes(image, array)


@pytest.mark.parametrize("codec", [*V2, *OTHER_V2])
def test_v2_codecs(tmp_path: Path, codec: str) -> None:
    array = noise((75, 90))
    image = open_image(written(tmp_path / "a.zarr", array, 2, **{**V2, **OTHER_V2}[codec]))
    assert isinstance(opened(image.step.place), FileReader if codec in V2 else StoreReader)
    assert_same_boxes(image, array)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">u2", "<i4", ">i8", "u8", "f4", ">f8"])
def test_dtypes_come_in_the_byte_order_of_the_machine(tmp_path: Path, dtype: str, zarr_format: int) -> None:
    if zarr_format == 3:
        dtype = dtype.replace(">", "<")
    array = noise((30, 33), dtype)
    image = open_image(written(tmp_path / "a.zarr", array, zarr_format))
    assert image.dtype.isnative
    assert_same_boxes(image, array, 4)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_layout_equals_numpy_slicing(data: st.DataObject) -> None:
    axes = "".join(data.draw(st.permutations(data.draw(st.sampled_from(["yx", "zyx", "cyx", "tczyx"])))))
    shape = tuple(data.draw(st.integers(1, 9)) for _ in axes)
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape)
    factors = data.draw(st.none() | st.tuples(*[st.integers(1, 3) for _ in axes]))
    shards = None if factors is None else tuple(c * f for c, f in zip(chunks, factors, strict=True))
    picks = {a: data.draw(st.integers(0, shape[axes.index(a)] - 1)) for a in "tcz" if a in axes}
    chosen = {a: i for a, i in picks.items() if a == "t" or data.draw(st.booleans())}
    array = noise(shape)
    expected = array[tuple(chosen.get(a, slice(None)) for a in axes)]
    kept = [a for a in axes if a not in chosen]
    expected = expected.transpose([kept.index(a) for a in "zyxc" if a in kept])
    with tempfile.TemporaryDirectory() as folder:
        z = zarr.create_array(f"{folder}/a.zarr", shape=shape, chunks=chunks, shards=shards, dtype="u2")
        z[...] = array
        image = open_image(f"{folder}/a.zarr", axes=axes, t=chosen.get("t"), z=chosen.get("z"), channel=chosen.get("c"))
        assert_same_boxes(image, expected, 4)


def test_names_of_axes_in_the_metadata_are_used(tmp_path: Path) -> None:
    array = noise((3, 30, 40))
    zarr.create_array(tmp_path / "v3.zarr", data=array, dimension_names=("channel", "y", "x"))
    zarr.create_array(
        tmp_path / "v2.zarr", data=array, zarr_format=2, attributes={"_ARRAY_DIMENSIONS": ["c", "y", "x"]}
    )
    for name in ("v3.zarr", "v2.zarr"):
        image = open_image(tmp_path / name)
        assert image.axes == "yxc"
        assert_same_boxes(image, array.transpose(1, 2, 0), 3)


def test_a_plain_array_keeps_a_single_plane(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((1, 30, 40)))
    assert open_image(tmp_path / "a.zarr").shape == (1, 30, 40)
    assert open_image(tmp_path / "a.zarr", z=0).axes == "yx"


def test_channel_axis_of_arrays(tmp_path: Path) -> None:
    array = noise((30, 4, 40))
    zarr.create_array(tmp_path / "a.zarr", data=array)
    expected = array.transpose(0, 2, 1)
    for source in (str(tmp_path / "a.zarr"), array):
        assert_same_boxes(open_image(source, channel_axis=1), expected, 3)
        assert_same_boxes(open_image(source, channel_axis=-2, channel=2), expected[..., 2], 3)


def test_open_arrays_and_groups_and_urls(tmp_path: Path) -> None:
    array = noise((30, 40))
    path = tmp_path / "a b.zarr"
    group = zarr.open_group(path, mode="w")
    group.create_array("inner", data=array)
    in_memory = zarr.create_array(zarr.storage.MemoryStore(), data=array, chunks=(16, 16))
    sources = [group["inner"], in_memory, path / "inner", f"file://{path}/inner".replace(" ", "%20"), array]
    for source in sources:
        assert_same_boxes(open_image(source), array, 3)
    assert open_image(group["inner"]).step.place.where == str(path)


def test_memory_url_goes_through_the_store() -> None:
    array = noise((30, 40))
    store = zarr.storage.FsspecStore.from_url("memory://stored/a.zarr")
    z = zarr.create_array(store, shape=array.shape, chunks=(16, 16), dtype="u2")
    z[...] = array
    image = open_image("memory://stored/a.zarr")
    assert isinstance(opened(image.step.place), StoreReader)
    assert_same_boxes(image, array, 3)


def test_a_missing_chunk_is_fill_value_unless_strict(tmp_path: Path) -> None:
    for sharded in (False, True):
        path = tmp_path / f"{sharded}.zarr"
        shards = (40, 40) if sharded else None
        z = zarr.create_array(path, shape=(40, 60), chunks=(20, 20), shards=shards, dtype="u2", fill_value=9)
        z[:20, :20] = 5
        expected = np.full((40, 60), 9, "u2")
        expected[:20, :20] = 5
        assert_same_boxes(open_image(path), expected, 3)
        strict = open_image(path, strict=True)
        assert (read(strict, Box((0, 0), (20, 20))) == 5).all()
        for at, index, pixels in (((0, 20), "0/1", r"\[0:20, 20:40\]"), ((20, 40), "1/2", r"\[20:40, 40:60\]")):
            with pytest.raises(
                InputError, match=rf"{sharded}\.zarr: chunk {index} \(pixels {pixels} of the array\) is missing"
            ):
                read(strict, Box(at, tuple(a + 20 for a in at)))


def test_strict_asks_the_store_where_chunks_are_not_files() -> None:
    z = zarr.create_array(zarr.storage.MemoryStore(), shape=(40, 40), chunks=(20, 20), dtype="u2")
    z[:20] = 5
    assert (read(open_image(z))[20:] == 0).all()
    strict = open_image(z, strict=True)
    assert (read(strict, Box((0, 0), (20, 40))) == 5).all()
    with pytest.raises(InputError, match="chunk 1/0"):
        read(strict, Box((20, 0), (40, 20)))


def test_what_is_returned_is_never_a_writable_view_of_the_cache(tmp_path: Path) -> None:
    array = noise((40, 48))
    image = open_image(written(tmp_path / "a.zarr", array, 3))
    cache = ChunkCache(1 << 20)
    inside = read(image, Box((1, 1), (10, 10)), cache)
    assert not inside.flags.writeable
    across = read(image, Box((0, 0), (40, 48)), cache)
    assert across.flags.writeable
    across[:] = 0
    np.testing.assert_array_equal(read(image, cache=cache), array)


def test_only_the_chunks_of_the_chosen_channel_are_read(tmp_path: Path) -> None:
    array = noise((3, 40, 40))
    z = zarr.create_array(tmp_path / "a.zarr", shape=array.shape, chunks=(1, 20, 20), dtype="u2")
    z[...] = array
    for other in ("0", "2"):
        for file in (tmp_path / "a.zarr" / "c" / other).rglob("*"):
            if file.is_file():
                file.write_bytes(b"not a chunk")
    assert_same_boxes(open_image(tmp_path / "a.zarr", axes="cyx", channel=1), array[1], 3)
