"""Conditions as text, and what keeps some of the objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError, TilemaskError
from tilemask.image import from_array
from tilemask.operations.expression import fulfilled, parse

COLUMNS = {
    "area": np.array([10.0, 50.0, 200.0]),
    "label": np.array([1, 2, 3]),
    "solidity": np.array([0.5, np.nan, 0.9]),
}
LABELS = np.array([[1, 1, 0, 2], [1, 0, 2, 2], [0, 3, 0, 2], [3, 0, 0, 0]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("area > 50", [0, 0, 1]),
        ("area >= 50 and label != 3", [0, 1, 0]),
        ("10 < area < 200 or label == 1", [1, 1, 0]),
        ("not (area > 50)", [1, 1, 0]),
        ("solidity < 2", [1, 0, 1]),
        ("not solidity < 2", [0, 1, 0]),
        ("area ** 0.5 > 7 - -0.01", [0, 1, 1]),
        ("(area + 10) / 2 - 5 * label <= 20", [1, 1, 0]),
        ("min(area, 100) == max(100, label) and abs(-area) == +area", [0, 0, 1]),
        ("area / 0 > 1e300", [1, 1, 1]),
        ("1 < 2", 1),
        ("100 > area > 20 > 2", [0, 1, 0]),
        ("1 < 2 and area > 20", [0, 1, 1]),
        ("2 < 1 or area > 20", [0, 1, 1]),
        ("label < 3 > 2 == 2", [1, 1, 0]),
    ],
)
def test_conditions(text: str, expected: Any) -> None:
    assert np.array_equal(fulfilled(parse(text), COLUMNS), np.array(expected, bool))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x') == 0",
        "area.__class__ == 1",
        "area[0] > 1",
        "[a for a in area] == 1",
        "(lambda: 1)() == 1",
        "open(area) > 1",
        "abs(area, key=1) > 1",
        "min(area) > 1",
        "abs(*area) > 1",
        "area if area else 1 > 0",
        "area > 'x'",
        "area > 1j",
        "area > True",
        "area is 1",
        "area in (1, 2)",
        "area % 2 == 0",
        "area // 2 == 0",
        "area @ area > 1",
        "~area > 1",
        "(x := 1) > 0",
        "f'{area}' > 1",
        "area > ...",
        "area > None",
        "{area} > 1",
    ],
)
def test_what_is_not_on_the_list_is_shown(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be part of a condition .*It may hold names"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("area >", "cannot be read"),
        ("", "cannot be read"),
        ("area > 1; 2", "cannot be read"),
        ("area = 1", "cannot be read"),
        ("area\x00 > 1", "cannot be read"),
        ("(" * 300 + "area" + ")" * 300 + " > 1", "cannot be read|levels deep"),
        ("-" * 300 + "area > 1", "levels deep"),
        ("area + 1", "is a number, not a condition"),
        ("area and label > 1", "a condition is needed where a number stands, 'area'"),
        ("(area > 1) + 1 > 0", "a number is needed where a condition stands"),
        ("not area", "a condition is needed"),
        (5, "condition as text"),
        ("area > " + "9" * 400, "'a number above 1.8e.308' cannot be part"),
        ("area > 0x" + "f" * 9000, "'a number above 1.8e.308' cannot be part"),
        ("aera > 1", "no property 'aera'. Known are area,"),
        ("bbox > 1", "no single number. Known are bbox_0, bbox_1, bbox_2, bbox_3"),
        ("bbox_4 > 1", "no single number"),
        ("intensity_mean > 1", "no image was given"),
    ],
)
def test_refusals(text: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tm.select(LABELS, where=text)


@pytest.mark.parametrize(
    "text", ["-" * 5000 + "area > 1", "area > " + "9" * 5000, "area." + "a" * 5000, "area + 1" * 500]
)
def test_messages_stay_short(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(text)
    assert len(str(refused.value)) < 600


def test_select_keeps_numbers_and_dtype() -> None:
    found = tm.select(LABELS.astype(np.uint16), where="area > 2")
    assert found.dtype == np.uint16
    assert np.array_equal(found, np.where(LABELS == 3, 0, LABELS))


def test_nothing_and_everything() -> None:
    assert np.array_equal(tm.select(from_array(LABELS), where="1 < 0").compute(tile=2), np.zeros_like(LABELS))
    assert np.array_equal(tm.select(from_array(LABELS), where="1 > 0").compute(tile=2), LABELS)


def test_a_channel_has_its_number() -> None:
    colour = np.zeros((4, 4, 2), np.uint8)
    colour[..., 1] = LABELS * 10
    found = tm.select(from_array(LABELS), from_array(colour, channel_axis=-1), where="intensity_max_1 >= 20")
    assert np.array_equal(found.compute(tile=3), np.where(LABELS == 1, 0, LABELS))


def test_ties_keep_the_lowest_label() -> None:
    labels = np.array([[5, 0, 2, 2], [5, 0, 9, 9]])
    assert np.array_equal(np.unique(tm.keep_largest(labels, count=2)), [0, 2, 5])


def test_count_may_be_a_value() -> None:
    count = tm.reduce_tiles(lambda a: int(a.max()), from_array(LABELS), combine=max, finish=int, dtype=np.int64)
    found = tm.keep_largest(from_array(LABELS), count=count).compute(tile=2)
    assert np.array_equal(found, LABELS)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tm.keep_largest(LABELS, count=-1),
        lambda: tm.keep_largest(LABELS, count=1.5),
        lambda: tm.keep_largest(LABELS > 0),
        lambda: tm.keep_largest(LABELS - 1),
        lambda: tm.relabel_sequential(LABELS > 0),
        lambda: tm.relabel_sequential(LABELS - 1),
        lambda: tm.clear_border(LABELS, buffer_size=4),
        lambda: tm.clear_border(LABELS, buffer_size=-1),
        lambda: tm.clear_border(LABELS * 1.0),
        lambda: tm.select(LABELS - 1, where="area > 1"),
    ],
)
def test_what_cannot_be_kept(call: Any) -> None:
    with pytest.raises(InputError):
        call()


def test_labels_far_apart_are_renumbered() -> None:
    labels = np.where(LABELS == 3, 2**50, LABELS)
    assert np.array_equal(tm.relabel_sequential(from_array(labels)).compute(tile=3), LABELS)
    with pytest.raises(TilemaskError):
        tm.relabel_sequential(from_array(-labels)).compute(tile=3)
