"""Tables of objects: what tiles and references cannot show, and what is refused."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from skimage import measure

import tilemask as tm
from tests.exactness.strategies import picture
from tests.operations.measured import COLOUR, GREY, LABELS, RNG, names, same
from tilemask.errors import InputError, TilemaskError
from tilemask.image import Stream, from_array
from tilemask.operations.properties import PROPERTIES
from tilemask.stitch import merging, moments


def test_the_picture_of_a_table() -> None:
    labels = np.array([[0, 7, 7, 0], [0, 7, 0, 2], [2, 0, 0, 2]])
    found = tm.measure(labels, properties=("label", "area", "bbox", "centroid", "euler_number"))
    assert isinstance(found, pandas.DataFrame)
    assert found.to_dict("list") == {
        "label": [2, 7],
        "area": [3.0, 3.0],
        "bbox-0": [1, 0],
        "bbox-1": [0, 1],
        "bbox-2": [3, 2],
        "bbox-3": [4, 3],
        "centroid-0": [5 / 3, 1 / 3],
        "centroid-1": [2.0, 4 / 3],
        "euler_number": [2, 1],
    }


@pytest.mark.parametrize("image", [GREY, COLOUR])
def test_columns_are_named_as_by_the_reference(image: NDArray[Any]) -> None:
    wanted = tuple(n for n in names() if n != "intensity_sum")
    lazy = from_array(image, channel_axis=-1 if image.ndim == 3 else None)
    found = tm.measure(from_array(LABELS), lazy, properties=wanted).compute(tile=(17, 9))
    expected = pandas.DataFrame(measure.regionprops_table(LABELS, image, properties=wanted))
    assert list(found) == list(expected)
    assert list(found.dtypes) == list(expected.dtypes)
    for name, column in expected.items():
        plain = PROPERTIES[str(name).partition("-")[0]]
        if plain.exactness == "exact":
            assert np.array_equal(found[name], column, equal_nan=True), name
        elif str(name).partition("-")[0] not in ("orientation", "eccentricity"):  # noise where an object is symmetric
            scale = np.nanmax(np.abs(column), initial=1.0)
            np.testing.assert_allclose(found[name], column, rtol=1e-9, atol=1e-7 * scale, err_msg=str(name))


def test_orientation_and_eccentricity_of_long_objects() -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[2:5, 3:20], labels[8:28, 4:6] = 1, 2
    labels[np.arange(7, 27), np.arange(8, 28)] = 3
    wanted = ("orientation", "eccentricity", "axis_major_length", "axis_minor_length")
    found = tm.measure(from_array(labels), properties=wanted).compute(tile=7)
    for name, column in measure.regionprops_table(labels, properties=wanted).items():
        np.testing.assert_allclose(found[name], column, rtol=1e-12, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(("ndim", "spacing"), [(2, (0.25, 0.25)), (2, (0.7, 1.9)), (3, (2.5, 0.5, 0.6))])
def test_physical_units(ndim: int, spacing: tuple[float, ...]) -> None:
    shape = (40, 52) if ndim == 2 else (9, 12, 10)
    labels = measure.label(picture("blobs", shape, 1) > 0.5)
    wanted = tuple(
        n
        for n in names(ndim)
        if not n.startswith(("intensity", "moments_weighted", "centroid_weighted", "orientation", "eccentricity"))
        and not n.endswith("_hu")
        and not (PROPERTIES[n].isotropic and len(set(spacing)) > 1)
    )
    image = from_array(labels, pixel_size=spacing)
    found = tm.measure(image, properties=wanted, spacing="pixel_size").compute(tile=5)
    assert same(found, tm.measure(labels, properties=wanted, spacing=spacing))
    for name, column in measure.regionprops_table(labels, properties=wanted, spacing=spacing).items():
        atol = 1e-7 * np.nanmax(np.abs(column), initial=1.0)
        np.testing.assert_allclose(found[name], column, rtol=1e-9, atol=atol, err_msg=name)


def test_no_objects_give_an_empty_table_with_all_columns() -> None:
    empty = np.zeros((9, 7), np.int32)
    found = tm.measure(from_array(empty), from_array(COLOUR[:9, :7], channel_axis=-1), properties=names())
    table = found.compute(tile=4)
    full = tm.measure(LABELS, COLOUR, properties=names(), channel_axis=-1)
    assert len(table) == 0
    assert list(table) == list(full)
    assert list(table.dtypes) == list(full.dtypes)


def test_ranges_of_labels_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = RNG.integers(0, 300, (60, 60))
    labels[RNG.random((60, 60)) < 0.1] = 2**40 + 3
    grey = RNG.random((60, 60)).astype(np.float32)
    wanted = names()
    whole = tm.measure(labels, grey, properties=wanted)
    for rows in (1, 7, 100):
        monkeypatch.setattr(merging, "ROWS_AT_ONCE", rows)
        value = tm.measure(from_array(labels), from_array(grey), properties=wanted)
        assert same(whole, value.compute(tile=(13, 40)))


def test_sums_that_leave_64_bits() -> None:
    """Objects so far apart that the moments about their common corner need Python's integers."""
    labels = np.zeros((3, 70_000), np.uint8)
    labels[:, :40], labels[1:, -9:] = 1, 1
    found = tm.measure(from_array(labels), properties=("moments", "moments_central")).compute(tile=(2, 9_000))
    ys, xs = (c.tolist() for c in np.nonzero(labels))
    cy, cx = Fraction(sum(ys), len(ys)), Fraction(sum(xs), len(xs))
    for p in range(4):
        for q in range(4):
            assert found[f"moments-{p}-{q}"][0] == float(sum(y**p * x**q for y, x in zip(ys, xs, strict=True)))
            exact = sum((y - cy) ** p * (x - cx) ** q for y, x in zip(ys, xs, strict=True))
            assert found[f"moments_central-{p}-{q}"][0] == float(exact)
    assert same(found, tm.measure(labels, properties=("moments", "moments_central")))


