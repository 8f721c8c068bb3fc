"""Contraction keeps, between the vertices that are kept, the worst edge on the best path; whatever the graph."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch import pixels
from tilemask.stitch.contraction import Contraction, Edges, contract, follow, spanning_tree, trace
from tilemask.stitch.perimeters import perimeter, perimeter_ids, seam_pairs
from tilemask.stitch.pixels import contract_pixels, forward_offsets, neighbour_pairs, raster_order

SEEDS = range(30)
NOWHERE = np.iinfo(np.int64).max


def some_graph(rng: np.random.Generator) -> tuple[Edges, int]:
    """Edges with unique keys, several of them between the same vertices, and vertices without any."""
    count, many = int(rng.integers(1, 30)), int(rng.integers(0, 80))
    a, b = rng.integers(0, count, (2, many))
    key = rng.permutation(1000)[:many]
    apart = a != b
    return Edges(key[apart], a[apart], b[apart]), count


def worst_on_best_path(edges: Edges, count: int) -> NDArray[np.int64]:
    """Per pair of vertices, by trying every vertex on the way."""
    worst = np.full((count, count), NOWHERE)
    for key, a, b in zip(edges.key, edges.a, edges.b, strict=True):
        worst[a, b] = worst[b, a] = min(key, worst[a, b])
    for over in range(count):
        worst = np.minimum(worst, np.maximum(worst[:, over : over + 1], worst[over]))
    np.fill_diagonal(worst, -1)
    return worst


def places(contraction: Contraction, count: int) -> NDArray[Any]:
    """The number of the vertex that each vertex has become; -1 for none."""
    at = trace(contraction.rounds, np.arange(count))
    return np.where(at >= 0, np.append(contraction.kept, -1)[at], -1)


@pytest.mark.parametrize("seed", SEEDS)
def test_paths_between_kept_vertices_keep_their_worst_edge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges, count = some_graph(rng)
    fixed = rng.random(count) < rng.choice([0.0, 0.1, 0.5, 1.0])
    made = contract(edges, fixed)
    np.testing.assert_array_equal(made.kept, np.flatnonzero(fixed))
    left = worst_on_best_path(made.edges, len(made.kept))
    np.testing.assert_array_equal(left, worst_on_best_path(edges, count)[np.ix_(made.kept, made.kept)])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_vertex_becomes_the_fixed_one_that_kruskal_joins_it_to(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges, count = some_graph(rng)
    fixed = rng.random(count) < 0.3
    trees, rooted = np.arange(count), fixed.copy()
    for n in np.argsort(edges.key):
        a, b = trees[edges.a[n]], trees[edges.b[n]]
        if a != b and not (rooted[a] and rooted[b]):
            keep, gone = (b, a) if rooted[b] else (a, b)
            trees[trees == gone] = keep
    expected = np.where(rooted[trees], trees, -1)
    np.testing.assert_array_equal(places(contract(edges, fixed), count), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tree_is_scipys(seed: int) -> None:
    edges, count = some_graph(np.random.default_rng(seed))
    best: dict[tuple[int, int], int] = {}
    for key, a, b in zip(edges.key, edges.a, edges.b, strict=True):
        pair = (min(a, b), max(a, b))
        best[pair] = min(key, best.get(pair, NOWHERE))
    ends = np.array(list(best), np.int64).reshape(-1, 2).T
    graph = coo_array((np.array(list(best.values()), float) + 1, (ends[0], ends[1])), shape=(count, count))
    expected = np.sort(minimum_spanning_tree(graph.tocsr()).data - 1).astype(np.int64)
    np.testing.assert_array_equal(np.sort(spanning_tree(edges, count)), expected)


def test_chains_are_followed_to_their_ends() -> None:
    parent = np.array([1, 2, 3, 3, 0, 5, 5])
    follow(parent)
    np.testing.assert_array_equal(parent, [3, 3, 3, 3, 3, 5, 5])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int32", "uint32", "int64", "float32", "float64"])
def test_pixels_are_in_order_of_value_and_then_of_raster(dtype: str) -> None:
    rng = np.random.default_rng(1)
    values = (rng.integers(-3, 4, (20, 30)) * (2**20 if dtype == "int32" else 1)).astype(dtype)
    if dtype.startswith("float"):
        values[rng.random(values.shape) < 0.2] = -0.0
        values[rng.random(values.shape) < 0.2] = np.inf
        values[rng.random(values.shape) < 0.2] = -np.inf
    expected = np.lexsort((np.arange(values.size), values.ravel()))
    np.testing.assert_array_equal(raster_order(values), expected)


@pytest.mark.parametrize(("ndim", "connectivity", "count"), [(2, 1, 2), (2, 2, 4), (3, 1, 3), (3, 2, 9), (3, 3, 13)])
def test_each_pair_of_neighbours_is_met_once(ndim: int, connectivity: int, count: int) -> None:
    raster = np.arange(3**ndim).reshape((3,) * ndim)
    pairs = [set(zip(raster[h].flat, raster[t].flat, strict=True)) for h, t in neighbour_pairs(ndim, connectivity)]
    assert len(pairs) == len(forward_offsets(ndim, connectivity)) == count
    assert all(a < b for pair in pairs for a, b in pair)
    assert sum(map(len, pairs)) == len(set.union(*pairs))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("crowded", [0.0, 0.4, 20.0])
def test_pixels_are_contracted_as_the_graph_of_all_their_edges(
    crowded: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "_CROWDED", crowded)
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    shape = tuple(int(n) for n in rng.integers(1, 12 if ndim == 2 else 6, ndim))
    connectivity = int(rng.integers(1, ndim + 1))
    values = rng.integers(0, rng.choice([1, 4, 1000]), shape)
    inside = rng.random(shape) < rng.choice([0.6, 1.0])
    roots = np.where(rng.random(values.size) < 0.2, np.arange(values.size), -1)
    graph = contract_pixels(values, connectivity, roots=roots, inside=inside)
    expected = contract(all_edges(values, inside, connectivity), roots >= 0)
    found = graph.contraction
    np.testing.assert_array_equal(found.kept, expected.kept)
    np.testing.assert_array_equal(places(found, values.size), places(expected, values.size))
    trees = [np.sort(spanning_tree(c.edges, len(c.kept))) for c in (found, expected)]
    np.testing.assert_array_equal(*trees)
    assert len(found.edges.key) <= len(expected.edges.key)
    later, earlier = graph.ends(found.edges.key)
    assert (values.ravel()[later] >= values.ravel()[earlier]).all()
    np.testing.assert_array_equal(values.ravel()[later], values.ravel()[graph.level(found.edges.key)])


def all_edges(values: NDArray[Any], inside: NDArray[np.bool_], connectivity: int) -> Edges:
    """With the keys that `contract_pixels` gives them, found the slow way."""
    raster = np.arange(values.size).reshape(values.shape)
    order = raster_order(values)
    rank, ascending = np.argsort(order), values.ravel()[order]
    codes = {step: code for code, step in enumerate(itertools.product((-1, 0, 1), repeat=values.ndim))}
    rows = []
    for here, there in neighbour_pairs(values.ndim, connectivity):
        both = inside[here] & inside[there]
        for p, q in zip(raster[here][both].tolist(), raster[there][both].tolist(), strict=True):
            earlier, later = sorted((p, q), key=lambda pixel: rank[pixel])
            ends = (np.array(np.unravel_index(pixel, values.shape)) for pixel in (later, earlier))
            code = codes[tuple(int(step) for step in np.subtract(*ends))]
            start = int(np.searchsorted(ascending, values.ravel()[later]))
            rows.append(((start * values.size + int(rank[earlier])) * 27 + code, p, q))
    key, a, b = np.array(rows, np.int64).reshape(-1, 3).T
    return Edges(key, a, b)


def test_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_MOST", 11)
    with pytest.raises(InputError, match="12 pixels is more than the 11"):
        contract_pixels(np.zeros((3, 4)), 1)


def test_a_perimeter_is_on_the_sides_that_have_a_neighbour() -> None:
    grid = Grid((7, 9), (3, 4))
    place = Place(grid.number((0, 1)), grid.core((0, 1)), grid.tile, grid.shape)
    assert place.core.open_faces(place.shape) == [1, 2, 3]
    np.testing.assert_array_equal(perimeter((3, 4), [1, 2, 3]), [0, 3, 4, 7, 8, 9, 10, 11])
    np.testing.assert_array_equal(perimeter_ids(grid, 1, [1, 2, 3]), [4, 7, 13, 16, 22, 23, 24, 25])
    assert perimeter((3, 4), []).size == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_across_seams_are_those_of_neighbours_in_different_tiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    shape = tuple(int(n) for n in rng.integers(1, 10 if ndim == 2 else 6, ndim))
    grid = Grid(shape, tuple(int(rng.integers(1, n + 1)) for n in shape))
    connectivity = int(rng.integers(1, ndim + 1))
    ids, tile = [], np.empty(shape, np.int64)
    for number in range(len(grid)):
        core = grid.core(grid.index(number))
        tile[core.slices] = number
        ids.append(perimeter_ids(grid, number, core.open_faces(shape)))
    flat, raster = np.concatenate(ids), np.arange(tile.size).reshape(shape)
    expected = set()
    for here, there in neighbour_pairs(ndim, connectivity):
        across = tile[here] != tile[there]
        expected |= set(zip(raster[here][across].tolist(), raster[there][across].tolist(), strict=True))
    found = [(flat[a].tolist(), flat[b].tolist()) for a, b in seam_pairs(flat, grid, connectivity)]
    pairs = [pair for a, b in found for pair in zip(a, b, strict=True)]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
