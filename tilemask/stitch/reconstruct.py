"""Reconstruction: a seed image spreads through the whole image as far as its limit lets it.

The value of a pixel is the best that any pixel's seed can bring to it, where a path is as good as its worst pixel. So a
tile sends, of its perimeter, the values that its own seeds bring there and the worst pixel on the best path between any
two of them: a tree with one edge less than pixels. On the graph of all perimeters the values are found at once, however
long the paths are, and a tile that knows them at its perimeter needs to know nothing else.

Within this file low is good and spreads under maxima, as in a reconstruction by erosion; a dilation changes signs.
Nothing is ever added, so floats are as exact as integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.components import number_type, raster_index
from tilemask.stitch.contraction import Contraction, Round, contract, spanning_tree, trace
from tilemask.stitch.faces import compact
from tilemask.stitch.perimeters import Columns, needed_edges, perimeter, seam_pairs, solve_together
from tilemask.stitch.pixels import PixelGraph, contract_pixels

Record = dict[str, Any]
Mask = NDArray[np.bool_]
Values = NDArray[np.floating[Any]]
Bottleneck = Callable[[NDArray[np.int64]], Values]
"""What an edge lets through, by its key."""


def value_type(limit: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a reconstruction, scikit-image's: float32 stays, all else becomes float64."""
    return limit if limit == np.float32 else np.dtype(np.float64)


def survey_perimeter(
    seed: NDArray[Any],
    limit: NDArray[Any],
    where: Mask | None = None,
    *,
    place: Place,
    what: str,
    method: str,
    connectivity: int,
) -> tuple[dict[str, Any], Record | None]:
    """Check the pixels of a tile, and note what its perimeter has and lets through."""
    named = (seed, limit) if what == "reconstruction" else (limit,)  # an extremum's seed is our own
    part = _faults(seed, limit, where, place, method) | _not_finite(named, where)
    part |= {"what": what, "method": method, "connectivity": connectivity}
    sides = place.core.open_faces(place.shape)
    if part["nan"] or (part["infinite"] and what != "reconstruction") or not sides:
        return part, None
    start, bound, ranking = _oriented(seed, limit, where, method)
    at = perimeter(limit.shape, sides)
    roots = np.full(limit.size, -1, number_type(limit.size))
    roots[at] = at
    graph = contract_pixels(ranking, connectivity, roots=roots, inside=where)
    bottleneck = _of_pixels(graph, bound)
    spread = _upwards(graph.contraction, start, bottleneck)[-1][0]
    tree = spanning_tree(graph.contraction.edges, len(at))
    a, b = (trace(graph.contraction.rounds, pixel) for pixel in graph.ends(tree))
    worst = bottleneck(tree)
    return part, {"sides": sides, "start": spread, "bound": bound[at], "a": compact(a), "b": compact(b), "worst": worst}


