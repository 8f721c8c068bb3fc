"""The watershed: its order, objects that do not know of each other, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage import feature, measure, segmentation

import tilemask as tm
from tests.exactness.watersheds import nearby
from tests.operations.flood_by_hand import flood_by_hand
from tilemask.errors import InputError, TileError
from tilemask.image import Image, from_array
from tilemask.operations import dividing, watershed

Scene = tuple[NDArray[Any], NDArray[np.int32], NDArray[np.bool_], int]


def scenes(count: int, *, ties: bool = True) -> Iterator[Scene]:
    """Elevation, markers, mask and connectivity; without ties all elevations differ."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        ndim = 3 if seed % 3 == 2 else 2
        shape = tuple(map(int, rng.integers(1, {2: 28, 3: 10}[ndim], ndim)))
        smooth = ndi.gaussian_filter(rng.random(shape), rng.uniform(0, 2))
        mask = smooth > np.quantile(smooth, rng.choice([0, 0.2, 0.5]))
        inside = (slice(1, -1),) * ndim
        elevations = (
            lambda s=shape: np.zeros(s, np.uint8),
            lambda r=rng, s=shape: r.integers(0, 8, s),
            lambda m=mask, i=inside: -ndi.distance_transform_edt(np.pad(m, 1))[i],
            lambda s=shape: np.indices(s).sum(axis=0),
            lambda r=rng, s=shape: np.where(r.random(s) < 0.2, -np.inf, np.round(r.random(s), 1)),
        )
        elevation = elevations[seed % 5]() if ties else rng.permutation(mask.size).reshape(shape).astype(float)
        seeds = rng.random(shape) < rng.choice([0.01, 0.05, 0.3])
        markers = ndi.label(ndi.binary_dilation(seeds) if rng.random() < 0.4 else seeds)[0].astype(np.int32)
        yield elevation, markers, mask, int(rng.integers(1, ndim + 1))


def test_pixels_are_taken_by_elevation_age_and_raster_index() -> None:
    for elevation, markers, mask, connectivity in scenes(120):
        expected = flood_by_hand(elevation, markers, mask, connectivity)
        np.testing.assert_array_equal(
            tm.watershed(elevation, markers, mask=mask, connectivity=connectivity), expected, strict=True
        )


def test_scikit_image_takes_seeds_that_lie_equally_high_otherwise() -> None:
    differing = 0
    for elevation, markers, mask, connectivity in scenes(120):
        reference = segmentation.watershed(elevation, markers, connectivity, mask=mask)
        differing += not np.array_equal(reference, flood_by_hand(elevation, markers, mask, connectivity))
    assert 0 < differing < 60


@pytest.mark.parametrize("compactness", [0, 0.3, 20.0])
def test_without_ties_it_equals_scikit_image(compactness: float) -> None:
    for elevation, markers, mask, connectivity in scenes(60, ties=False):
        options = {"connectivity": connectivity, "mask": mask, "compactness": compactness}
        expected = segmentation.watershed(elevation, markers, **options)
        np.testing.assert_array_equal(tm.watershed(elevation, markers, **options), expected, strict=True)


def test_compact_objects_with_ties_are_as_scikit_image_floods_them_alone() -> None:
    for elevation, markers, mask, connectivity in scenes(60):
        expected = np.zeros_like(markers)
        objects, _ = ndi.label(mask, ndi.generate_binary_structure(mask.ndim, connectivity))
        for number, box in enumerate(ndi.find_objects(objects), 1):
            alone = {"mask": objects[box] == number, "compactness": 0.7}
            expected[box] += segmentation.watershed(elevation[box], markers[box], connectivity, **alone)
        options = {"mask": mask, "connectivity": connectivity, "compactness": 0.7}
        np.testing.assert_array_equal(tm.watershed(elevation, markers, **options), expected)


def test_an_unconnected_object_changes_labels_in_scikit_image_and_not_here() -> None:
    markers = np.array([[0, 3, 1, 0, 2, 0, 9]], np.int32)
    flat, both = np.zeros(markers.shape), np.array([[1, 1, 1, 1, 1, 0, 1]], bool)
    alone = both & (markers != 9)
    assert segmentation.watershed(flat, markers, mask=alone).tolist() == [[3, 3, 1, 2, 2, 0, 0]]
    assert segmentation.watershed(flat, markers, mask=both).tolist() == [[3, 3, 1, 1, 2, 0, 9]]
    assert tm.watershed(flat, markers, mask=alone).tolist() == [[3, 3, 1, 1, 2, 0, 0]]
    assert tm.watershed(flat, markers, mask=both).tolist() == [[3, 3, 1, 1, 2, 0, 9]]


