"""Tiles on disk: one object each, encoded from nothing, recorded and proven."""

import errno
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import google_crc32c
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec

from tests.write.stores import PLAN, output, pixels, store_all
from tilemask.boxes import Box, Grid
from tilemask.errors import InputError, PlanError, StorageError
from tilemask.write.encoding import Layout
from tilemask.write.files import put
from tilemask.write.layout import OutputSpec, make_level
from tilemask.write.objects import verify
from tilemask.write.ome_zarr import create
from tilemask.write.store import Writer


def created(path: Path, spec: OutputSpec) -> Writer:
    create(path, [spec], plan=PLAN)
    return Writer(str(path), spec)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("unit", "chunk"), [((64, 48), (16, 24)), ((1, 64, 48), (1, 64, 48)), ((6, 9, 8), (3, 9, 4))])
def test_objects_are_what_zarr_itself_would_read(
    unit: tuple[int, ...], chunk: tuple[int, ...], zarr_format: Literal[2, 3], tmp_path: Path
) -> None:
    shape = tuple(n + n // 3 for n in unit)
    for dtype in (">u2", "uint8", "int64", "float32"):
        array = pixels(shape).astype(dtype)
        inner = {"chunks": chunk, "shards": unit} if zarr_format == 3 else {"chunks": unit}
        codec = ZstdCodec(checksum=True) if zarr_format == 3 else numcodecs.Zstd(checksum=True)
        made = zarr.create_array(
            tmp_path / dtype, shape=shape, dtype=array.dtype.newbyteorder("<"), compressors=codec,
            zarr_format=zarr_format, **inner,
        )  # fmt: skip
        grid = Grid(shape, unit)
        for number in range(len(grid)):
            key = made.metadata.encode_chunk_key(grid.index(number))
            layout = Layout(unit, made.chunks, zarr_format == 3)
            put(tmp_path / dtype / key, layout.encode(array[grid.core(grid.index(number)).slices]))
        np.testing.assert_array_equal(zarr.open_array(tmp_path / dtype, mode="r")[:], array)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    cases = {
        "label": output(),
        "mask": output(kind="mask"),
        "image": output(kind="image", dtype="float32"),
        "colour": output(kind="image", dtype="uint8", channels=3),
        "volume": output(kind="image", shape=(9, 40, 50), tile=(4, 32, 32), channels=2),
        "planes": output(shape=(9, 40, 50), tile=(4, 32, 32), dtype="int64"),
    }
    for name, spec in cases.items():
        path = tmp_path / name
        array = pixels(spec.levels[0].shape + ((spec.channels,) if spec.channels else ())).astype(spec.dtype)
        created(path, spec)
        store_all(path, spec, array)
        found = zarr.open_array(path / spec.key(0), mode="r")
        assert found.dtype == spec.stored_dtype
        assert found.metadata.dimension_names == tuple(spec.stored_axes)
        expected = np.moveaxis(array, -1, 0) if spec.channels else array
        np.testing.assert_array_equal(found[:], expected)


def test_every_tile_is_one_object_with_its_size_and_checksum(tmp_path: Path) -> None:
    spec = output()
    created(tmp_path, spec)
    stored = store_all(tmp_path, spec, pixels((90, 130)))
    assert len(stored) == sum(len(Grid(level.shape, level.tile)) for level in spec.levels) == 8
    on_disk = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file() and f.name != "zarr.json"}
    assert {s.key for s in stored} == on_disk
    for item in stored:
        content = (tmp_path / item.key).read_bytes()
        assert (item.nbytes, item.crc32c) == (len(content), google_crc32c.value(content))


def test_a_box_of_several_write_units_gives_all_their_objects(tmp_path: Path) -> None:
    writer = created(tmp_path, output())
    stored = writer.write(0, Box((0, 64), (90, 130)), pixels((90, 66)))
    assert [s.key for s in stored] == [f"labels/nuclei/0/c/{i}/{j}" for i in (0, 1) for j in (1, 2)]


def test_empty_tiles_are_stored_too(tmp_path: Path) -> None:
    spec = output()
    created(tmp_path, spec)
    stored = store_all(tmp_path, spec, np.zeros((90, 130), np.int32))
    assert len(stored) == 8
    assert verify(tmp_path, stored) == []


