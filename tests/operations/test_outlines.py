"""Outlines: typed-out pictures, what shapely says of them, and the way back to pixels."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from skimage import measure

import tilemask as tm
from tests.exactness.outlines import columns, then
from tests.exactness.strategies import PICTURES, as_dtype, picture
from tilemask.errors import InputError, TileError
from tilemask.image import from_array
from tilemask.operations import isolines, outlines
from tilemask.stitch import isolines as isolines_traced
from tilemask.stitch import levels, tracing
from tilemask.testing import first_difference


def drawn(text: str) -> NDArray[np.uint8]:
    return np.array([[int(c) for c in line] for line in text.split()], np.uint8)


def rings(array: NDArray[Any], **options: Any) -> dict[int, list[list[list[list[int]]]]]:
    """Per label its polygons as lists of [row, column]."""
    return {o.label: [[r.tolist() for r in p] for p in o.polygons] for o in tm.polygons(array, **options)}


def test_a_pixel():
    assert rings(drawn("000 050 000")) == {5: [[[[1, 1], [1, 2], [2, 2], [2, 1]]]]}


def test_a_hole():
    outer, hole = [[0, 0], [0, 3], [3, 3], [3, 0]], [[1, 1], [2, 1], [2, 2], [1, 2]]
    assert rings(drawn("111 101 111")) == {1: [[outer, hole]]}


def test_pixels_that_meet_at_a_corner_are_two_polygons():
    found = rings(drawn("10 01"))
    assert found == {1: [[[[0, 0], [0, 1], [1, 1], [1, 0]]], [[[1, 1], [1, 2], [2, 2], [2, 1]]]]}


def test_a_hole_at_a_corner_of_its_exterior_stays_a_hole():
    """Walked around its pixels, this would be one ring that passes 1, 2 twice."""
    found = rings(drawn("110 101 111"))
    assert [len(p) for p in found[1]] == [2]
    assert found[1][0][1] == [[1, 1], [2, 1], [2, 2], [1, 2]]


def test_an_island_in_a_hole_of_the_same_label():
    found = rings(drawn("11111 10001 10101 10001 11111"))
    assert [len(p) for p in found[1]] == [2, 1]


def test_a_mask_is_numbered_as_labels_are():
    mask = drawn("100 010 001").astype(bool)
    assert list(rings(mask)) == [1]
    assert list(rings(mask, connectivity=1)) == [1, 2, 3]


def test_negative_labels_have_outlines():
    assert list(rings(np.array([[-3, 0, 7]], np.int16))) == [-3, 7]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("dtype", ["bool", "uint8"])
def test_polygons_are_what_shapely_takes_for_valid(name: str, dtype: str):
    array = as_dtype(picture(name, (24, 31), 7), dtype)
    array = array if dtype == "bool" else (array // 64)
    found = tm.polygons(array)
    labels = tm.label(array) if dtype == "bool" else array
    shapes = found.to_shapely()
    assert shapely.is_valid(shapes).all()
    values, pixels = np.unique(labels[labels != 0], return_counts=True)
    assert found.labels.tolist() == values.tolist()
    assert shapely.area(shapes).tolist() == pixels.tolist()
    for shape in shapely.get_parts(shapes):
        assert shapely.is_ccw(shape.exterior)
        assert not any(map(shapely.is_ccw, shape.interiors))
    assert first_difference(labels.astype(np.int32), tm.rasterize(found, labels)) is None


def test_a_bounded_range_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch):
    array = as_dtype(picture("noise", (40, 41), 3), "uint8") // 16
    whole, lines = tm.polygons(array), tm.find_contours(array, 7.5)
    monkeypatch.setattr(tracing, "POINTS", 50)
    monkeypatch.setattr(levels, "POINTS", 50)
    image = from_array(array)
    assert tm.polygons(image).compute(tile=9) == whole
    assert tm.find_contours(image, 7.5).compute(tile=9) == lines
    mask = array > 9
    assert tm.contours(from_array(mask)).compute(tile=9) == tm.contours(mask)
    assert np.array_equal(columns(tm.contours(mask)), columns(tm.contours(mask.copy())))


@pytest.mark.parametrize("name", PICTURES)
def test_a_tile_traced_in_strips_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch):
    image = as_dtype(picture(name, (37, 29), 2), "uint8")
    calls = (lambda i: tm.polygons(i // 60), lambda i: tm.contours(i > 100), lambda i: tm.find_contours(i, 99.5))
    expected = [call(from_array(image)).compute() for call in calls]
    monkeypatch.setattr(tracing, "CRACKS", 60)
    monkeypatch.setattr(isolines_traced, "SQUARES", 12)
    assert [call(from_array(image)).compute(tile=(25, 16)) for call in calls] == expected
    monkeypatch.setattr(tracing, "CRACKS", 1)
    monkeypatch.setattr(isolines_traced, "SQUARES", 1)
    assert [call(from_array(image)).compute() for call in calls] == expected


@pytest.mark.parametrize("numbers", [(-5, 2**40), (-(2**63), 2**63 - 1), (-200, 200), (3, 2**63 - 1)])
def test_labels_of_any_size_keep_their_numbers(numbers: tuple[int, int]):
    array = np.array([[numbers[0], 0], [0, numbers[1]]])
    assert tm.polygons(from_array(array)).compute(tile=1).labels.tolist() == list(numbers)
    assert tm.polygons(array).labels.tolist() == list(numbers)


def test_outlines_are_a_sequence():
    found = tm.polygons(drawn("1102 1002 0333 0303"))
    assert len(found) == 3
    assert [o.label for o in found] == [1, 2, 3] == [found[i].label for i in range(3)]
    assert found[-1].label == 3
    assert [o.label for o in found[1:]] == [2, 3]
    for one, other in zip(found, found[:], strict=True):
        assert [[r.tolist() for r in p] for p in one.polygons] == [[r.tolist() for r in p] for p in other.polygons]
    assert found.bounds.tolist() == [[0, 0, 2, 2], [0, 3, 2, 4], [2, 1, 4, 4]]
    assert found == tm.polygons(drawn("1102 1002 0333 0303"))
    assert found != tm.polygons(drawn("1102 1002 0333 0300"))
    assert repr(found) == "<Outlines of 3 labels, 3 rings, 18 corners>"


def test_no_label_no_outline():
    found = tm.polygons(np.zeros((4, 5), np.int32))
    assert len(found) == 0
    assert found.bounds.shape == (0, 4)
    assert list(found) == []
    assert found.to_shapely().shape == (0,)
    assert list(tm.contours(np.zeros((4, 5), bool))) == []
    assert list(tm.find_contours(np.zeros((4, 5)), 0.5)) == []


def test_physical_units():
    image = from_array(drawn("011 000"), pixel_size=(0.5, 0.25), unit="micrometer")
    found = tm.polygons(image, units="physical").compute()
    assert found.scale == (0.5, 0.25)
    assert found.to_shapely()[0].bounds == (0.25, 0.0, 0.75, 0.5)
    shapes = list(found.to_shapely())
    assert tm.rasterize(shapes, image, units="physical").compute().tolist() == [[0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("name", PICTURES)
def test_contours_are_those_of_opencv_in_their_direction(name: str):
    mask = as_dtype(picture(name, (37, 29), 5), "bool")
    ours = {tuple(map(tuple, c.tolist())) for c in tm.contours(mask)}
    theirs, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    assert len(ours) == len(theirs)
    for contour in theirs:
        points = [tuple(p) for p in contour[:, 0, ::-1].tolist()]
        assert any(tuple(points[i:] + points[:i]) in ours for i in range(len(points)))


def test_lines_end_where_a_value_is_missing():
    image = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, np.nan, 0], [0, 0, 0, 0]])
    (line,) = tm.find_contours(image, 0.5)
    (reference,) = measure.find_contours(image, 0.5)
    assert line.tolist() == reference.tolist()
    assert line[0].tolist() != line[-1].tolist()


def test_lines_that_share_a_point_go_on_through_their_own_pixels():
    """scikit-image makes one figure of eight of these, or two lines, by the order in which it meets segments."""
    image = np.array([[0, 0, 0, 0, 0], [0, 9, 3, 9, 0], [0, 0, 0, 0, 0]], np.uint8)
    left, right = tm.find_contours(image, 3)
    assert left[:, 1].max() == 2
    assert right[:, 1].min() == 2


def test_a_level_may_be_a_value():
    image = from_array(as_dtype(picture("noise", (24, 31), 1), "uint8"))
    level = tm.otsu(image) + 0.5
    found = tm.find_contours(image, level).compute(tile=7)
    assert found == tm.find_contours(image, float(level.compute())).compute(tile=20)
    assert len(found) > 3


def test_outlines_and_lines_end_at_the_region_of_interest():
    grey = as_dtype(picture("noise", (24, 31), 2), "uint8")
    roi = np.zeros(grey.shape, bool)
    roi[5:19, 8:] = True
    mask, labels = grey > 90, grey // 64
    for operation, array in ((tm.polygons, mask), (tm.contours, mask), (tm.polygons, labels)):
        outside = array.dtype.type(0)
        expected = operation(np.where(roi, array, outside))
        assert operation(tm.within(from_array(array), roi)).compute(tile=7) == expected
    lines = tm.find_contours(tm.within(from_array(grey), roi), 99.5).compute(tile=7)
    assert lines == tm.find_contours(grey, 99.5, mask=roi)
    like = tm.within(from_array(grey), roi)
    found = tm.rasterize(tm.polygons(labels), like).compute(tile=7)
    np.testing.assert_array_equal(found, np.where(roi, labels, 0))


BITS = drawn("1101 0101 1011 0110")
LOOKS = {
    "polygons": (tm.polygons, drawn("1102 1122 0332 0331"), (0, 1)),
    "contours": (tm.contours, BITS.astype(bool), (0, 1)),
    "find_contours": (partial(tm.find_contours, level=0.5), BITS, (1,)),
    "mask": (lambda image: tm.find_contours(image, 3.5, mask=image > 0), np.pad(BITS + 3, 1), (1,)),
}


@pytest.mark.parametrize(
    ("name", "side", "axis"), [(name, side, axis) for name in LOOKS for side in LOOKS[name][2] for axis in (0, 1)]
)
def test_one_pixel_less_differs(name: str, side: int, axis: int, monkeypatch: pytest.MonkeyPatch):
    """The control: without the neighbours on one side some outline comes out different, or its ends do not meet."""
    operation, array, _ = LOOKS[name]
    flat = then(operation, columns)
    right, original = flat(array), outlines.map_tiles

    def shorter(*images: Any, reach: Any, **options: Any) -> Any:
        sides = [[reach, reach] if isinstance(reach, int) else list(reach[a]) for a in (0, 1)]
        sides[axis][side] -= 1
        return original(*images, reach=tuple(map(tuple, sides)), **options)

    for module in (outlines, isolines):
        monkeypatch.setattr(module, "map_tiles", shorter)
    with suppress(TileError):  # the ends of lines do not meet
        assert first_difference(right, flat(from_array(array)).compute(tile=1)) is not None


REFUSED = {
    "floats": (lambda: tm.polygons(np.ones((3, 3))), "polygons works on labels"),
    "a volume": (lambda: tm.polygons(np.ones((3, 3, 3), np.uint8)), "works on planes"),
    "channels": (lambda: tm.contours(np.ones((3, 3, 3), bool), channel_axis=-1), "one channel"),
    "no mask": (lambda: tm.contours(np.ones((3, 3), np.uint8)), "a mask"),
    "three neighbours": (lambda: tm.polygons(np.ones((3, 3), bool), connectivity=3), "connectivity"),
    "neighbours of labels": (lambda: tm.polygons(np.ones((3, 3), np.uint8), connectivity=8), "connectivity"),
    "neighbours of contours": (lambda: tm.contours(np.ones((3, 3), bool), connectivity=0), "connectivity"),
    "no pixel size": (lambda: tm.polygons(np.ones((3, 3), np.uint8), units="physical"), "size of a pixel"),
    "no unit": (lambda: tm.polygons(np.ones((3, 3), np.uint8), units="miles"), '"pixel" or "physical"'),
    "no type": (lambda: tm.polygons(np.ones((3, 3), np.uint8), object_type="tissue"), '"annotation" or "detection"'),
    "no class": (lambda: tm.polygons(np.ones((3, 3), np.uint8), classification=1), "classification is a name"),
    "NaN": (lambda: tm.find_contours(np.ones((3, 3)), np.nan), "not NaN"),
    "text": (lambda: tm.find_contours(np.ones((3, 3)), "otsu"), "level is a number"),
    "one row": (lambda: tm.find_contours(np.ones((1, 3)), 0.5), "two rows"),
    "connected": (lambda: tm.find_contours(np.ones((3, 3)), 0.5, fully_connected="both"), "fully_connected is"),
    "an uncomputed value": (
        lambda: tm.rasterize(tm.polygons(from_array(drawn("10"))), np.zeros((3, 3))),
        "not computed yet",
    ),
    "values": (lambda: tm.rasterize([], np.zeros((3, 3)), values="area"), 'values is "label"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str):
    call, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("operation", [tm.polygons, tm.contours])
def test_more_pixels_than_corners_can_tell_apart_are_refused(operation: Any):
    wide = from_array(np.broadcast_to(np.zeros(1, bool), (1, 2**31)))
    with pytest.raises(InputError, match="below 2³¹ along an axis"):
        operation(wide)


def test_labels_that_no_signed_integer_holds():
    with pytest.raises(TileError, match="2⁶³"):
        tm.polygons(np.array([[0, 2**63]], np.uint64))