def test_cells_and_strips_of_a_tile_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = names()
    whole = tm.measure(LABELS, GREY, properties=wanted)
    monkeypatch.setattr("tilemask.stitch.measures.cell_side", lambda *_: 4)
    assert same(whole, tm.measure(LABELS, GREY, properties=wanted))
    monkeypatch.setattr("tilemask.stitch.measures.STRIP_PIXELS", 150)
    assert same(whole, tm.measure(LABELS, GREY, properties=wanted))
    assert moments.cell_side(moments.orders_each_up_to(3, 2), 2, 16) == 32


def test_select_takes_every_property() -> None:
    plane, grey = LABELS[:20, :24], GREY[:20, :24]
    for labels, image in ((plane, grey), (plane.reshape(4, 10, 12), grey.reshape(4, 10, 12))):
        for name in names(labels.ndim):
            table = tm.measure(labels, image, properties=tuple({"label": 0, name: 0}))
            column = list(table)[-1]
            level = float(np.median(table[column].dropna()))
            kept = tm.select(labels, image, where=f"{column.replace('-', '_')} > {level!r}")
            assert np.array_equal(np.unique(kept[kept > 0]), table["label"][table[column] > level]), column


def test_labels_and_table_share_a_pass() -> None:
    grey = from_array(GREY)
    labels = tm.label(grey > 30_000)
    passes = tm.plan({"cells": labels, "table": tm.measure(labels, grey)}, tile=16, pyramid=False).passes
    assert [len(p.surveys) for p in passes] == [1, 1]
    assert passes[1].writes


def test_a_table_is_a_stream() -> None:
    value = tm.measure(from_array(LABELS))
    assert isinstance(value.step.pieces, Stream)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tm.measure(LABELS, properties=("aera",)), r"no property 'aera'. Known are area,"),
        (lambda: tm.measure(LABELS, properties=("coords",)), r"no property 'coords'. Known are .*intensity_median"),
        (lambda: tm.measure(LABELS, properties="area"), "list of names"),
        (lambda: tm.measure(LABELS, properties=()), "list of names"),
        (lambda: tm.measure(LABELS, properties=5), "list of names"),
        (lambda: tm.measure(LABELS, properties=np.zeros(3)), "list of names"),
        (lambda: tm.measure(LABELS > 0), "label\\(mask\\)"),
        (lambda: tm.measure(LABELS.astype(float)), "integers"),
        (lambda: tm.measure(COLOUR, channel_axis=-1), "one channel"),
        (lambda: tm.measure(LABELS, GREY[1:]), "one spatial shape"),
        (lambda: tm.measure(LABELS, properties=("intensity_mean",)), "no image was given"),
        (lambda: tm.measure(LABELS, properties=("intensity_median",)), "no image was given"),
        (lambda: tm.measure(LABELS[None], properties=("perimeter",)), "defined for planes"),
        (lambda: tm.measure(LABELS, properties=("perimeter",), spacing=(1, 2)), "equal sides"),
        (lambda: tm.measure(LABELS, properties=("moments_hu",), spacing=2), "in pixels"),
        (lambda: tm.measure(LABELS, spacing="pixel_size"), "pixel size"),
        (lambda: tm.measure(LABELS, spacing=(1, 2, 3)), "extent of a pixel"),
        (lambda: tm.measure(LABELS, spacing=-1), "above 0"),
        (lambda: tm.measure(LABELS - 1), "found -1"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_negative_labels_are_one_error_for_every_grid() -> None:
    labels = from_array(LABELS - 5)
    messages = set()
    for tile in (7, 40):
        with pytest.raises(TilemaskError) as caught:
            tm.measure(labels).compute(tile=tile)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_pandas_is_loaded_with_the_table_only() -> None:
    assert "pandas" in sys.modules
    assert not hasattr(sys.modules["tilemask.operations.tables"], "pandas")


def test_the_documentation_lists_every_property_with_its_class() -> None:
    text = (Path(__file__).parents[2] / "docs" / "measure.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
    assert set(listed) == set(PROPERTIES)
    for name, declared in PROPERTIES.items():
        assert declared.exactness in listed[name], name
