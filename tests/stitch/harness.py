"""Drives one perimeter survey and its kernel in memory: random merge trees, parts as they come off the wire."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.image import Image, Place, Step, Survey


def run_tiled(image: Image, array: NDArray[Any], tile: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """What the tiled run of `image` (one survey with records, one kernel, on `array`) gives on this grid."""
    assert isinstance(image.step, Step)
    assert image.step.records is not None
    survey = image.step.records.step
    assert isinstance(survey, Survey)
    grid = Grid(array.shape, tile)
    parts, notes = survey_tiles(survey, array, grid)
    records = dict(survey.finish(merge_tree(survey, parts, rng), lambda number: wire(notes[number]), grid))
    assert list(records) == list(range(len(grid)))
    result = np.zeros(array.shape, image.dtype)
    for number in range(len(grid)):
        core = grid.core(grid.index(number)).slices
        tile_result = image.step.function(frozen(array[core]), record=wire(records[number]), **image.step.arguments)
        assert tile_result.dtype == image.dtype
        result[core] = tile_result
    return result


def survey_tiles(survey: Survey, array: NDArray[Any], grid: Grid) -> tuple[list[Any], list[Any]]:
    made = []
    for number in range(len(grid)):
        core = grid.core(grid.index(number))
        place = Place(number, core, grid.tile, grid.shape)
        made.append(survey.tile(frozen(array[core.slices]), place=place, **survey.arguments))
    return [wire(part) for part, _ in made], [wire(note) for _, note in made]


def merge_tree(survey: Survey, parts: list[Any], rng: np.random.Generator) -> Any:
    """Merge parts in a random tree, sometimes one by one into the first."""
    parts, serial = wire(parts), rng.random() < 0.3
    while len(parts) > 1:
        a = 0 if serial else int(rng.integers(len(parts)))
        first = parts.pop(a)
        second = parts.pop(int(rng.integers(len(parts))))
        parts.insert(0, wire(survey.combine(first, second)))
    return parts[0]


def wire(thing: Any) -> Any:
    """A copy of plain data with read-only arrays; anything else than plain data is an error."""
    if isinstance(thing, dict):
        assert all(type(key) in (int, str) for key in thing)
        return {key: wire(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [wire(value) for value in thing]
    if isinstance(thing, np.ndarray):
        return frozen(thing.copy())
    assert thing is None or type(thing) in (int, float, str, bool), type(thing)
    return thing


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
