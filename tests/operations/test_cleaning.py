"""Cleaning labels and masks: pictures typed out, refusals, ties, and controls of what is proven."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology, segmentation

import tilemask as tm
from tests.stitch.pictures import spiral
from tilemask.errors import InputError
from tilemask.image import from_array
from tilemask.operations import skeletons
from tilemask.operations.expansion import expand
from tilemask.operations.thinning import GUO_HALL, ON, UNKNOWN, ZHANG, thin_states

WHOLE: tuple[int, ...] = ()
CUT = (0, 1, 2, 3)


def labels(*rows: str) -> np.ndarray:
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows])


def blobs(seed: int, shape: tuple[int, ...] = (60, 70), sigma: float = 3) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return np.asarray(noise > np.median(noise))


def test_boundaries_thick_inner_outer() -> None:
    image = labels(".....", ".112.", ".112.", ".....")
    pictures = {
        "thick": labels(".111.", "11111", "11111", ".111."),
        "inner": labels(".....", ".111.", ".111.", "....."),
        "outer": labels(".111.", "1.111", "1.111", ".111."),
    }
    for mode, picture in pictures.items():
        np.testing.assert_array_equal(tm.find_boundaries(image, mode=mode), picture.astype(bool))


def test_boundaries_of_64_bit_labels_are_exact() -> None:
    """SciPy compares them in float64."""
    image = np.array([[2**62, 2**62 + 1, 0, 0]])
    assert tm.find_boundaries(image, mode="outer").tolist() == [[True, True, True, False]]


def test_equally_near_labels_come_by_column() -> None:
    np.testing.assert_array_equal(tm.expand_labels(labels(".1.2."), 1), labels("11122"))
    np.testing.assert_array_equal(tm.expand_labels(labels(".1..", "2...", ".3.."), 1), labels("211.", "22..", "233."))


@pytest.mark.parametrize("shape", [(24, 30), (6, 9, 11)])
def test_ties_are_those_of_the_reference_and_of_every_crop(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for rare in (0.02, 0.05, 0.2) * 5:
        image = rng.integers(1, 200, shape) * (rng.random(shape) < rare)
        expected = segmentation.expand_labels(image, 3)
        np.testing.assert_array_equal(tm.expand_labels(image, 3), expected)
        tile = tuple(int(rng.integers(2, n + 1)) for n in shape)
        np.testing.assert_array_equal(tm.expand_labels(from_array(image), 3).compute(tile=tile), expected)


def test_expansion_keeps_its_promise_at_the_very_distance() -> None:
    seed = np.zeros((1, 11), np.uint8)
    seed[0, 5] = 1
    for extent, distance in ((0.1, 0.3), (0.3, 0.9), (0.7, 2.1), (1.7, 3.4)):
        expected = segmentation.expand_labels(seed, distance, spacing=extent)
        np.testing.assert_array_equal(tm.expand_labels(seed, distance, spacing=extent), expected)
    assert not expand(np.zeros((3, 4), int), distance=2.0, spacing=(1.0, 1.0)).any()


def test_holes_with_other_labels_in_them_stay() -> None:
    before = labels("11111....", "1...12222", "1.2.12..2", "1...12222", "11111....")
    after = labels("11111....", "1...12222", "1.2.12222", "1...12222", "11111....")
    np.testing.assert_array_equal(tm.fill_label_holes(before), after)


def test_a_hole_between_two_labels_belongs_to_neither() -> None:
    before = labels("1122", "1..2", "1122")
    np.testing.assert_array_equal(tm.fill_label_holes(before), before)
    one = np.where(before == 2, 1, before)
    np.testing.assert_array_equal(tm.fill_label_holes(one), np.ones_like(one))


def test_small_holes_count_at_the_image_border_too() -> None:
    before = labels(".11111", "111.11", "111.11", "111111").astype(bool)
    left = labels("111111", "111.11", "111.11", "111111").astype(bool)
    np.testing.assert_array_equal(tm.remove_small_holes(before, max_size=1), left)
    assert tm.remove_small_holes(before, max_size=2).all()


def test_hulls_overlap_and_cross_empty_tiles() -> None:
    """The hull of an L covers tiles in which the L has no pixel."""
    mask = np.zeros((40, 40), bool)
    mask[2:38, 2] = mask[37, 2:38] = True
    mask[4:7, 30] = mask[5, 29:32] = True
    expected = morphology.convex_hull_object(mask)
    assert expected[20, 18]
    for tile in (1, 3, 7, 16):
        np.testing.assert_array_equal(tm.convex_hull_object(from_array(mask)).compute(tile=tile), expected)


def test_joined_labels_do_not_wrap_around() -> None:
    """The reference multiplies 8-bit labels in 8 bits; here the pairs stay apart."""
    a, b = np.meshgrid(np.arange(20, dtype=np.uint8), np.arange(20, dtype=np.uint8), indexing="ij")
    assert len(np.unique(segmentation.join_segmentations(a, b))) < 400
    np.testing.assert_array_equal(tm.join_segmentations(a, b), np.arange(400).reshape(20, 20))


def test_the_lowest_of_equally_common_labels_wins() -> None:
    np.testing.assert_array_equal(tm.smooth_labels(labels("33", "55"), radius=1), labels("33", "55"))
    np.testing.assert_array_equal(tm.smooth_labels(labels("444", "494", "444"), radius=1), labels("444", "444", "444"))
    np.testing.assert_array_equal(tm.smooth_labels(np.array([[7, -2]]), radius=1), [[-2, -2]])


def test_votes_by_sums_and_by_sorting_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(2).integers(0, 5, (23, 31))
    results = []
    for weight in (0, 10**9):
        monkeypatch.setattr("tilemask.operations.smoothing._SORTING", weight)
        results.append(tm.smooth_labels(image, radius=2))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(("tables", "reference"), [(ZHANG, morphology.skeletonize), (GUO_HALL, morphology.thin)])
def test_what_a_window_knows_is_right(tables: Any, reference: Any) -> None:
    """And what it does not know matters: taken as off, it would be wrong."""
    wrong = 0
    for seed in range(30):
        mask = blobs(seed, sigma=1 + seed % 4)
        whole = reference(mask)
        np.testing.assert_array_equal(thin_states(mask, tables, WHOLE), whole)
        window = (slice(11, 48), slice(9, 55))
        states = thin_states(mask[window], tables, CUT)
        known = states != UNKNOWN
        np.testing.assert_array_equal(states[known] == ON, whole[window][known])
        wrong += int((thin_states(mask[window], tables, WHOLE)[~known] != whole[window][~known]).sum())
    assert wrong > 0


def test_a_line_that_runs_out_of_the_window_is_known() -> None:
    mask = np.zeros((40, 60), bool)
    mask[18:23] = True
    states = thin_states(mask, ZHANG, CUT)
    columns = np.flatnonzero((states == UNKNOWN).any(axis=0))
    assert set(columns) <= {*range(8), *range(52, 60)}


def test_rounds_that_are_counted_look_two_pixels_each() -> None:
    mask = blobs(5, (80, 80), 6)
    states = thin_states(mask, GUO_HALL, CUT, 3)
    assert not (states[6:-6, 6:-6] == UNKNOWN).any()


@pytest.mark.parametrize("method", ["zhang", "lee"])
def test_objects_grow_their_windows(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeletons, "_REACH", 2)
    for mask in (blobs(1), spiral(40, 50), ~spiral(31, 40)):
        expected = morphology.skeletonize(mask, method=method)
        lazy = tm.skeletonize(from_array(mask), method=method)
        np.testing.assert_array_equal(lazy.compute(tile=17), expected)


def test_a_slender_object_needs_no_window_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    grow = skeletons.grow_zhang

    def watched(mask: Any, *, window: Any) -> Any:
        seen.append(max(window.box.shape))
        return grow(mask, window=window)

    monkeypatch.setattr(skeletons, "grow_zhang", watched)
    mask = np.kron(spiral(60, 60), np.ones((5, 5), bool))
    np.testing.assert_array_equal(tm.skeletonize(from_array(mask)).compute(tile=60), morphology.skeletonize(mask))
    assert max(seen) <= 60 + 2 * 64


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("find_boundaries", {"mode": "subpixel"}, "another grid"),
        ("find_boundaries", {"connectivity": 3}, "1 to 2"),
        ("find_boundaries", {"background": 0.5}, "whole number"),
        ("expand_labels", {"distance": -1}, "0 or more"),
        ("expand_labels", {"distance": float("nan")}, "0 or more"),
        ("expand_labels", {"distance": 60_000}, "smaller distance"),
        ("expand_labels", {"distance": 1e9}, "at most 65,536"),
        ("expand_labels", {"spacing": (1, 2, 3)}, "per spatial axis"),
        ("smooth_labels", {"radius": 1.5}, "whole number"),
        ("convex_hull_object", {"connectivity": 3}, "corners"),
    ],
)
def test_refusals_for_labels(name: str, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        getattr(tm, name)(np.ones((4, 4), np.uint8), **wrong)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("skeletonize", {"method": "medial"}, "'zhang' or 'lee'"),
        ("thin", {"max_num_iter": 0}, "1 or more"),
        ("medial_axis", {}, "random order"),
        ("smooth_labels", {}, "median"),
        ("fill_label_holes", {}, "fill_holes"),
        ("remove_small_holes", {"max_size": -1}, "0 or more"),
    ],
)
def test_refusals_for_masks(name: str, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        getattr(tm, name)(np.ones((4, 4), bool), **wrong)


def test_refusals_for_volumes() -> None:
    volume = np.ones((3, 4, 4), bool)
    for call in (tm.thin, tm.convex_hull_object, lambda v: tm.skeletonize(v, method="zhang")):
        with pytest.raises(InputError, match="planes"):
            call(volume)
