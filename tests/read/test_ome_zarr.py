"""OME-Zarr as three independent writers write it, and the groups that tilemask writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_image, write_labels, write_multiscale
from yaozarrs import v05
from yaozarrs.write.v05 import write_image as yaozarrs_write_image

from tests.read.boxes import assert_same_boxes, noise
from tilemask import open_image
from tilemask.errors import IncompleteError, InputError

FORMATS = [FormatV04(), FormatV05()]
UNITS = {"y": "micrometer", "x": "micrometer"}


def written(path: Path, array: np.ndarray, axes: str, fmt: Any = None, **more: Any) -> zarr.Group:
    fmt = fmt or FormatV05()
    group = zarr.open_group(path, mode="w", zarr_format=fmt.zarr_format)
    pyramid = [array, array[..., ::2, ::2]]
    write_multiscale(pyramid, group, fmt=fmt, axes=list(axes), scale={"y": 0.5, "x": 0.25}, axes_units=UNITS, **more)
    return group


@pytest.mark.parametrize("fmt", FORMATS, ids=["0.4", "0.5"])
def test_axes_channels_times_planes_and_levels(tmp_path: Path, fmt: Any) -> None:
    array = noise((2, 3, 4, 40, 50))
    written(tmp_path / "a.zarr", array, "tczyx", fmt)
    volume = open_image(tmp_path / "a.zarr", t=1)
    assert volume.axes == "zyxc"
    assert_same_boxes(volume, array[1].transpose(1, 2, 3, 0), 3)
    plane = open_image(tmp_path / "a.zarr", t=0, channel=2, z=3)
    assert (plane.axes, plane.pixel_size, plane.unit) == ("yx", (0.5, 0.25), "micrometer")
    assert_same_boxes(plane, array[0, 2, 3], 3)
    half = open_image(tmp_path / "a.zarr", level=1, t=0, channel=0, z=0)
    assert half.pixel_size == (1.0, 0.5)
    assert_same_boxes(half, array[0, 0, 0, ::2, ::2], 3)


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    array = noise((1, 1, 1, 40, 50))
    written(tmp_path / "a.zarr", array, "tczyx")
    image = open_image(tmp_path / "a.zarr")
    assert image.axes == "yx"
    assert_same_boxes(image, array[0, 0, 0], 3)
    assert open_image(tmp_path / "a.zarr", t=0, channel=0, z=0).shape == (40, 50)


@pytest.mark.parametrize("fmt", FORMATS, ids=["0.4", "0.5"])
def test_labels_beside_an_image(tmp_path: Path, fmt: Any) -> None:
    array, labels = noise((40, 50)), noise((40, 50), "i4", seed=1)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=fmt.zarr_format)
    write_image(array, group, fmt=fmt, axes="yx", scale_factors=[2])
    for name in ("nuclei", "cells"):
        write_labels(labels, group, name=name, fmt=fmt, axes="yx", scale_factors=[2], scaler=None)
    assert_same_boxes(open_image(tmp_path / "a.zarr"), array, 3)
    assert_same_boxes(open_image(tmp_path / "a.zarr", label="nuclei"), labels, 3)
    assert_same_boxes(open_image(zarr.open_group(tmp_path / "a.zarr"), label="cells"), labels, 3)
    assert_same_boxes(open_image(tmp_path / "a.zarr" / "labels" / "nuclei"), labels, 3)
    with pytest.raises(InputError, match=r"label='tissue' was asked for, but its labels are .*'nuclei', 'cells'"):
        open_image(tmp_path / "a.zarr", label="tissue")


def only_labels(path: Path, names: list[str]) -> np.ndarray:
    labels = noise((40, 50), "i4")
    root = zarr.open_group(path, mode="w")
    for name in names:
        write_labels(labels, root, name=name, axes="yx", scale_factors=[2], scaler=None)
    return labels


def test_the_only_labels_of_a_store_open_without_a_name(tmp_path: Path) -> None:
    assert_same_boxes(_opened(tmp_path, ["nuclei"]), noise((40, 50), "i4"), 3)


def _opened(tmp_path: Path, names: list[str]) -> Any:
    only_labels(tmp_path / "a.zarr", names)
    return open_image(tmp_path / "a.zarr")


def test_several_labels_and_no_image_is_an_error_that_lists_them(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no image, but several labels: 'cells', 'nuclei'. Choose one, as in label='cells'"
    ):
        _opened(tmp_path, ["cells", "nuclei"])


def test_channels_by_name(tmp_path: Path) -> None:
    array = noise((3, 40, 50))
    omero = {"channels": [{"label": n, "color": "FFFFFF", "window": {}} for n in ("DAPI", "FITC", "FITC")]}
    group = written(tmp_path / "a.zarr", array, "cyx")
    group.attrs["ome"] = {**group.attrs["ome"], "omero": omero}
    assert_same_boxes(open_image(tmp_path / "a.zarr", channel="DAPI"), array[0], 3)
    with pytest.raises(InputError, match=r"channel='Cy5' .* called 'DAPI', 'FITC', 'FITC' .* channel=0 to channel=2"):
        open_image(tmp_path / "a.zarr", channel="Cy5")
    with pytest.raises(InputError, match="name that occurs once"):
        open_image(tmp_path / "a.zarr", channel="FITC")


@pytest.mark.parametrize("shards", [None, (1, 32, 32)])
def test_yaozarrs(tmp_path: Path, shards: Any) -> None:
    array = noise((2, 40, 50))
    scale = [v05.ScaleTransformation(scale=[1.0, 0.5, 0.5])]
    image = v05.Image(
        multiscales=[
            v05.Multiscale(
                axes=[
                    v05.ChannelAxis(name="c"),
                    v05.SpaceAxis(name="y", unit="nanometer"),
                    v05.SpaceAxis(name="x", unit="nanometer"),
                ],
                datasets=[v05.Dataset(path="0", coordinateTransformations=scale)],
                coordinateTransformations=[v05.ScaleTransformation(scale=[1.0, 3.0, 2.0])],
            )
        ]
    )
    yaozarrs_write_image(tmp_path / "a.zarr", image, array, chunks=(1, 16, 16), shards=shards, writer="zarr")
    found = open_image(tmp_path / "a.zarr")
    assert (found.axes, found.pixel_size, found.unit) == ("yxc", (1.5, 1.0), "nanometer")
    assert found.step.chunks == (16, 16)
    assert_same_boxes(found, array.transpose(1, 2, 0))


def by_hand(path: Path, attributes: dict[str, Any], array: np.ndarray, zarr_format: Any = 3) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", data=array, chunks=tuple(min(n, 16) for n in array.shape))
    group.attrs.update(attributes)


def multiscales(axes: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if axes is None else {"axes": [{"name": a} for a in axes]}
    return {"multiscales": [{**named, "datasets": [{"path": "0"}], **more}]}


def test_axes_in_any_order_and_old_versions(tmp_path: Path) -> None:
    array = noise((20, 3, 30))
    by_hand(tmp_path / "a.zarr", {"ome": multiscales("xcy")}, array)
    assert_same_boxes(open_image(tmp_path / "a.zarr"), array.transpose(2, 0, 1), 3)
    old = noise((1, 2, 1, 20, 30))
    by_hand(tmp_path / "b.zarr", multiscales(), old, zarr_format=2)
    assert_same_boxes(open_image(tmp_path / "b.zarr"), old[0, :, 0].transpose(1, 2, 0), 3)


def test_units_that_differ_give_no_pixel_size(tmp_path: Path) -> None:
    axes = [{"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "nanometer"}]
    scale = [{"type": "scale", "scale": [1, 1000]}]
    by_hand(
        tmp_path / "a.zarr",
        {"ome": {"multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]}},
        noise((20, 30)),
    )
    image = open_image(tmp_path / "a.zarr")
    assert (image.pixel_size, image.unit) == (None, None)
    image = open_image(tmp_path / "a.zarr", pixel_size=2, unit="meter")
    assert (image.pixel_size, image.unit) == ((2.0, 2.0), "meter")


def test_a_mask_comes_back_as_bool(tmp_path: Path) -> None:
    array = noise((20, 30), "?")
    record = {"state": "complete", "plan": "1234", "dtype": "bool"}
    by_hand(tmp_path / "a.zarr", {"ome": multiscales("yx"), "tilemask": record}, array.astype("u1"))
    image = open_image(tmp_path / "a.zarr")
    assert image.dtype == bool
    assert_same_boxes(image, array)
    assert_same_boxes(open_image(tmp_path / "a.zarr" / "0"), array, 3)


def test_an_unfinished_output_is_refused(tmp_path: Path) -> None:
    record = {"state": "incomplete", "plan": "1234", "dtype": "bool"}
    by_hand(tmp_path / "a.zarr", {"tilemask": record}, noise((20, 30)))
    with pytest.raises(IncompleteError, match=r"a\.zarr is not complete: .* Run the same command again to resume it"):
        open_image(tmp_path / "a.zarr")
    for level in (tmp_path / "a.zarr" / "0", zarr.open_group(tmp_path / "a.zarr")["0"]):
        with pytest.raises(IncompleteError, match=r"a\.zarr is not complete"):
            open_image(level)
    zarr.open_group(tmp_path / "b.zarr", mode="w")
    by_hand(tmp_path / "b.zarr" / "labels" / "nuclei", {"tilemask": record}, noise((20, 30)))
    zarr.open_group(tmp_path / "b.zarr" / "labels", mode="a")
    for options in ({}, {"label": "nuclei"}):
        with pytest.raises(IncompleteError, match="labels/nuclei is not complete"):
            open_image(tmp_path / "b.zarr", **options)


def test_a_converted_microscope_file_with_one_series_opens(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    array = noise((20, 30))
    by_hand(tmp_path / "a.zarr" / "0", {"ome": multiscales("yx")}, array)
    assert_same_boxes(open_image(tmp_path / "a.zarr"), array, 3)
    by_hand(tmp_path / "a.zarr" / "1", {"ome": multiscales("yx")}, array)
    with pytest.raises(InputError, match=r"it holds '0', '1'. Open an image or an array in it by its path"):
        open_image(tmp_path / "a.zarr")


def test_options_that_do_not_fit_say_what_there_is(tmp_path: Path) -> None:
    written(tmp_path / "a.zarr", noise((2, 3, 40, 50)), "tcyx")
    for options, message in (
        ({"level": 2, "t": 0}, r"level=2 was asked for, but .* has levels 0 to 1"),
        ({}, r"has 2 time points \(axes tcyx, shape \(2, 3, 40, 50\)\).*t=0 to t=1"),
        ({"t": 2}, r"t=2 was asked for, but .* has t 0 to 1"),
        ({"t": 0, "channel": 3}, r"channel=3 was asked for, but .* has channel 0 to 2"),
        ({"t": 0, "channel": "DAPI"}, r"its channels have no names"),
        ({"t": 0, "z": 4}, r"z=4 was asked for, but .* has no axis z \(axes tcyx\)"),
        ({"t": 0, "label": "nuclei"}, r"label='nuclei' was asked for, but it has no labels"),
        ({"t": 0, "axes": "cyx"}, r"axes='cyx' cannot name the 4 axes"),
        ({"t": 0, "channel_axis": 1}, r"channel_axis=1 was given, but .* names its axes itself: tcyx"),
    ):
        with pytest.raises(InputError, match=message):
            open_image(tmp_path / "a.zarr", **options)


def test_metadata_that_leaves_the_store_or_lies_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "secret.zarr", data=noise((20, 30)))
    for path, message in (
        ("../secret.zarr", "leaves the store"),
        ("7", "should be the array '7', which does not exist"),
    ):
        attributes = {"ome": {"multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": path}]}]}}
        by_hand(tmp_path / "a.zarr", attributes, noise((20, 30)))
        with pytest.raises(InputError, match=message):
            open_image(tmp_path / "a.zarr")
    by_hand(tmp_path / "a.zarr", {"ome": multiscales("qyx")}, noise((20, 30)))
    with pytest.raises(InputError, match="has 2 axes, its metadata names q, y, x"):
        open_image(tmp_path / "a.zarr")
