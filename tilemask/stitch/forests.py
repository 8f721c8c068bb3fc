"""The minimum spanning forest rooted in markers, over the whole image.

The elevation orders all edges strictly: by the elevation of their later pixel, then by their earlier pixel, then by the
raster index of the later; pixels are ordered by elevation and then by raster index in the whole image. Going through
the edges in that order, two trees are joined unless both hold a marker; each pixel then has the marker of its tree. A
strict order makes the forest unique, so it may be found in any way: here every pixel that is no marker merges over its
first edge into a neighbour, which has the same marker as itself, until markers are left (tiles: markers and perimeter).
Markers of one label are one vertex from the beginning, since their trees need not be told apart.

Of a tile's tree those edges are sent that a forest rooted in all markers of the tile and in all of its neighbours could
hold: at most one per perimeter pixel, however many markers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.components import number_type, raster_index
from tilemask.stitch.contraction import Indices, Round, contract, spanning_tree, trace
from tilemask.stitch.faces import compact
from tilemask.stitch.perimeters import Columns, needed_edges, perimeter, seam_pairs, solve_together
from tilemask.stitch.pixels import PixelGraph, contract_pixels

Record = dict[str, Any]
Labels = NDArray[Any]
_ORDER = ("later", "earlier", "low", "high")
"""What edges are ordered by, the last first."""


def survey_trees(
    elevation: NDArray[Any],
    markers: Labels,
    mask: NDArray[np.bool_] | None = None,
    *,
    place: Place,
    connectivity: int,
) -> tuple[dict[str, Any], Record | None]:
    """Check the pixels of a tile, and note which edges its perimeter must be joined over."""
    nan = _count_nan(elevation, mask)
    part = {"nan": nan, "connectivity": connectivity}
    sides = place.core.open_faces(place.shape)
    if nan or not sides:
        return part, None
    at = perimeter(elevation.shape, sides)
    labels = _inside(markers, mask)
    graph = _contract(elevation, labels, mask, connectivity, at)
    note = {"sides": sides, "elevation": elevation.ravel()[at], "labels": labels.ravel()[at].astype(np.int64)}
    if mask is not None:
        note["inside"] = mask.ravel()[at]
    return part, note | _tree(graph, elevation, labels.ravel(), at, place)


def combine_trees(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts."""
    return a | {"nan": a["nan"] + b["nan"]}


