"""Equal nodes become one, and only equal ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.graph_calls import agree, plain
from tilemask.image import derive
from tilemask.planning import cut
from tilemask.planning.merge import merge

slide = tm.from_array(np.arange(600, dtype=np.uint8).reshape(20, 30))
CALLS: list[str] = []


def noted(array: NDArray[Any], **options: Any) -> NDArray[Any]:
    CALLS.append("noted")
    return array


def cells(image: tm.Image) -> tm.Image:
    """A workflow that asks for its level and its smooth image wherever it needs them."""
    mask = (tm.gaussian(image, sigma=1) > tm.otsu(tm.gaussian(image, sigma=1))) | (image < tm.otsu(image))
    return tm.label(mask)


def surveys(outputs: dict[str, Any]) -> list[list[str]]:
    return [[v.step.name for v in p.surveys] for p in cut(merge(outputs), (7, 7))]


def test_a_level_that_is_asked_for_twice_is_surveyed_once() -> None:
    smooth = tm.gaussian(slide, sigma=1)
    assert surveys({"mask": (smooth > tm.otsu(smooth)) & (slide > tm.otsu(smooth))}) == [["count_levels"], []]


def test_two_levels_of_one_histogram_count_once() -> None:
    assert surveys({"a": tm.otsu(slide), "b": slide > tm.yen(slide)}) == [["count_levels"], []]


def test_equal_workflows_become_one() -> None:
    merged = merge({"a": cells(slide), "b": cells(slide)})
    assert merged["a"] is merged["b"]
    assert surveys({"a": cells(slide), "b": cells(slide)}) == [["count_levels"] * 2, ["survey_numbers"], []]


def test_what_is_merged_stays_as_it_is() -> None:
    merged = merge({"a": cells(slide), "b": cells(slide) > 3, "c": tm.otsu(slide)})
    assert all(again is merged[name] for name, again in merge(merged).items())
    lone = {"mask": tm.opening(slide > 3, radius=1)}
    assert merge(lone)["mask"] is lone["mask"]


def test_an_equal_step_runs_once_a_tile() -> None:
    CALLS.clear()
    twice = tm.map_tiles(noted, slide, size=(1, 2)) + tm.map_tiles(noted, slide, size=(1, 2))
    twice.compute(tile=(20, 30))
    assert len(CALLS) == 1


def size(pair: Any) -> Callable[[], Any]:
    return lambda: tm.map_tiles(noted, slide, size=pair)


def count(combine: Any) -> Callable[[], Any]:
    return lambda: tm.reduce_tiles(agree, slide, combine=combine, finish=plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (size(1), size(1.0)),
        (size(1), size(True)),
        (size(0.0), size(-0.0)),
        (size((1, 2)), size([1, 2])),
        (size(np.zeros(3)), size(np.zeros((3, 1)))),
        (size(np.float32(1)), size(np.float64(1))),
        (size(object()), size(object())),
        (size(1), lambda: tm.map_tiles(noted, slide, size=1, reach=1)),
        (size(1), lambda: tm.map_tiles(noted, slide, size=1, dtype="int64")),
        (size(1), lambda: tm.map_tiles(noted, slide + 1, size=1)),
        (lambda: slide[0:5], lambda: slide[1:6]),
        (lambda: tm.label(slide > 3), lambda: tm.label(slide > 3, connectivity=1)),
        (lambda: slide > tm.otsu(slide), lambda: slide > tm.otsu(slide, nodata=0)),
        (lambda: slide - 3, lambda: 3 - slide),
        (count(max), count(min)),
        (lambda: derive(max, tm.otsu(slide), 3), lambda: derive(min, tm.otsu(slide), 3)),
    ],
)
def test_what_differs_stays_apart(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    merged = merge({"one": one(), "other": other()})
    assert merged["one"] is not merged["other"]


def test_equal_arrays_of_two_sources_stay_apart() -> None:
    array = np.zeros((4, 4), np.uint8)  # comparing pixels would read them
    merged = merge({"one": tm.from_array(array) > 1, "other": tm.from_array(array) > 1})
    assert merged["one"] is not merged["other"]


def test_a_long_chain_does_not_recurse() -> None:
    image = slide.astype("int64")
    for _ in range(3000):
        image = image + 1
    assert merge({"sum": image})["sum"] is image
