"""Which passes a graph is cut into, and what is kept between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tilemask as tm
from tilemask.image import Image
from tilemask.planning import Pass, cut
from tilemask.planning.graph import everything, surveys_in

IMAGE = np.zeros((100, 130), np.uint8)


def passes(outputs: dict[str, Any], tile: tuple[int, ...] = (32, 32), **options: Any) -> list[tuple[list[str], ...]]:
    """Per pass: surveys, what is kept, what is written."""
    return [_names(p) for p in cut(outputs, tile, **options)]


def _names(current: Pass) -> tuple[list[str], ...]:
    keeps = [k.name.partition("-")[0] for k in current.keeps]
    return [v.step.name for v in current.surveys], keeps, [w.name for w in current.writes]


def grown(array: NDArray[Any]) -> NDArray[Any]:
    return array


def test_local_steps_are_one_pass() -> None:
    image = tm.from_array(IMAGE)
    mask = tm.opening(tm.gaussian(tm.median(image, radius=2), sigma=2) > 3, radius=2)
    assert passes({"mask": mask}) == [([], [], ["mask"])]


def test_a_level_is_a_pass_of_its_own() -> None:
    image = tm.from_array(IMAGE)
    assert passes({"mask": image > tm.otsu(image)}) == [(["count_levels"], [], []), ([], [], ["mask"])]


def test_surveys_that_wait_for_nothing_share_a_pass() -> None:
    image = tm.from_array(IMAGE)
    mask = (image > tm.otsu(image)) & (image < tm.threshold_mean(image))
    surveys, _, _ = passes({"mask": mask})[0]
    assert len(surveys) == 2
    assert len(passes({"mask": mask})) == 2


def test_labels_survey_their_seams_and_keep_what_is_costly() -> None:
    image = tm.from_array(IMAGE)
    mask = tm.opening(tm.gaussian(image, sigma=3) > 5, radius=3)
    (surveys, keeps, writes), last = passes({"cells": tm.label(mask)})
    assert (surveys, keeps, writes) == (["survey_numbers"], ["opening"], [])
    assert last == ([], [], ["cells"])


def test_what_is_cheap_is_computed_again() -> None:
    assert passes({"cells": tm.label(tm.from_array(IMAGE))})[0][1] == []


def test_bound_images_must_be_kept_for_steps_that_look_beyond_the_tile() -> None:
    cells = tm.label(tm.from_array(IMAGE))
    steps = passes({"grown": tm.map_tiles(grown, cells, reach=1)})
    assert steps == [(["survey_numbers"], [], []), ([], ["label"], []), ([], [], ["grown"])]
    local = passes({"local": tm.map_tiles(grown, cells)})
    assert local == [(["survey_numbers"], [], []), ([], [], ["local"])]


def test_scratch_is_released_by_its_last_reader() -> None:
    cells = tm.map_tiles(grown, tm.label(tm.from_array(IMAGE)), reach=1)
    made = cut({"cells": tm.label(cells > 0)}, (32, 32))
    for keep in (k for p in made for k in p.keeps):
        readers = [p.number for p in made if keep.name in p.stored.values()]
        assert [p.number for p in made if keep.name in p.release] == [max(readers)]


def test_every_pass_has_the_values_that_it_needs() -> None:
    image = tm.from_array(IMAGE)
    smooth = tm.gaussian(image, sigma=1)
    mask = tm.hysteresis(smooth, low=tm.threshold_mean(smooth), high=tm.otsu(smooth))
    ready: set[Any] = set()
    for current in cut({"cells": tm.label(tm.fill_holes(mask))}, (32, 32)):
        assert set(surveys_in(everything([], current.values)[1])) <= ready
        ready |= set(current.surveys)


def test_a_long_chain_does_not_recurse() -> None:
    image: Image = tm.from_array(IMAGE).astype(np.int64)
    for _ in range(3000):
        image = image + 1
    assert passes({"sum": image}) == [([], [], ["sum"])]


def test_in_memory_outputs_are_kept() -> None:
    mask = tm.from_array(IMAGE) > 3
    only = cut({"mask": mask}, (32, 32), write=False)[0]
    assert [k.image for k in only.keeps] == [mask]
    assert (only.writes, only.release) == ((), ())
