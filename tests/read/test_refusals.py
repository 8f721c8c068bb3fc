"""What cannot be opened is refused before a pixel is read, with a message that says what there is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr

import tilemask as tm
from tests.read.boxes import noise, read
from tilemask import open_image
from tilemask.errors import InputError
from tilemask.read.addresses import without_secrets, without_secrets_in


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "slide.zarr").mkdir()
    with pytest.raises(
        InputError, match=rf"{tmp_path}/slid\.zarr does not exist\. {tmp_path} exists and holds slide\.zarr"
    ):
        open_image(tmp_path / "slid.zarr")
    with pytest.raises(InputError, match=r"is a directory without Zarr metadata .* it holds nothing"):
        open_image(tmp_path / "slide.zarr")


def test_other_files_are_refused_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_text("see you tomorrow")
    with pytest.raises(
        InputError, match=r"notes\.tif is not an image that can be opened: it begins with b'see '.*TIFF"
    ):
        open_image(tmp_path / "notes.tif")
    (tmp_path / "empty.tif").touch()
    with pytest.raises(InputError, match="it is empty"):
        open_image(tmp_path / "empty.tif")


def test_other_objects_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"builtins\.list cannot be opened as an image\. What can: .*dask\.array\.Array"
    ):
        open_image([[1, 2], [3, 4]])
    with pytest.raises(InputError, match="has dtype float16"):
        open_image(np.zeros((3, 3), "f2"))
    with pytest.raises(InputError, match="has 1 axes"):
        open_image(np.zeros(3))
    image = open_image(np.zeros((3, 3)))
    assert open_image(image) is image
    with pytest.raises(InputError, match="is open already"):
        open_image(image, level=1)


@pytest.mark.parametrize("size", [0, -1, (1, 2, 3), float("nan")])
def test_pixel_sizes_are_positive_numbers(size: object) -> None:
    with pytest.raises(InputError, match="pixel_size takes a positive number, or one per spatial axis"):
        open_image(np.zeros((3, 3)), pixel_size=size)


def test_dtype_converts_lazily() -> None:
    image = open_image(np.arange(9, dtype="u2").reshape(3, 3), dtype="float32")
    assert isinstance(image, tm.Image)
    assert image.dtype == np.float32


@pytest.mark.parametrize("options", [{"level": 1}, {"label": "nuclei"}])
def test_an_array_has_no_levels_and_labels(tmp_path: Path, options: dict[str, object]) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((20, 30)))
    with pytest.raises(InputError, match=r"was asked for, but .*a\.zarr is a single array"):
        open_image(tmp_path / "a.zarr", **options)


def test_arrays_without_names_of_axes(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((2, 3, 4, 5)))
    with pytest.raises(InputError, match=r"has 4 axes \(shape \(2, 3, 4, 5\)\) without names.*axes='cyx'"):
        open_image(tmp_path / "a.zarr")
    zarr.create_array(tmp_path / "b.zarr", data=noise((2, 3, 4)), dimension_names=("wavelength", "y", "x"))
    with pytest.raises(InputError, match="calls its axes wavelength, y, x, which are not all known"):
        open_image(tmp_path / "b.zarr")
    assert open_image(tmp_path / "b.zarr", axes="cyx").axes == "yxc"


def test_a_group_of_something_else(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("temperature", data=noise((4, 5)))
    with pytest.raises(InputError, match="without OME-Zarr metadata of an image or labels; it holds 'temperature'"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("dtype", ["c8", "S3", "f2", [("a", "u1"), ("b", "u2")]])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_pixels_are_numbers(tmp_path: Path, dtype: object) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(4, 5), chunks=(4, 5), dtype=dtype, zarr_format=2)
    with pytest.raises(InputError, match=r"has dtype .* tilemask works on"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_strings_are_refused(tmp_path: Path) -> None:
    for zarr_format in (2, 3):
        zarr.create_array(
            tmp_path / f"{zarr_format}.zarr", shape=(4, 5), chunks=(4, 5), dtype="string", zarr_format=zarr_format
        )
        with pytest.raises(InputError, match=r"has dtype .* tilemask works on"):
            open_image(tmp_path / f"{zarr_format}.zarr")


class Canary:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("where", ["filters", "compressor"])
@pytest.mark.parametrize("dtype", ["<u2", "|O"])
def test_code_in_a_chunk_never_runs(tmp_path: Path, where: str, dtype: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(4, 5), chunks=(4, 5), dtype="u2", zarr_format=2, compressors=None)
    document = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    codec = {"id": "pickle", "protocol": 5}
    document |= {where: [codec] if where == "filters" else codec, "dtype": dtype}
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(document))
    (tmp_path / "a.zarr" / "0.0").write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(InputError, match="pickle" if dtype == "<u2" else "has dtype"):
        open_image(tmp_path / "a.zarr")
    assert not (tmp_path / "canary").exists()


def test_unknown_codecs_are_refused_in_shards_too(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), chunks=(4, 4), shards=(8, 8), dtype="u2")
    text = (tmp_path / "a.zarr" / "zarr.json").read_text()
    (tmp_path / "a.zarr" / "zarr.json").write_text(text.replace('"zstd"', '"numcodecs.pickle"'))
    with pytest.raises(InputError, match=r"stored with the codec 'numcodecs\.pickle'"):
        open_image(tmp_path / "a.zarr")


def test_damaged_metadata(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((20, 30)))
    text = (tmp_path / "a.zarr" / "zarr.json").read_text()
    (tmp_path / "a.zarr" / "zarr.json").write_text(text[:90])
    with pytest.raises(InputError, match=r"a\.zarr: zarr\.json is not valid JSON"):
        open_image(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "zarr.json").write_text(text.replace('"regular"', '"rectilinear"'))
    with pytest.raises(InputError, match="metadata that zarr-python cannot open"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("keep", [0, 5, -9])
def test_a_damaged_chunk_is_named(tmp_path: Path, sharded: bool, keep: int) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=noise((40, 50)), chunks=(20, 20), shards=(20, 20) if sharded else None)
    chunk = path / "c" / "1" / "2"
    chunk.write_bytes(chunk.read_bytes()[:keep])
    with pytest.raises(
        InputError, match=r"a\.zarr: chunk 1/2 \(pixels \[20:40, 40:50\] of the array\) cannot be read"
    ) as caught:
        read(open_image(path))
    assert caught.value.__cause__ is not None


def test_a_chunk_of_the_wrong_size_is_an_error(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=noise((40, 40)), chunks=(20, 20))
    (tmp_path / "a.zarr" / "c" / "0" / "0").write_bytes(numcodecs.Zstd().encode(bytes(300)))
    with pytest.raises(InputError, match=r"decoded to 300 bytes, a chunk of \(20, 20\) uint16 has 800"):
        read(open_image(tmp_path / "a.zarr"))


def test_an_array_that_disappears_is_not_background(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=noise((40, 40)), chunks=(20, 20))
    image = open_image(path)
    read(image)
    path.rename(tmp_path / "b.zarr")
    for _ in range(2):
        with pytest.raises(InputError, match=r"chunk 0/0 .* cannot be read"):
            read(image)


def test_addresses_are_shown_without_secrets() -> None:
    assert without_secrets("https://me:secret@host/a.zarr?token=1#x") == "https://host/a.zarr"
    assert without_secrets("simplecache::s3://bucket/a.zarr") == "simplecache::s3://bucket/a.zarr"
    assert without_secrets("/data/a.zarr") == "/data/a.zarr"
    with pytest.raises(
        InputError, match=r"^memory://nowhere has no Zarr metadata.*copy files of other formats here first"
    ):
        open_image("memory://nowhere?token=secret")
    with pytest.raises(InputError, match=r"^nosuch://host/a\.zarr cannot be reached") as caught:
        open_image("nosuch://me:secret@host/a.zarr")
    assert "secret" not in str(caught.value)
    told = without_secrets_in("403, url='https://me:secret@host/a?token=secret' (mailto:me@host)")
    assert told == "403, url='https://host/a' (mailto:me@host)"


def test_a_dtype_that_is_none() -> None:
    for dtype, message in (("flot", "'flot' is not a dtype"), ("complex64", "has dtype complex64")):
        with pytest.raises(InputError, match=f"dtype=.*{message}"):
            open_image(noise((8, 8)), dtype=dtype)


def test_symbols_of_units_are_spelled_out() -> None:
    for unit in ("um", "µm", "micrometer"):
        assert open_image(noise((8, 8)), pixel_size=2, unit=unit).unit == "micrometer"
