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


def step(array: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    return mask


def rounds(image: Image, count: int, reach: int = 1) -> Image:
    mask = image > 3
    for _ in range(count):
        mask = tm.map_tiles(step, image, mask, reach=reach, dtype=bool, repeats=True)
    return mask


def test_rounds_share_a_pass_as_long_as_they_look_no_further_than_a_sixteenth_of_the_tile() -> None:
    image = tm.from_array(np.zeros((200, 200), np.uint8))
    for tile, passes_of_12 in (((64, 64), 3), ((32, 32), 6), ((8, 8), 12), ((32, 64), 6), ((200, 64), 3)):
        made = cut({"mask": rounds(image, 12)}, tile)
        assert len(made) == passes_of_12
        assert all(k.image.dtype == bool for p in made for k in p.keeps)
        assert all(len(p.release) <= 1 for p in made)


def test_rounds_on_a_single_tile_are_one_pass() -> None:
    assert passes({"mask": rounds(tm.from_array(IMAGE), 50, reach=30)}, (100, 130)) == [([], [], ["mask"])]


def test_what_comes_after_the_rounds_joins_their_last_pass_unless_it_looks_around() -> None:
    last = rounds(tm.from_array(IMAGE), 1)
    assert passes({"mask": ~last}) == [([], [], ["mask"])]
    # One round of reach 1 is within a sixteenth of 32, two of them just so, and a third is not.
    assert len(passes({"mask": tm.dilation(rounds(tm.from_array(IMAGE), 1), radius=1)})) == 1
    assert len(passes({"mask": tm.dilation(rounds(tm.from_array(IMAGE), 2), radius=1)})) == 2


def test_what_rounds_read_is_kept_where_they_take_several_passes() -> None:
    image = tm.gaussian(tm.from_array(IMAGE), sigma=3)
    assert passes({"mask": rounds(image, 2)}) == [([], [], ["mask"])]
    assert [p[1] for p in passes({"mask": rounds(image, 4)})] == [["gaussian", "step"], []]
    source = tm.from_array(IMAGE)
    assert [p[1] for p in passes({"mask": rounds(source, 4)})] == [["step"], []]


def test_hundreds_of_surveys_in_a_row_are_planned() -> None:
    image = tm.from_array(IMAGE)
    for _ in range(300):
        image = tm.map_tiles(grown, image, reach=1) > tm.threshold_mean(image)
    assert len(cut({"mask": image}, (32, 32))) == 301
