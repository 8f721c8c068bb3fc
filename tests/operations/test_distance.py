"""Distances: where windows grow, where they would not fit, and what a wrong certificate would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tilemask.boxes import Box, Grid, whole
from tilemask.errors import InputError
from tilemask.image import Place, Window, from_array
from tilemask.operations import certificate, far, nearest
from tilemask.operations import distance as distances
from tilemask.run import memory
from tilemask.stitch.background import survey_background
from tilemask.testing import serpentine

SIZES = (None, (0.5, 2.0, 1.0), (0.3, 0.3, 0.3), (2.0, 0.1625, 0.1625))
WAYS = [("euclidean", size) for size in SIZES] + [("chessboard", None), ("taxicab", None)]


@dataclass
class Noted:
    """Records as a kernel gets them."""

    grid: Grid
    notes: dict[int, Any]

    def __getitem__(self, number: int) -> Any:
        return self.notes[number]


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that must grow in images of a few pixels."""
    monkeypatch.setattr(distances, "REACH", {2: 2, 3: 1})
    monkeypatch.setattr(distances, "CELL", {2: 7, 3: 4})
    monkeypatch.setattr(certificate, "LEAST_GROUP", 2)
    monkeypatch.setattr(far, "PIECE", {2: 5, 3: 3})


def masks(ndim: int, seed: int) -> list[NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    made = []
    for background in (0, 0.003, 0.02, 0.1, 0.5, 0.95, 1):
        shape = tuple(int(n) for n in rng.integers(1, 41 if ndim == 2 else 12, ndim))
        made.append(rng.random(shape) >= background)
    made += [serpentine(shape), ~serpentine(shape), np.indices(shape).sum(axis=0) % 2 == 0]
    disk = sum((i - n / 2) ** 2 for i, n in zip(np.indices(shape), shape, strict=True)) < min(shape) ** 2 / 4
    return [*made, disk, ~disk]


def right(mask: NDArray[np.bool_], metric: str, size: Any) -> NDArray[Any]:
    """By definition: the smallest of the distances to all background pixels, rounded as SciPy rounds them."""
    if mask.all():
        return np.full(mask.shape, np.inf if metric == "euclidean" else -1)
    if metric != "euclidean":
        return np.asarray(ndimage.distance_transform_cdt(mask, metric))
    tables = nearest.cost_tables(metric, size, mask.shape)
    lowest = np.full(mask.shape, np.inf)
    for pixel in np.argwhere(~mask):
        costs = [t[np.abs(np.arange(n) - at)] for t, n, at in zip(tables, mask.shape, pixel, strict=True)]
        total = costs[0].reshape(-1, *[1] * (mask.ndim - 1))
        for axis, cost in enumerate(costs[1:], 1):
            total = total + cost.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
        np.minimum(lowest, total, out=lowest)
    return np.sqrt(lowest)


@pytest.mark.parametrize(("metric", "size"), WAYS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_windows_grow_until_every_distance_is_right(ndim: int, metric: str, size: Any, small_windows: None) -> None:
    rng = np.random.default_rng(ndim)
    for mask in masks(ndim, 3):
        extents = None if size is None else size[:ndim]
        expected = right(mask, metric, extents)
        np.testing.assert_array_equal(tm.distance(mask, metric=metric, pixel_size=extents), expected)
        tile = tuple(int(rng.integers(1 + n // 8, n + 2)) for n in mask.shape)
        lazy = tm.distance(from_array(mask), metric=metric, pixel_size=extents)
        np.testing.assert_array_equal(lazy.compute(tile=tile), expected, err_msg=f"{mask.shape} {tile}")


def test_open_boxes_hold_every_unproven_pixel_once() -> None:
    left = np.zeros((300, 300), bool)
    left[10, 10:290] = left[290, 10:290] = left[10:290, 10] = True
    left[150:160, 150:160] = True  # in the box of the frame
    left[200, 299] = True
    costs = np.where(left, 30.0**2, 1.0)
    costs[200, 299] = 90.0**2
    window = Window(Box((100, 100), (400, 400)), Box((100, 100), (400, 400)), (900, 900))
    boxes = certificate.open_boxes(costs, left, window, nearest.cost_tables("euclidean", None, (300, 300)))
    assert [(str(u.box), u.reach) for u in boxes] == [("[300:301, 399:400]", 90), ("[110:391, 110:390]", 30)]


@pytest.mark.parametrize(("metric", "size"), WAYS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_beyond_the_memory_the_image_is_swept_in_pieces(ndim: int, metric: str, size: Any, small_windows: None) -> None:
    largest = 0

    for mask in masks(ndim, 4):
        extents = None if size is None else size[:ndim]

        def read(box: Box, mask: NDArray[np.bool_] = mask) -> list[NDArray[Any]]:
            nonlocal largest
            largest = max(largest, box.size)
            return [mask[box.slices]]

        core = Box(tuple(n // 3 for n in mask.shape), tuple(n // 3 + n // 2 + 1 for n in mask.shape)).clip(mask.shape)
        window = Window(whole(mask.shape), core, mask.shape)
        swept = distances.far_distances(read, window, metric=metric, size=extents)
        np.testing.assert_array_equal(swept, right(mask, metric, extents)[core.slices])
    assert largest <= far.PIECE[ndim] ** ndim


@pytest.mark.parametrize("surveyed", [0, 2**28])
def test_a_run_without_the_memory_for_windows_gives_the_same(
    surveyed: int, small_windows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "SURVEYED_PIXELS", surveyed)
    for mask in masks(2, 5):
        lazy = tm.distance(from_array(mask))
        with memory._engine({"distance": lazy}, 8, None) as engine:
            engine.growth_bytes = 2000
            engine.run()
            np.testing.assert_array_equal(memory._assemble(engine, lazy), right(mask, "euclidean", None))


def test_pieces_without_background_are_not_read(small_windows: None) -> None:
    mask = np.ones((40, 40), bool)
    mask[3, 37] = False
    grid = Grid(mask.shape, (10, 10))
    records = {}
    for number in range(len(grid)):
        core = grid.core(grid.index(number))
        records[number] = survey_background(mask[core.slices], place=Place(number, core, grid.tile, grid.shape))[1]

    def read(box: Box) -> list[NDArray[Any]]:
        assert not mask[box.slices].all()
        return [mask[box.slices]]

    window = Window(whole(mask.shape), Box((20, 0), (40, 20)), mask.shape)
    swept = distances.far_distances(read, window, metric="euclidean", size=None, records=Noted(grid, records))
    np.testing.assert_array_equal(swept, right(mask, "euclidean", None)[20:, :20])


@pytest.mark.parametrize("metric", distances.METRICS)
def test_a_certificate_one_pixel_too_generous_is_wrong(
    metric: str, small_windows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = certificate.beyond_costs

    def generous(window: Window, tables: tuple[NDArray[np.float64], ...]) -> list[NDArray[np.float64]]:
        longer = tuple(np.append(t[1:], np.inf) for t in tables)
        return true(window, longer)

    monkeypatch.setattr(certificate, "beyond_costs", generous)
    pictures = (m for seed in range(8) for m in masks(2, seed))
    made = ((tm.distance(from_array(m), metric=metric).compute(tile=5), right(m, metric, None)) for m in pictures)
    assert any(not np.array_equal(tiled, whole) for tiled, whole in made)


@pytest.mark.usefixtures("one_thread")
def test_opencv_gives_the_integers_of_scipy() -> None:
    """Its floats are used up to 2047 pixels a side; where a crop begins must not matter."""
    rng = np.random.default_rng(0)
    coarse = ndimage.gaussian_filter(rng.random((500, 520)), 5)
    for level in (0.05, 0.4, 0.9):
        picture = coarse > np.quantile(coarse, level)
        for _ in range(340):
            start, side = rng.integers(0, 300, 2), rng.integers(1, 200, 2)
            crop = picture[start[0] : start[0] + side[0], start[1] : start[1] + side[1]]
            if not crop.all():
                found = nearest.nearest_costs(crop, whole(crop.shape), "euclidean", None)
                np.testing.assert_array_equal(np.sqrt(found), ndimage.distance_transform_edt(crop))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in a run; on one thread OpenCV works otherwise."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


@pytest.mark.usefixtures("one_thread")
def test_every_square_that_is_taken_from_opencv_is_right() -> None:
    """All there are: one background pixel in the corner gives every sum of two squares below the limit."""
    mask = np.ones((2047, 2047), bool)
    mask[0, 0] = False
    along = np.square(np.arange(2047.0))
    squares = along[:, np.newaxis] + along
    taken = squares < nearest._SQUARE
    found = np.square(nearest._opencv(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64))
    np.testing.assert_array_equal(np.rint(found)[taken], squares[taken])
    assert cv2.ipp.useIPP()
    left_to_ipp = np.square(cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=float)
    assert (np.rint(left_to_ipp) != squares)[taken].any(), "OpenCV no longer needs to be kept from IPP"


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("metric", distances.METRICS)
@pytest.mark.parametrize(("shape", "count"), [((2047, 2047), 1), ((2047, 2047), 3000), ((2049, 60), 4)])
def test_the_largest_planes_that_opencv_does(shape: tuple[int, int], count: int, metric: str) -> None:
    """One background pixel is farther from the far corner than OpenCV is believed; thousands are near all."""
    mask = np.ones(shape, bool)
    mask.flat[np.random.default_rng(1).integers(0, mask.size, count)] = False
    found = nearest.nearest_costs(mask, whole(shape), metric, None)
    if metric == "euclidean":
        np.testing.assert_array_equal(np.sqrt(found), ndimage.distance_transform_edt(mask))
    else:
        np.testing.assert_array_equal(found, ndimage.distance_transform_cdt(mask, metric))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "manhattan"}, "metric is one of euclidean, chessboard, taxicab; found 'manhattan'"),
        ({"metric": "taxicab", "pixel_size": 2}, "pixel_size is for metric='euclidean'"),
        ({"pixel_size": True}, "has none. Give it"),
        ({"pixel_size": (1, 0)}, "positive number"),
        ({"pixel_size": (1, 1, 1)}, "one per spatial axis"),
    ],
)
def test_what_cannot_be_is_refused_at_the_call(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tm.distance(from_array(np.ones((4, 5), bool)), **options)


def test_the_pixel_size_of_the_image_is_taken_where_asked() -> None:
    mask = np.random.default_rng(2).random((20, 30)) > 0.05
    image = from_array(mask, pixel_size=(0.5, 0.25))
    np.testing.assert_array_equal(
        tm.distance(image, pixel_size=True).compute(), ndimage.distance_transform_edt(mask, sampling=(0.5, 0.25))
    )
    np.testing.assert_array_equal(tm.distance(image).compute(), ndimage.distance_transform_edt(mask))
