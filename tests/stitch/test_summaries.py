"""Reconstruction, forests and floods through a hundred tiles and more, in every merge order, as their references do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
import skimage.morphology
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.reconstructions import kruskal_of
from tests.stitch.harness import frozen, merge_tree, wire
from tests.stitch.pictures import comb, random_tile, serpentine, spiral
from tilemask.boxes import Grid
from tilemask.image import Image, Place, Step, Survey, from_array
from tilemask.stitch import forests, perimeters, reconstruct

SIDE = 40
TILE = 4
MAZES: dict[str, Callable[[int, int], NDArray[np.bool_]]] = {"serpentine": serpentine, "spiral": spiral, "comb": comb}


def run_tiled(image: Image, tile: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """What one survey and one kernel on arrays give on this grid, their parts merged in a random tree."""
    assert isinstance(image.step, Step)
    assert image.step.records is not None
    survey = image.step.records.step
    assert isinstance(survey, Survey)
    arrays = [i.compute() for i in image.step.images]
    grid = Grid(image.shape, tile)
    cores = [grid.core(grid.index(number)) for number in range(len(grid))]
    made = [
        survey.tile(
            *(frozen(a[core.slices]) for a in arrays), place=Place(number, core, tile, grid.shape), **survey.arguments
        )
        for number, core in enumerate(cores)
    ]
    notes = [wire(note) for _, note in made]
    records = dict(survey.finish(merge_tree(survey, [part for part, _ in made], rng), notes.__getitem__, grid))
    assert list(records) == list(range(len(grid)))
    result = np.zeros(image.shape, image.dtype)
    for number, core in enumerate(cores):
        tiles = [frozen(a[core.slices]) for a in arrays]
        result[core.slices] = image.step.function(*tiles, record=wire(records[number]), **image.step.arguments)
    return result


def maze(name: str) -> tuple[NDArray[np.bool_], tuple[int, int], tuple[int, int]]:
    """Corridors, their entrance, and the place that is furthest from it."""
    corridors = MAZES[name](SIDE, SIDE)
    distance = np.full(corridors.shape, -1)
    front = np.zeros(corridors.shape, np.bool_)
    front[0, 0] = True
    steps = 0
    while front.any():
        distance[front] = steps
        front = ndi.binary_dilation(front) & corridors & (distance < 0)
        steps += 1
    far = np.unravel_index(np.argmax(distance), distance.shape)
    return corridors, (0, 0), (int(far[0]), int(far[1]))


@pytest.mark.parametrize("name", MAZES)
@pytest.mark.parametrize("connectivity", [1, 2])
def test_a_value_goes_through_a_maze_of_a_hundred_tiles(name: str, connectivity: int) -> None:
    corridors, entrance, far = maze(name)
    rng = np.random.default_rng(0)
    limit = np.where(corridors, rng.integers(100, 200, corridors.shape), rng.integers(0, 20, corridors.shape))
    limit = limit.astype(np.uint8)
    seed = np.zeros_like(limit)
    seed[entrance] = limit[entrance]
    around = ndi.generate_binary_structure(2, connectivity)
    expected = skimage.morphology.reconstruction(seed, limit, footprint=around)
    assert expected[far] == limit[corridors].min() or connectivity == 2 or name == "comb"
    for method in ("dilation", "erosion"):
        sign = 1 if method == "dilation" else -1
        images = [from_array((sign * a.astype(np.int16)).astype(np.int16)) for a in (seed, limit)]
        lazy = tm.reconstruction(*images, method=method, connectivity=connectivity)
        np.testing.assert_array_equal(run_tiled(lazy, (TILE, TILE), rng), sign * expected)


@pytest.mark.parametrize("name", MAZES)
def test_trees_grow_through_a_maze_of_a_hundred_tiles(name: str) -> None:
    corridors, entrance, far = maze(name)
    rng = np.random.default_rng(0)
    elevation = rng.random(corridors.shape).astype(np.float32) + 10 * ~corridors
    markers = np.zeros(corridors.shape, np.int32)
    markers[entrance], markers[far] = 7, 3
    lazy = tm.watershed_forest(from_array(elevation), from_array(markers))
    expected = kruskal_of(elevation, markers)
    assert set(np.unique(expected)) == {3, 7}
    np.testing.assert_array_equal(run_tiled(lazy, (TILE, TILE), rng), expected)


@pytest.mark.parametrize("name", MAZES)
def test_a_flood_ends_where_the_maze_does(name: str) -> None:
    corridors, entrance, _ = maze(name)
    found = tm.flood(from_array(corridors), entrance, connectivity=1).compute(tile=TILE)
    np.testing.assert_array_equal(found, corridors)


@pytest.mark.parametrize("crowded", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(12))
def test_ties_are_the_same_on_every_grid_and_in_every_merge_order(
    seed: int, crowded: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perimeters, "_CROWDED", crowded)
    monkeypatch.setattr(perimeters, "_AT_ONCE", 7 + seed)
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    shape = tuple(int(n) for n in rng.integers(2, 25 if ndim == 2 else 9, ndim))
    levels = int(rng.choice([1, 2, 8]))
    limit, connectivity = rng.integers(0, levels, shape), int(rng.integers(1, ndim + 1))
    seeds = np.where(rng.random(shape) < 0.05, limit, 0)
    markers = np.where(rng.random(shape) < 0.05, rng.integers(1, 4, shape), 0)
    around = ndi.generate_binary_structure(ndim, connectivity)
    spread = tm.reconstruction(from_array(seeds), from_array(limit), connectivity=connectivity)
    forest = tm.watershed_forest(from_array(limit), from_array(markers), connectivity=connectivity)
    for _ in range(3):
        tile = random_tile(rng, shape)
        expected = skimage.morphology.reconstruction(seeds, limit, footprint=around)
        np.testing.assert_array_equal(run_tiled(spread, tile, rng), expected)
        expected = kruskal_of(limit, markers, connectivity=connectivity)
        np.testing.assert_array_equal(run_tiled(forest, tile, rng), expected)


def test_infinite_values_spread_like_others() -> None:
    rng = np.random.default_rng(2)
    limit = rng.choice([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf], (23, 31)).astype(np.float32)
    seed = np.where(rng.random(limit.shape) < 0.2, limit, -np.inf).astype(np.float32)
    found = tm.reconstruction(from_array(seed), from_array(limit)).compute(tile=(5, 4))
    expected = skimage.morphology.reconstruction(seed, limit)
    np.testing.assert_array_equal(found, expected)
    assert found.tobytes() == (tm.reconstruction(seed, limit)).tobytes()
    markers = np.where(rng.random(limit.shape) < 0.02, 1 + rng.integers(0, 4, limit.shape), 0)
    grown = tm.watershed_forest(from_array(limit), from_array(markers)).compute(tile=(5, 4))
    np.testing.assert_array_equal(grown, kruskal_of(limit, markers))


def test_control_a_tile_alone_does_not_know() -> None:
    """Without what the perimeters say, a value and a label stay in their tile."""
    corridors, entrance, _ = maze("serpentine")
    seed = np.zeros_like(corridors)
    seed[entrance] = True
    parts = (np.s_[:TILE], np.s_[TILE:])
    alone = [
        reconstruct.reconstruct(seed[p], corridors[p], record=None, method="dilation", connectivity=1) for p in parts
    ]
    assert not np.array_equal(np.concatenate(alone), corridors)
    markers = seed.astype(np.uint8)
    grown = [forests.grow_trees(~corridors[p], markers[p], record=None, connectivity=1) for p in parts]
    assert not np.concatenate(grown).all()


@pytest.mark.parametrize("module", [reconstruct, forests])
def test_control_without_corners_a_diagonal_is_lost(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = np.eye(12, dtype=np.uint8)
    seed = np.zeros_like(limit)
    seed[0, 0] = 1
    calls = {
        reconstruct: lambda: tm.reconstruction(from_array(seed), from_array(limit)),
        forests: lambda: tm.watershed_forest(
            from_array(1 - limit), from_array(seed), mask=from_array(limit > 0), connectivity=2
        ),
    }
    np.testing.assert_array_equal(calls[module]().compute(tile=3), limit)
    pairs = module.seam_pairs
    monkeypatch.setattr(module, "seam_pairs", lambda ids, grid, connectivity: pairs(ids, grid, 1))
    assert not np.array_equal(calls[module]().compute(tile=3), limit)


def test_many_markers_leave_short_notes() -> None:
    """A note has at most one edge per perimeter pixel, however many labels the tile has."""
    rng = np.random.default_rng(0)
    grid = Grid((120, 120), (40, 40))
    place = Place(4, grid.core((1, 1)), grid.tile, grid.shape)
    markers = np.where(rng.random((40, 40)) < 0.5, rng.integers(1, 10**9, (40, 40)), 0)
    _, note = forests.survey_trees(rng.random((40, 40)), markers, place=place, connectivity=2)
    assert note is not None
    assert len(note["a"]) <= 4 * 40 - 4