def test_water_does_not_sink_below_its_seed() -> None:
    elevation = np.array([[5, 0, 0, 0, 5, 0, 0, 5]])
    markers = np.array([[1, 0, 0, 0, 2, 0, 0, 3]], np.int32)
    assert flood_by_hand(elevation, markers, markers >= 0).tolist() == [[1, 1, 1, 2, 2, 2, 3, 3]]
    assert tm.watershed(elevation, markers).tolist() == [[1, 1, 1, 2, 2, 2, 3, 3]]


def test_windows_grow_to_the_object() -> None:
    for number, (elevation, markers, mask, connectivity) in enumerate(scenes(30)):
        rng = np.random.default_rng(number)
        tile = tuple(int(rng.integers(1, n + 1)) for n in mask.shape)
        compactness = (0, 0, 0.7)[number % 3]
        options = {"connectivity": connectivity, "compactness": compactness}
        lazy = tm.watershed(from_array(elevation), from_array(markers), mask=from_array(mask), **options)
        expected = tm.watershed(elevation, markers, mask=mask, **options)
        np.testing.assert_array_equal(nearby(lazy, number % 4).compute(tile=tile), expected, strict=True)


@pytest.mark.parametrize("side", [0, 1])
def test_an_object_taken_for_whole_that_leaves_the_window_fails(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the certificate of one edge, some tile differs."""
    honest = watershed._leaving

    def blind(objects: NDArray[Any], window: Any) -> NDArray[np.bool_]:
        box = window.box
        start, stop = list(box.start), list(box.stop)
        if side:
            stop[-1] = window.shape[-1]
        else:
            start[-1] = 0
        return honest(objects, replace(window, box=replace(box, start=tuple(start), stop=tuple(stop))))

    def wrong() -> int:
        found = 0
        for elevation, markers, mask, connectivity in scenes(30):
            lazy = tm.watershed(
                from_array(elevation), from_array(markers), mask=from_array(mask), connectivity=connectivity
            )
            whole = tm.watershed(elevation, markers, mask=mask, connectivity=connectivity)
            found += not np.array_equal(nearby(lazy).compute(tile=5), whole)
        return found

    assert wrong() == 0
    monkeypatch.setattr(watershed, "_leaving", blind)
    assert wrong() > 0


def chain(image: Any) -> Any:
    smooth = tm.gaussian(image, sigma=1.5)
    mask = smooth > tm.otsu(smooth)
    distance = tm.distance(mask)
    markers = tm.label(tm.peaks(distance, min_distance=3))
    return tm.watershed(-distance, markers, mask=mask)


def nuclei(shape: tuple[int, ...], seed: int) -> NDArray[np.uint16]:
    blobs = ndi.gaussian_filter(np.random.default_rng(seed).random(shape), 4)
    return ((blobs - blobs.min()) / np.ptp(blobs) * 4000).astype(np.uint16)


@pytest.mark.parametrize("seed", range(4))
def test_the_whole_chain_on_tiles_equals_the_chain_on_arrays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = nuclei((90, 120), seed)
    expected = chain(image)
    assert len(np.unique(expected)) > 10
    for _ in range(2):
        tile = tuple(map(int, rng.integers(13, 70, 2)))
        lazy = chain(from_array(image))
        np.testing.assert_array_equal(lazy.compute(tile=tile), expected, strict=True)
        np.testing.assert_array_equal(nearby(lazy, 3).compute(tile=tile), expected, strict=True)


def test_the_chain_is_that_of_scikit_image_but_for_ties() -> None:
    mask = nuclei((300, 300), 8) > 2200
    distance = ndi.distance_transform_edt(mask)
    peaks = np.zeros(mask.shape, bool)
    peaks[tuple(feature.peak_local_max(distance, min_distance=3, exclude_border=False).T)] = True
    markers = measure.label(peaks, connectivity=2)
    theirs = segmentation.watershed(-distance, markers, mask=mask)
    ours = tm.watershed(-distance, markers, mask=mask)
    assert (ours != theirs).sum() < 0.01 * mask.sum()


def test_markers_default_to_minima_within_the_mask() -> None:
    for elevation, _, mask, connectivity in scenes(20, ties=False):
        expected = segmentation.watershed(elevation, None, connectivity, mask=mask)
        np.testing.assert_array_equal(tm.watershed(elevation, mask=mask, connectivity=connectivity), expected)


def test_markers_outside_the_mask_are_dropped() -> None:
    markers = np.array([[7, 0, 0, 2, -5]])
    mask = np.array([[0, 1, 1, 1, 0]], bool)
    assert tm.watershed(np.zeros((1, 5)), markers, mask=mask).tolist() == [[0, 2, 2, 2, 0]]


def test_objects_without_a_marker_are_background() -> None:
    mask = np.array([[1, 1, 0, 1, 1]], bool)
    assert tm.watershed(np.zeros((1, 5)), np.array([[0, 0, 0, 0, 4]]), mask=mask).tolist() == [[0, 0, 0, 4, 4]]


@pytest.mark.parametrize(
    ("dtype", "label", "expected"),
    [
        ("uint8", 200, "int32"),
        ("uint16", 65_535, "int32"),
        ("int32", 2**31 - 1, "int32"),
        ("uint32", 2**32 - 1, "int64"),
        ("int64", 2**62, "int64"),
        ("uint64", 2**63 - 1, "int64"),
    ],
)
def test_labels_are_those_of_the_markers(dtype: str, label: int, expected: str) -> None:
    markers = np.array([[0, label, 0, 1]], dtype)
    result = tm.watershed(np.zeros((1, 4)), markers)
    assert result.dtype == expected
    assert result.tolist() == [[label, label, label, 1]]


def test_without_a_mask_the_image_is_one_object() -> None:
    elevation = np.random.default_rng(0).random((40, 50))
    markers = np.zeros((40, 50), np.int32)
    markers[[3, 20, 35], [4, 30, 10]] = 1, 2, 3
    expected = segmentation.watershed(elevation, markers)
    np.testing.assert_array_equal(tm.watershed(elevation, markers), expected)
    np.testing.assert_array_equal(tm.watershed(from_array(elevation), from_array(markers)).compute(tile=17), expected)


def _limited(image: Image, growth_bytes: float) -> None:
    from tilemask.run import memory

    with memory._engine({"labels": image}, 8, None) as engine:
        engine.growth_bytes = growth_bytes
        engine.run()


def test_beyond_the_memory_the_object_and_the_ways_out_are_named() -> None:
    elevation, markers = from_array(np.zeros((300, 300))), from_array(np.eye(300, dtype=np.int32))
    mask = np.zeros((300, 300), bool)
    mask[5:, 7:] = True
    with pytest.raises(TileError, match=r"the object at row \d+, column \d+ reaches beyond .*mask=.*watershed_forest"):
        _limited(nearby(tm.watershed(elevation, markers, mask=from_array(mask))), 3000)
    with pytest.raises(TileError, match=r"one object without mask=, reaches beyond .*watershed_forest"):
        _limited(tm.watershed(elevation, markers), 3000)


def test_nan_in_objects_is_counted() -> None:
    elevation = np.array([[0, np.nan, np.nan, 1]])
    markers, mask = np.array([[1, 0, 0, 0]]), np.array([[1, 1, 0, 1]], bool)
    with pytest.raises(TileError, match="is NaN at 1 pixels of objects"):
        tm.watershed(elevation, markers, mask=mask)
    assert tm.watershed(elevation, markers, mask=mask & ~np.isnan(elevation)).tolist() == [[1, 0, 0, 0]]


def test_markers_below_zero_are_refused() -> None:
    with pytest.raises(TileError, match="found -2 to 1"):
        tm.watershed(np.zeros((1, 3)), np.array([[1, 0, -2]]))
    with pytest.raises(TileError, match="found 0 to 9223372036854775808"):
        tm.watershed(np.zeros((1, 3)), np.array([[2**63, 0, 0]], np.uint64))


def test_more_steps_than_scikit_image_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dividing, "AGES", 20)
    with pytest.raises(TileError, match="objects of 25 pixels would be flooded at once, in 25 steps"):
        tm.watershed(np.zeros((5, 5)), np.eye(5, dtype=np.int32) * np.arange(5))


FLAT, ONES = np.zeros((3, 3)), np.ones((3, 3), np.int32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tm.watershed(FLAT, FLAT), r"markers are labels \(integers\); found float64"),
        (lambda: tm.watershed(FLAT, FLAT > 0), r"found bool\. Number them, as in label"),
        (lambda: tm.watershed(FLAT, ONES[:2]), r"found \(3, 3\) and \(2, 3\)"),
        (lambda: tm.watershed(FLAT, ONES, mask=ONES), "mask= works on a mask"),
        (lambda: tm.watershed(FLAT, ONES, connectivity=3), "1 to 2 for axes 'yx'; found 3"),
        (lambda: tm.watershed(FLAT, ONES, compactness=-1), "0 or more; found -1"),
        (lambda: tm.watershed(FLAT, ONES, compactness=float("nan")), "0 or more; found nan"),
        (lambda: tm.watershed(np.zeros((3, 3, 3)), ONES, channel_axis=-1), "one channel"),
    ],
)
def test_what_can_be_known_is_refused_at_the_call(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
