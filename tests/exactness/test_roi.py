"""The law for regions of interest: tiles give what the whole array gives, and that is what NumPy and scikit-image give
of pixels that are background outside the region."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import measure

import tilemask as tm
from tests.exactness.case import Case
from tests.exactness.enclosed import ROWS, Row, bright, cut
from tests.exactness.strategies import PICTURES, as_dtype, examples, picture, tiles
from tests.exactness.table import CASES, rows
from tests.exactness.test_law import outcome
from tilemask.boxes import Box, Grid
from tilemask.errors import InputError
from tilemask.testing import first_difference

SHAPES = {2: ((1, 1), (1, 23), (5, 4), (16, 16), (24, 31), (37, 29)), 3: ((2, 3, 2), (5, 8, 9), (9, 7, 12))}
REGIONS = ("noise", "blobs", "blobs", "checkerboard", "serpentine", "pits", "peaks", "full", "empty")


@st.composite
def enclosed(draw: st.DrawFn, dtype: str, ndim: int) -> tuple[NDArray[Any], NDArray[np.bool_], tuple[int, ...]]:
    """An image, a region of it at some level, and a tile."""
    shape = draw(st.sampled_from(SHAPES[ndim]))
    seed = draw(st.integers(0, 2**16))
    array = as_dtype(picture(draw(st.sampled_from(PICTURES)), shape, seed), dtype)
    factor = draw(st.sampled_from((1, 1, 2, 4, 8)))
    coarse = tuple(-(-n // factor) for n in shape)
    roi = picture(draw(st.sampled_from(REGIONS)), coarse, seed + 1) > 0.4
    return array, roi, draw(tiles(shape))


@pytest.mark.parametrize(
    ("row", "dtype", "ndim"),
    [pytest.param(r, d, n, id=f"{r.name}-{d}-{n}d") for r in ROWS for d in r.dtypes for n in r.ndim],
)
def test_background_outside(row: Row, dtype: str, ndim: int) -> None:
    @settings(max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        array, roi, tile = data.draw(enclosed(dtype, ndim))
        image = tm.open_image(array, roi=roi)
        inside = tm.within(np.ones(array.shape, np.bool_), roi)
        right = outcome(lambda: row.expected(array, inside))
        for sides in (tile, array.shape):
            result = outcome(partial(lambda tile: row.call(image).compute(tile=tile), sides))
            if isinstance(right, Exception):
                assert type(result) is type(right), f"{result!r}, {right!r}"
                continue
            assert not isinstance(result, Exception), repr(result)
            where = first_difference(np.asarray(right), np.asarray(result, np.asarray(right).dtype))
            assert where is None, f"shape {array.shape}, region {roi.shape}, tile {sides}: {where}"

    check()


@pytest.mark.parametrize(
    ("shape", "level", "factor"),
    [
        ((37, 29), (37, 29), 1),
        ((37, 29), (19, 15), 2),
        ((37, 29), (18, 14), 2),
        ((64, 33), (8, 5), 8),
        ((90, 45), (6, 3), 15),
    ],
)
def test_a_pixel_of_a_level_stands_for_all_it_covers(
    shape: tuple[int, int], level: tuple[int, int], factor: int
) -> None:
    roi = np.random.default_rng(3).random(level) > 0.5
    places = [np.minimum(np.arange(n) // factor, m - 1) for n, m in zip(shape, level, strict=True)]
    assert np.array_equal(tm.within(np.ones(shape, bool), roi), roi[np.ix_(*places)])


def test_a_finer_mask_is_taken_pixel_by_pixel() -> None:
    roi = np.random.default_rng(3).random((64, 80)) > 0.5
    assert np.array_equal(tm.within(np.ones((16, 20), bool), roi), roi[::4, ::4])


def test_a_plane_is_the_region_of_every_plane_of_a_volume() -> None:
    roi = np.random.default_rng(3).random((4, 6)) > 0.5
    found = tm.within(np.ones((5, 8, 12), bool), roi)
    assert np.array_equal(found, np.broadcast_to(np.kron(roi, np.ones((2, 2))) > 0, (5, 8, 12)))


def test_pixel_sizes_decide_where_shapes_could_be_two_levels() -> None:
    array = np.zeros((9, 9), np.uint8)
    image = tm.from_array(array, pixel_size=0.25)
    five = tm.within(image, tm.from_array(np.array([[1, 0], [0, 0]], bool), pixel_size=1.25))
    eight = tm.within(image, tm.from_array(np.array([[1, 0], [0, 0]], bool), pixel_size=2.0))
    assert [int((i == 0).compute().sum()) for i in (five, eight)] == [25, 64]


@pytest.mark.parametrize(
    ("roi", "said"),
    [
        (np.ones((10, 10), bool), "no level of an image of shape"),
        (np.ones((16, 20), np.float32), "Compare first"),
        (np.ones((16, 20, 3), bool), "no level"),
        ("nowhere.zarr", "does not exist"),
        (7, "cannot be opened as an image"),
    ],
)
def test_what_is_no_region_is_refused(roi: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tm.open_image(np.zeros((16, 20), np.uint8), roi=roi)


def test_two_regions_are_refused() -> None:
    array, roi = np.zeros((16, 20), np.uint8), np.ones((16, 20), bool)
    one, same = tm.open_image(array, roi=roi), tm.open_image(array, roi=roi.copy())
    other = tm.open_image(array, roi=~roi)
    assert ((one > 0) & (same > 0)).compute().sum() == 0
    with pytest.raises(InputError, match="differ"):
        (one > 0) & (other > 0)
    with pytest.raises(InputError, match="already"):
        tm.within(one, roi)


def test_nan_never_counts_in_a_region() -> None:
    array = np.full((8, 8), 3.0)
    array[0], array[1, :4] = np.nan, 5.0
    image = tm.open_image(array, roi=np.arange(8)[:, np.newaxis] + np.zeros((1, 8)) < 4)
    assert tm.threshold_mean(image).compute(tile=3) == np.nanmean(array[:4])


RING = shapely.Polygon([(3, 2), (27.2, 5.1), (20, 21), (6, 18.5)], [[(10, 8), (15, 8), (14, 13)]])
DOT = shapely.Polygon([(40, 30), (43, 30), (43, 33.2)])


def test_polygons_are_a_region_by_the_centres_of_pixels(tmp_path: Path) -> None:
    array = as_dtype(picture("noise", (37, 52), 3), "uint8")
    inside = tm.rasterize([RING, DOT], array, values=None)
    feature = {"type": "Feature", "geometry": json.loads(shapely.to_geojson(shapely.MultiPolygon([RING, DOT])))}
    (tmp_path / "roi.geojson").write_text(json.dumps(feature))
    outlines = tm.polygons(inside)
    for roi in ([RING, DOT], shapely.MultiPolygon([RING, DOT]), feature, tmp_path / "roi.geojson", outlines):
        image = tm.open_image(array, roi=roi)
        for tile in (5, 16, 52):
            np.testing.assert_array_equal(image.compute(tile=tile), cut(array, inside))
            right = measure.label(bright(array) & inside)
            np.testing.assert_array_equal(tm.label(bright(image)).compute(tile=tile), right)


def test_the_table_of_polygons_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tm.rasterize([RING, DOT], np.zeros((37, 52)), values=None)
    for cells in (1, 40, 500, 10_000):
        monkeypatch.setattr("tilemask.read.roi.CELLS", cells)
        region = tm.open_image(np.zeros((37, 52)), roi=[RING, DOT]).region
        assert region is not None
        for index in (grid := Grid((37, 52), (5, 4))).walk():
            core = grid.core(index)
            some = region.holds_some(*([np.array([e]) for e in corner] for corner in (core.start, core.stop)))
            assert bool(some.item()) >= inside[core.slices].any()
            assert region.holds_all(core) <= inside[core.slices].all()
        if cells == 10_000:
            assert region.holds_all(Box((8, 18), (12, 22)))


def test_polygons_of_a_volume_are_refused() -> None:
    with pytest.raises(InputError, match="a region of a plane"):
        tm.open_image(np.zeros((4, 37, 52)), roi=[RING])


@pytest.mark.parametrize("roi", [np.zeros((37, 52), bool), [], {"type": "FeatureCollection", "features": []}])
def test_an_empty_region_is_all_background(roi: Any) -> None:
    image = tm.open_image(as_dtype(picture("noise", (37, 52), 3), "uint8"), roi=roi)
    assert not image.compute(tile=16).any()
    assert not tm.label(bright(image)).compute(tile=16).any()
    assert not len(tm.measure(tm.label(bright(image))).compute(tile=16))
    with pytest.raises(InputError, match="no pixel is left to measure"):
        tm.otsu(image).compute(tile=16)


@pytest.mark.parametrize("move", [(52, 0), (-60, 0), (0, 37), (0, -40), (900, 900)])
def test_polygons_beside_the_image_are_refused(move: tuple[int, int]) -> None:
    beside = [shapely.transform(p, lambda xy: xy + np.array(move)) for p in (RING, DOT)]
    with pytest.raises(InputError, match=r"none of 2 polygons overlaps the image, .* rows 0 to 37 and columns 0 to 52"):
        tm.open_image(np.zeros((37, 52)), roi=beside)
    assert tm.open_image(np.zeros((37, 52)), roi=[*beside, DOT]).region is not None


def one_row_each() -> list[Any]:
    """A row of every operation that takes images alone: what takes a region itself has none to keep to."""
    first = {row.values[0].operation: row for row in reversed(rows(CASES))}
    return [row for name, row in first.items() if name != "within"]


@pytest.mark.parametrize(("case", "dtypes", "ndim"), one_row_each())
def test_every_operation_keeps_the_law_in_a_region(case: Case, dtypes: tuple[str, ...], ndim: int) -> None:
    @settings(max_examples=6, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arrays, tile = data.draw(examples(case, dtypes, ndim))
        shape = arrays[0].shape
        roi = picture(data.draw(st.sampled_from(REGIONS)), shape, data.draw(st.integers(0, 99))) > 0.4

        def compute(sides: tuple[int, ...]) -> Any:
            images = [tm.open_image(a, roi=roi) for a in arrays]
            return outcome(lambda: case.call(*images).compute(tile=sides))

        whole, tiled = compute(shape), compute(tile)
        if isinstance(whole, Exception) or isinstance(tiled, Exception):
            assert type(whole) is type(tiled), f"{whole!r}, {tiled!r}"
            return
        where = first_difference(whole, tiled)
        assert where is None, f"shape {shape}, tile {tile}: {where}"

    check()