def combine_faults(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts."""
    firsts = [p["first"] for p in (a, b) if p["first"] is not None]
    counts = {name: a[name] + b[name] for name in ("nan", "infinite", "beyond")}
    return a | counts | {"first": min(firsts, default=None)}


def finish_perimeters(
    part: dict[str, Any], read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """Find the values of all perimeters at once.

    Yields
    ------
    number : int
        Tile number, ascending.
    record : dict or None
        ``sides`` and ``values`` (the tile's perimeter, low is good); None for the only tile.

    Raises
    ------
    InputError
        Where a seed is beyond its limit, or a pixel is NaN; known only when all tiles are, so that every grid gives the
        same message.

    Notes
    -----
    Memory: 85 bytes per pixel on a seam, 170 where corners count.
    """
    _refuse(part, grid)

    def solve(notes: Columns) -> tuple[str, Values]:
        batches = _all_edges(notes, part["connectivity"], grid)
        start = notes.pop("start")
        edges, ranks = needed_edges(batches, len(start), lambda table: np.argsort(table["worst"], kind="stable"))
        worst = ranks["worst"]
        rounds = contract(edges, np.zeros(len(start), np.bool_))
        return "values", _settle(rounds, start, lambda key: worst[key])

    yield from solve_together(read_note, grid, "start", solve)


def reconstruct(
    seed: NDArray[Any],
    limit: NDArray[Any],
    where: Mask | None = None,
    *,
    record: Record | None,
    method: str,
    connectivity: int,
) -> NDArray[Any]:
    """Reconstruct one tile, given the values at its perimeter; 0 where nothing is asked."""
    start, bound, ranking = _oriented(seed, limit, where, method)
    if record is not None:
        start[perimeter(limit.shape, record["sides"])] = record["values"]
    graph = contract_pixels(ranking, connectivity, inside=where)
    values = _settle(graph.contraction, start, _of_pixels(graph, bound)).reshape(limit.shape)
    if method == "dilation":
        np.negative(values, out=values)
    if where is not None:
        values[~where] = 0
    # 0 is added since -0.0 then becomes 0.0: the two are equal, and which of them comes may differ between grids.
    return np.add(values, values.dtype.type(0), out=values)


def _oriented(
    seed: NDArray[Any], limit: NDArray[Any], where: Mask | None, method: str
) -> tuple[Values, Values, NDArray[Any]]:
    """Seed and limit as flat floats where low is good, and an array of any dtype that sorts as the limit does.

    What is not asked neither has nor lets through anything.
    """
    kind = value_type(limit.dtype)
    start, bound, ranking = seed.astype(kind).ravel(), limit.astype(kind).ravel(), limit
    if method == "dilation":
        np.negative(start, out=start)
        np.negative(bound, out=bound)
        ranking = -limit if limit.dtype.kind == "f" else ~limit
    if where is not None:
        start[~where.ravel()] = bound[~where.ravel()] = np.inf
    return start, bound, ranking


def _of_pixels(graph: PixelGraph, bound: Values) -> Bottleneck:
    return lambda key: bound[graph.level(key)]


def _upwards(contraction: Contraction, start: Values, bottleneck: Bottleneck) -> list[tuple[Values, Values]]:
    """Per round what the seeds bring to its vertices, and what keeps these from where they go; last the kept ones."""
    levels = [(start, start)]
    for made in contraction.rounds:
        own = levels.pop()[0]
        barrier = _barrier(made, bottleneck, own.dtype)
        values = np.full(int(made.into.max(initial=-1)) + 2, np.inf, own.dtype)  # the last is of those that end here
        np.minimum.at(values, made.into, np.maximum(own, barrier))
        levels += [(own, barrier), (values[:-1], values[:-1])]
    return levels


def _settle(contraction: Contraction, start: Values, bottleneck: Bottleneck) -> Values:
    """The values of all vertices of a graph that is contracted to nothing."""
    *levels, (values, _) = _upwards(contraction, start, bottleneck)
    for made in reversed(contraction.rounds):
        own, barrier = levels.pop()
        values = np.append(values, own.dtype.type(np.inf))[made.into]
        np.maximum(values, barrier, out=values)
        np.minimum(values, own, out=values)
    return values


def _barrier(made: Round, bottleneck: Bottleneck, dtype: np.dtype[Any]) -> Values:
    """What keeps each vertex of a round from the one that it was merged into; nothing where it is that one."""
    barrier = np.full(len(made.key), -np.inf, dtype)
    moved = np.flatnonzero(made.key >= 0)
    barrier[moved] = bottleneck(made.key[moved])
    return barrier


def _all_edges(notes: Columns, connectivity: int, grid: Grid) -> Iterator[Columns]:
    """The edges within and between the perimeters of all tiles, and what each lets through."""
    ids, bound = notes.pop("ids"), notes.pop("bound")
    yield {name: notes.pop(name) for name in ("a", "b", "worst")}
    for here, there in seam_pairs(ids, grid, connectivity):
        yield {"a": here, "b": there, "worst": np.maximum(bound[here], bound[there])}


def _faults(seed: NDArray[Any], limit: NDArray[Any], where: Mask | None, place: Place, method: str) -> dict[str, Any]:
    asked: Any = True if where is None else where
    beyond = np.flatnonzero((seed > limit if method == "dilation" else seed < limit) & asked)
    first = int(raster_index(beyond[:1], place.core, place.shape)[0]) if len(beyond) else None
    return {"beyond": len(beyond), "first": first}


def _not_finite(images: Sequence[NDArray[Any]], where: Mask | None) -> dict[str, int]:
    asked: Any = True if where is None else where
    floats = [image for image in images if image.dtype.kind == "f"]
    return {
        "nan": sum(int((np.isnan(image) & asked).sum()) for image in floats),
        "infinite": sum(int((np.isinf(image) & asked).sum()) for image in floats),
    }


def _refuse(part: dict[str, Any], grid: Grid) -> None:
    what = part["what"]
    if what != "reconstruction" and (part["nan"] or part["infinite"]):
        raise InputError(
            f"{what} measures heights; found {part['nan']} NaN and {part['infinite']} infinite pixels. Leave them out "
            "by where=, as in where=numpy.isfinite(image)."
        )
    if part["nan"]:
        raise InputError(
            f"reconstruction compares pixels, and NaN has no order; found {part['nan']} NaN in seed and limit "
            "together. Leave them out by where=, as in where=~numpy.isnan(limit)."
        )
    if part["beyond"]:
        side, cut = {"dilation": ("above", "minimum"), "erosion": ("below", "maximum")}[part["method"]]
        pixel = tuple(int(i) for i in np.unravel_index(part["first"], grid.shape))
        raise InputError(
            f"reconstruction by {part['method']} spreads seeds up to their limit; found {part['beyond']} pixels where "
            f"the seed is {side} it, the first at {pixel}. Use numpy.{cut}(seed, limit) as the seed."
        )