def finish_trees(
    part: dict[str, Any], read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Label all perimeters at once.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``sides`` and ``labels`` (int64, the tile's perimeter); None for the only tile.

    Raises
    ------
    InputError
        Where a pixel is NaN; known only when all tiles are, so that every grid gives the same message.

    Notes
    -----
    Memory: 85 bytes per pixel on a seam, 225 where corners count.
    """
    if part["nan"]:
        raise InputError(
            f"watershed_forest orders pixels by elevation, and NaN has no order; found {part['nan']} NaN. Leave them "
            "out by mask=, as in mask=~numpy.isnan(elevation)."
        )

    def solve(notes: Columns) -> tuple[str, Labels]:
        own = notes["labels"]
        names = np.unique(np.concatenate([own, notes["label"]]))
        edges = needed_edges(_all_edges(notes, names, part["connectivity"], grid), len(own), _places)[0]
        fixed = np.arange(len(own) + len(names)) >= len(own)
        rounds = contract(edges, fixed).rounds
        return "labels", np.where(own != 0, own, _downwards(rounds, names)[: len(own)])

    yield from solve_together(read_note, grid, "labels", solve)


def grow_trees(
    elevation: NDArray[Any],
    markers: Labels,
    mask: NDArray[np.bool_] | None = None,
    *,
    record: Record | None,
    connectivity: int,
) -> Labels:
    """Label one tile, given the labels of its perimeter."""
    labels = _inside(markers, mask).ravel()
    if record is not None:
        labels = labels.copy()
        labels[perimeter(elevation.shape, record["sides"])] = record["labels"]
    contraction = _contract(elevation, labels, mask, connectivity, np.empty(0, np.intp)).contraction
    return _downwards(contraction.rounds, labels[contraction.kept]).reshape(elevation.shape)


def _contract(
    elevation: NDArray[Any], labels: Labels, mask: NDArray[np.bool_] | None, connectivity: int, held: Indices
) -> PixelGraph:
    """Contract a tile to the pixels that are held and one pixel per label."""
    return contract_pixels(elevation, connectivity, roots=_roots(labels.ravel(), held), inside=mask)


def _roots(labels: Labels, held: Indices) -> Indices:
    """Per pixel the first of its label, or itself where it is held; -1 for those that are to be merged."""
    roots = np.full(labels.size, -1, number_type(labels.size))
    roots[held] = held
    marked = np.flatnonzero(labels).astype(roots.dtype)
    roots[marked] = marked[_first_of_each(labels[marked])]
    return roots


def _first_of_each(labels: Labels) -> Indices:
    """Per entry, the place of the first that is equal to it."""
    if not len(labels):
        return np.empty(0, np.intp)
    low, high = labels.min(), labels.max()
    if int(high) - int(low) >= 2 * len(labels) + 2**20:
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return first[inverse]
    # A table, because sorting 4 million labels takes longer than the whole contraction of a smooth tile.
    codes = (labels - low).astype(np.intp)
    table = np.empty(int(high) - int(low) + 1, np.intp)
    table[codes[::-1]] = np.arange(len(labels))[::-1]
    return table[codes]


def _tree(graph: PixelGraph, elevation: NDArray[Any], labels: Labels, at: Indices, place: Place) -> Record:
    """The edges between perimeter pixels, and between them and labels; all labels count as one tree."""
    kept, edges = graph.contraction.kept, graph.contraction.edges
    free = labels[kept] == 0
    vertex = np.where(free, np.arange(len(kept)), len(kept))
    key = spanning_tree(edges.renumber(vertex), len(kept) + 1)
    pixels = graph.ends(key)
    ends = np.stack([trace(graph.contraction.rounds, pixel) for pixel in pixels])
    ends = np.where(free[ends[0]], ends, ends[::-1])  # a label is the second end
    a, b = kept[ends]
    flat = elevation.ravel()
    later, earlier = (raster_index(pixel.astype(np.int64), place.core, place.shape) for pixel in pixels)
    return {
        "a": compact(np.searchsorted(at, a)),
        "b": compact(np.where(labels[b] == 0, np.searchsorted(at, b), 0)),
        "label": labels[b].astype(np.int64),
        "later": later,
        "earlier": earlier,
        "high": flat[pixels[0]],
        "low": flat[pixels[1]],
    }


def _all_edges(notes: Columns, names: Labels, connectivity: int, grid: Grid) -> Iterator[Columns]:
    """The edges within and between the perimeters of all tiles; behind the perimeter pixels follow the labels."""
    own, label = notes["labels"], notes.pop("label")
    kind = number_type(len(own) + len(names))
    vertex = np.where(own == 0, np.arange(len(own)), len(own) + np.searchsorted(names, own)).astype(kind)
    b = np.where(label == 0, notes.pop("b"), len(own) + np.searchsorted(names, label)).astype(kind)
    yield {"a": notes.pop("a").astype(kind), "b": b} | {name: notes.pop(name) for name in _ORDER}
    ids, heights, inside = notes.pop("ids"), notes.pop("elevation"), notes.pop("inside", None)
    for here, there in seam_pairs(ids, grid, connectivity):
        open_ = (own[here] == 0) | (own[there] == 0)
        if inside is not None:
            open_ &= inside[here] & inside[there]
        here, there = here[open_], there[open_]
        up = heights[there] >= heights[here]  # and the raster index of `there` is the larger
        later, earlier = np.where(up, there, here), np.where(up, here, there)
        ranks = (ids[later], ids[earlier], heights[earlier], heights[later])
        yield {"a": vertex[here], "b": vertex[there]} | dict(zip(_ORDER, ranks, strict=True))


def _places(edges: Columns) -> Indices:
    """The places of edges from good to bad."""
    return np.lexsort([edges[name] for name in _ORDER])


def _downwards(rounds: tuple[Round, ...], labels: Labels) -> Labels:
    """The labels of the vertices of the first round, given those of the kept ones."""
    for made in reversed(rounds):
        labels = np.append(labels, labels.dtype.type(0))[made.into]
    return labels


def _inside(markers: Labels, mask: NDArray[np.bool_] | None) -> Labels:
    return markers if mask is None else np.where(mask, markers, markers.dtype.type(0))


def _count_nan(elevation: NDArray[Any], mask: NDArray[np.bool_] | None) -> int:
    if elevation.dtype.kind != "f":
        return 0
    nan = np.isnan(elevation)
    return int((nan if mask is None else nan & mask).sum())
