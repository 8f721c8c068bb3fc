"""What travels between tiles: small, dropped when it is settled, and the same in every order."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import measure

from tests.stitch.harness import frozen, merge_tree, run_tiled, survey_tiles, wire
from tests.stitch.pictures import checkerboard, comb, noise
from tilemask.boxes import Grid
from tilemask.errors import InputError, TileError
from tilemask.image import Step, Survey, from_array
from tilemask.operations.objects import fill_holes, hysteresis, label, remove_small_objects
from tilemask.stitch.numbering import finish_numbers
from tilemask.stitch.parts import combine_parts, contacts_of
from tilemask.stitch.rows import add_rows, joined


def survey_of(image: Any) -> Survey:
    assert isinstance(image.step, Step)
    assert image.step.records is not None
    assert isinstance(image.step.records.step, Survey)
    return image.step.records.step


def label_parts(array: NDArray[Any], tile: tuple[int, ...], connectivity: int) -> list[Any]:
    survey = survey_of(label(from_array(array), connectivity=connectivity))
    return survey_tiles(survey, array, Grid(array.shape, tile))[0]


def packed_bytes(part: Any) -> int:
    return len(msgpack.packb(part, default=lambda array: array.tobytes()))


def test_without_stitching_numbers_collide() -> None:
    mask = comb(8, 8)
    alone = np.zeros(mask.shape, int)
    for core in (slice(0, 4), slice(4, 8)):
        alone[core] = measure.label(mask[core])
    assert not np.array_equal(alone, measure.label(mask))


def test_tiles_that_meet_at_a_corner_only() -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[1, 1] = mask[2, 2] = True
    joined_labels, apart = mask.astype(int), mask * np.array([[1], [1], [2], [2]])
    rng = np.random.default_rng(0)
    for connectivity, expected in ((2, joined_labels), (1, apart)):
        for picture in (mask, mask[:, ::-1]):
            flip = slice(None, None, 1 if picture is mask else -1)
            got = run_tiled(label(from_array(picture), connectivity=connectivity), picture, (2, 2), rng)
            np.testing.assert_array_equal(got, expected[:, flip])


@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_volumes_that_meet_at_an_edge_or_a_corner_only(connectivity: int) -> None:
    rng = np.random.default_rng(0)
    for far in ((2, 2, 2), (2, 2, 1), (2, 1, 2), (1, 2, 2), (2, 1, 1)):
        mask = np.zeros((4, 4, 4), np.bool_)
        mask[1, 1, 1] = mask[far] = True
        got = run_tiled(label(from_array(mask), connectivity=connectivity), mask, (2, 2, 2), rng)
        assert got.max() == (1 if sum(far) - 3 <= connectivity else 2)


def test_a_checkerboard_of_single_pixel_tiles_is_one_object() -> None:
    mask = checkerboard(9, 11)
    rng = np.random.default_rng(0)
    got = run_tiled(label(from_array(mask)), mask, (1, 1), rng)
    np.testing.assert_array_equal(got, mask)


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_order_collects_the_same_contacts(ndim: int) -> None:
    rng = np.random.default_rng(ndim)
    mask = noise(rng, (24, 30, 6)[:ndim])
    survey = survey_of(label(from_array(mask)))
    parts = label_parts(mask, (7, 8, 2)[:ndim], ndim)
    found = []
    for _ in range(5):
        rows = contacts_of(merge_tree(survey, parts, rng))
        found.append(np.unique(np.sort(rows, axis=1), axis=0))
        assert len(found[-1]) == len(rows)
        np.testing.assert_array_equal(found[-1], found[0])


def test_combine_is_associative_in_what_is_left_open() -> None:
    parts = label_parts(noise(np.random.default_rng(1), (8, 12)), (4, 4), 2)
    a, b, c = parts[0], parts[1], parts[4]
    left = combine_parts(combine_parts(wire(a), wire(b)), wire(c))
    right = combine_parts(wire(a), combine_parts(wire(b), wire(c)))
    assert {n: e["missing"] for n, e in left["open"].items()} == {n: e["missing"] for n, e in right["open"].items()}


def test_combine_leaves_the_second_part_alone() -> None:
    parts = label_parts(noise(np.random.default_rng(1), (8, 12)), (4, 4), 2)
    big = combine_parts(wire(parts[3]), wire(parts[5]))
    for first, second in ((parts[0], big), (big, parts[0])):
        before = repr(second)
        combine_parts(wire(first), second)
        assert repr(second) == before


def test_an_empty_tile_sends_next_to_nothing() -> None:
    for shape, tile in (((600, 600), (200, 200)), ((48, 192, 192), (16, 64, 64))):
        empty = np.zeros(shape, np.bool_)
        for operation, array in ((label, empty), (remove_small_objects, empty), (fill_holes, ~empty)):
            parts, notes = survey_tiles(survey_of(operation(from_array(array))), array, Grid(shape, tile))
            assert max(map(packed_bytes, parts)) < 110
            assert not any(notes)


def test_merging_forgets_what_is_settled() -> None:
    mask = noise(np.random.default_rng(0), (60, 60))
    parts = label_parts(mask, (20, 20), 2)
    alone = dict(parts[4]["open"][4])
    whole = merge_tree(survey_of(label(from_array(mask))), parts, np.random.default_rng(1))
    assert sorted(alone["faces"]) == [0, 1, 2, 3]
    assert whole["open"] == {}
    row = combine_parts(combine_parts(wire(parts[0]), wire(parts[1])), wire(parts[2]))
    assert all(list(entry["faces"]) == [1] for entry in row["open"].values())


def test_a_merged_field_of_empty_tiles_holds_its_rim_only() -> None:
    empty, grid = np.zeros((400, 400), np.bool_), Grid((400, 400), (10, 10))
    survey = survey_of(label(from_array(empty)))
    parts = survey_tiles(survey, empty, grid)[0]
    inner = [part for number, part in enumerate(parts) if all(5 <= i < 35 for i in grid.index(number))]
    merged = merge_tree(survey, inner, np.random.default_rng(0))
    assert len(inner) == 30 * 30
    assert len(merged["open"]) == 4 * 29


def test_finishing_with_a_tile_missing_says_which_wait() -> None:
    parts = label_parts(np.ones((4, 6), np.bool_), (2, 2), 1)
    part = combine_parts(parts[0], parts[1])
    with pytest.raises(TileError, match=r"2 tiles \(first: 0\) waited"):
        next(finish_numbers(part, lambda number: None, Grid((4, 6), (2, 2))))


def test_rows_stay_few_and_complete() -> None:
    rng = np.random.default_rng(0)
    table: list[NDArray[np.int64]] = []
    added = [rng.integers(0, 9, (int(rng.integers(0, 20)), 2)) for _ in range(3000)]
    for rows in added:
        add_rows(table, frozen(rows))
    assert len(table) <= 16
    np.testing.assert_array_equal(joined(table, 2), np.concatenate(added))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: label(from_array(a.astype("float32"))), "label works on a mask .* found float32"),
        (lambda a: label(from_array(a), connectivity=3), "1 to 2 for axes 'yx'; found 3"),
        (lambda a: remove_small_objects(from_array(a), connectivity=0), "1 to 2 for axes 'yx'; found 0"),
        (lambda a: remove_small_objects(from_array(a), max_size=-1), "0 or more; found -1"),
        (lambda a: remove_small_objects(from_array(a.astype("float64"))), "found float64"),
        (lambda a: fill_holes(from_array(a.astype("uint8"))), "found uint8"),
        (lambda a: hysteresis(from_array(a), low=float("nan"), high=1), "low is NaN"),
        (lambda a: hysteresis(from_array(a), low=None, high=1), "low is a number"),
        (lambda a: hysteresis(from_array(a), low=0, high="1"), "high is a number"),
        (lambda a: hysteresis(from_array(a), low=0, high=np.zeros(3)), "high takes one number"),
        (lambda a: label(from_array(np.stack([a, a], -1), channel_axis=-1)), "2 channels"),
    ],
)
def test_what_cannot_be_used_is_refused(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(np.ones((3, 4), np.bool_))


def test_negative_labels_are_refused_by_the_lowest() -> None:
    labels = np.array([[0, -3], [-7, 4]], np.int16)
    with pytest.raises(InputError, match="found -7"):
        run_tiled(remove_small_objects(from_array(labels)), labels, (1, 1), np.random.default_rng(0))
