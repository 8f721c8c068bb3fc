"""TIFF in the shapes that microscopes, scanners and scripts write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.read.boxes import assert_same_boxes, noise, read
from tilemask import open_image
from tilemask.errors import InputError
from tilemask.read import chunked

PLAIN: dict[str, dict[str, Any]] = {
    "tiled": {"tile": (32, 48), "compression": "zlib"},
    "tiled, zstd, predictor": {"tile": (32, 48), "compression": "zstd", "predictor": True},
    "tiled, raw": {"tile": (32, 48)},
    "strips": {"rowsperstrip": 17, "compression": "lzw"},
    "strips, raw": {"rowsperstrip": 17},
    "one strip": {},
    "big": {"bigtiff": True, "tile": (32, 48)},
    "big-endian": {"byteorder": ">", "tile": (32, 48)},
    "big-endian, one strip": {"byteorder": ">"},
}


@pytest.mark.parametrize("how", PLAIN)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_plain(tmp_path: Path, how: str, dtype: str) -> None:
    array = noise((75, 130), dtype)
    kwargs = {k: v for k, v in PLAIN[how].items() if k != "predictor" or dtype != "f4"}
    tifffile.imwrite(
        tmp_path / "a.tif", array, byteorder=kwargs.pop("byteorder", "="), bigtiff=kwargs.pop("bigtiff", None), **kwargs
    )
    image = open_image(tmp_path / "a.tif")
    assert image.axes == "yx"
    assert_same_boxes(image, array)


def test_a_mask_of_single_bits(tmp_path: Path) -> None:
    array = noise((75, 130), "?")
    tifffile.imwrite(tmp_path / "a.tif", array)
    assert_same_boxes(open_image(tmp_path / "a.tif"), array, 3)


def test_one_huge_strip_is_not_one_chunk(tmp_path: Path) -> None:
    array = noise((1500, 2100), "u1")
    tifffile.imwrite(tmp_path / "a.tif", array)
    image = open_image(tmp_path / "a.tif")
    assert image.step.chunks == (1024, 1024)
    assert_same_boxes(image, array, 3)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_becomes_the_last_axis(tmp_path: Path, planar: str) -> None:
    array = noise((75, 130, 3), "u1")
    stored = array if planar == "contig" else array.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, tile=(32, 32))
    image = open_image(tmp_path / "a.tif")
    assert image.axes == "yxc"
    assert_same_boxes(image, array)
    assert_same_boxes(open_image(tmp_path / "a.tif", channel=1), array[..., 1], 3)


@pytest.mark.parametrize("tile", [(32, 32), None])
def test_pages_are_planes(tmp_path: Path, tile: Any) -> None:
    array = noise((5, 40, 50))
    tifffile.imwrite(tmp_path / "a.tif", array, tile=tile)
    image = open_image(tmp_path / "a.tif")
    assert image.axes == "zyx"
    assert_same_boxes(image, array)
    assert_same_boxes(open_image(tmp_path / "a.tif", axes="cyx", channel=4), array[4], 3)


def test_pyramid(tmp_path: Path) -> None:
    array = noise((96, 128, 3), "u1")
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(
            array, subifds=1, tile=(32, 32), metadata={"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        )
        file.write(array[::2, ::2], subfiletype=1, tile=(32, 32))
    assert_same_boxes(open_image(tmp_path / "a.ome.tif"), array, 3)
    half = open_image(tmp_path / "a.ome.tif", level=1)
    assert (half.pixel_size, half.unit) == ((1.0, 1.0), "micrometer")
    assert_same_boxes(half, array[::2, ::2], 3)
    with pytest.raises(InputError, match=r"level=2 was asked for, but .*a\.ome\.tif has levels 0 to 1"):
        open_image(tmp_path / "a.ome.tif", level=2)


def test_ome_axes_and_names(tmp_path: Path) -> None:
    array = noise((2, 3, 4, 50, 60))
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    units = {f"PhysicalSize{a}Unit": "nm" for a in "XYZ"}
    metadata = {"axes": "TCZYX", "Channel": {"Name": ["DAPI", "FITC", "Cy5"]}, **sizes, **units}
    tifffile.imwrite(tmp_path / "a.ome.tif", array, tile=(32, 32), metadata=metadata)
    image = open_image(tmp_path / "a.ome.tif", t=1)
    assert (image.axes, image.pixel_size, image.unit) == ("zyxc", (2.0, 0.5, 0.25), "nanometer")
    assert_same_boxes(image, array[1].transpose(1, 2, 3, 0), 3)
    assert_same_boxes(open_image(tmp_path / "a.ome.tif", t=0, channel="FITC", z=2), array[0, 1, 2], 3)


@pytest.mark.parametrize(
    ("kwargs", "size"),
    [
        ({"resolution": (20_000, 40_000), "resolutionunit": "CENTIMETER"}, (0.25, 0.5)),
        ({"resolution": (25_400, 25_400), "resolutionunit": "INCH"}, (1.0, 1.0)),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({}, None),
        ({"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}}, (0.5, 0.25)),
        ({"description": "Aperio Image|AppMag = 20|MPP = 0.4990"}, (0.499, 0.499)),
    ],
)
def test_pixel_size_from_tags(tmp_path: Path, kwargs: dict[str, Any], size: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((40, 50)), **kwargs)
    image = open_image(tmp_path / "a.tif")
    assert image.pixel_size == (None if size is None else pytest.approx(size))
    assert image.unit == (None if size is None else "micrometer")


def sparse(path: Path) -> np.ndarray:
    """A file whose second tile has no bytes."""
    array = noise((64, 64)) + np.uint16(1)
    tifffile.imwrite(path, array, tile=(32, 32))
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        for name in ("TileOffsets", "TileByteCounts"):
            values = list(tags[name].value)
            values[1] = 0
            tags[name].overwrite(values)
    array[:32, 32:] = 0
    return array


def test_a_tile_without_bytes_is_missing(tmp_path: Path) -> None:
    expected = sparse(tmp_path / "a.tif")
    assert_same_boxes(open_image(tmp_path / "a.tif"), expected, 3)
    with pytest.raises(InputError, match=r"a\.tif: chunk 0/1 \(pixels \[0:32, 32:64\] of the array\) is missing"):
        read(open_image(tmp_path / "a.tif", strict=True))


@pytest.mark.parametrize("kwargs", [{"tile": (32, 32), "compression": "zlib"}, {"rowsperstrip": 10}, {}])
def test_a_file_that_lost_its_end_is_refused_on_opening(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((80, 96)), **kwargs)
    data = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        needed = page.dataoffsets[-1] + page.databytecounts[-1]
    (tmp_path / "a.tif").write_bytes(data[: needed - 100])
    with pytest.raises(
        InputError, match=rf"a\.tif is truncated: its tiles need {needed} bytes, the file .* has {needed - 100}"
    ):
        open_image(tmp_path / "a.tif")


def test_a_file_without_its_directory_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((80, 96)))
    for length in (4, 8, 60):
        (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:length])
        with pytest.raises(
            InputError, match=rf"b\.tif begins like a TIFF file, but cannot be opened .* It has {length} bytes"
        ):
            open_image(tmp_path / "b.tif")


def test_a_damaged_tile_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((64, 64)), tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset = file.pages[0].dataoffsets[2]
    with open(tmp_path / "a.tif", "r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    with pytest.raises(InputError, match=r"a\.tif: chunk 1/0 \(pixels \[32:64, 0:32\] of the array\) cannot be read"):
        read(open_image(tmp_path / "a.tif"))


def test_labels_and_odd_dtypes_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((20, 30)).astype("c8"))
    with pytest.raises(InputError, match="has dtype complex64; tilemask works on"):
        open_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", noise((20, 30)))
    with pytest.raises(InputError, match=r"label='nuclei' was asked for, but .*b\.tif is a TIFF file"):
        open_image(tmp_path / "b.tif", label="nuclei")


def test_a_file_that_changed_is_refused_in_another_process(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((64, 64)), tile=(32, 32))
    image = open_image(tmp_path / "a.tif")
    with open(tmp_path / "a.tif", "ab") as file:
        file.write(b"more")
    chunked.forget(image.step.place)
    with pytest.raises(InputError, match=r"had \d+ bytes when it was opened, and has \d+ now"):
        read(image)