def test_a_damaged_object_is_found_and_can_be_written_again(tmp_path: Path) -> None:
    spec, array = output(), pixels((90, 130))
    writer = created(tmp_path, spec)
    stored = store_all(tmp_path, spec, array)
    first, second, third = (tmp_path / s.key for s in stored[:3])
    flipped = bytearray(first.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    first.write_bytes(flipped)
    second.write_bytes(second.read_bytes()[:-3])
    third.unlink()
    problems = verify(tmp_path, stored)
    assert [p.key for p in problems] == [s.key for s in stored[:3]]
    assert "crc32c" in problems[0].reason
    assert "were written" in problems[1].reason
    assert problems[2].reason == "is missing"
    assert len(verify(tmp_path, stored, contents=False)) == 2
    # The control: zarr alone cannot repair what it must read first.
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_array(tmp_path / stored[1].key.partition("/c/")[0], mode="r+")[:64, 64:128] = 1
    grid = Grid((90, 130), (64, 64))
    for index in grid.walk():
        box = grid.core(index)
        writer.write(0, box, array[box.slices])
    assert verify(tmp_path, stored) == []


def test_a_record_that_points_out_of_the_store_is_refused(tmp_path: Path) -> None:
    for key in ("../secret", "/etc/passwd", "a/../../b"):
        with pytest.raises(InputError, match="is not inside"):
            verify(tmp_path, [(key, 1, 1)])


def test_a_writer_travels_and_threads_share_it(tmp_path: Path) -> None:
    level = make_level((512, 512), (1, 1), (64, 64), (1, 1), (0, 0))
    spec = output(levels=(level,))
    array = pixels((512, 512))
    writer = pickle.loads(pickle.dumps(created(tmp_path, spec)))
    grid = Grid(level.shape, level.tile)
    with ThreadPoolExecutor(8) as pool:
        stored = list(
            pool.map(lambda index: writer.write(0, grid.core(index), array[grid.core(index).slices]), grid.walk())
        )
    assert verify(tmp_path, [item for tile in stored for item in tile]) == []
    np.testing.assert_array_equal(zarr.open_array(tmp_path / spec.key(0), mode="r")[:], array)


@pytest.mark.parametrize("box", [Box((0, 0), (63, 64)), Box((1, 0), (65, 64)), Box((64, 128), (128, 192))])
def test_tiles_that_are_not_whole_write_units_are_refused(tmp_path: Path, box: Box) -> None:
    writer = created(tmp_path, output())
    with pytest.raises(PlanError, match="whole write units"):
        writer.write(0, box, np.zeros(box.shape, np.int32))


@pytest.mark.parametrize("array", [np.zeros((66, 66), "i4"), np.zeros((64, 64), "i8"), np.zeros((64, 64, 1), "i4")])
def test_other_shapes_and_dtypes_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    writer = created(tmp_path, output())
    with pytest.raises(InputError, match=r"needs \(64, 64\) int32 pixels"):
        writer.write(0, Box((0, 0), (64, 64)), array)


def test_a_mask_is_taken_as_bool_and_as_its_bytes(tmp_path: Path) -> None:
    spec, box = output(kind="mask"), Box((0, 0), (64, 64))
    writer, mask = created(tmp_path, spec), pixels((64, 64)) > 0
    assert writer.write(0, box, mask) == writer.write(0, box, mask.view(np.uint8))


def test_a_full_disk_is_a_storage_error_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = created(tmp_path, output())

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tilemask.write.files.os.replace", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        writer.write(0, Box((0, 0), (64, 64)), np.zeros((64, 64), np.int32))
    assert caught.value.errno == errno.ENOSPC


def test_a_store_that_was_replaced_is_not_written_by_its_old_layout(tmp_path: Path) -> None:
    for shape in ((90, 130), (70, 100)):
        spec = output(name=f"a{shape[0]}", shape=shape)
        path = tmp_path / "out"
        created(path, spec)
        store_all(path, spec, pixels(shape))
        np.testing.assert_array_equal(zarr.open_array(path / spec.key(0), mode="r")[:], pixels(shape))
        path.rename(tmp_path / f"old-{shape[0]}")
