"""Close what seams have cut: from the chains of many tiles to rings, to polygons with holes, label by label.

A chain leaves a tile at a vertex where its successor enters another, and label, vertex and turn occur once among the
entries and once among the exits; so two sorts join everything at once. What was no corner but a seam is dropped, so
that nothing of the tiles remains: every ring has its corners alone and begins at its first one in raster order. There
an exterior sets out to the east and a hole to the south, which tells them apart without a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tilemask.stitch.chains import cross_over, follow, match
from tilemask.stitch.cracks import Piece, spans

Rings = dict[str, NDArray[Any]]
"""``labels`` (int64) and ``counts`` per ring, ``exterior`` (bool), and the ``points`` of all."""


def join(pieces: list[Piece], *, divide: bool) -> Rings:
    """Make rings of the chains of all tiles that show some labels.

    Parameters
    ----------
    pieces : list of dict
        As from `trace`, all chains of each label among them.
    divide : bool
        Divide rings that touch themselves, as `trace` does unless lines go across.

    Returns
    -------
    dict
        The rings by label, exteriors before holes, each of these by their first point in raster order.
    """
    names = ("labels", "counts", "entry", "exit", "points")
    chains = {n: np.concatenate([p[n] for p in pieces]) for n in names}
    closed = chains["entry"] < 0
    of_point = np.repeat(closed, chains["counts"])
    cut = np.flatnonzero(~closed)
    labels, counts, points = chains["labels"][closed], chains["counts"][closed], chains["points"][of_point]
    if len(cut):
        found = _closed({n: chains[n][cut] for n in names[:-1]} | {"points": chains["points"][~of_point]}, divide)
        labels, counts = np.concatenate((labels, found[0])), np.concatenate((counts, found[1]))
        points = np.concatenate((points, found[2]))
    starts = np.cumsum(counts) - counts
    first, second = points[starts], points[starts + 1]
    exterior = first[:, 0] == second[:, 0]
    order = np.lexsort((first[:, 1], first[:, 0], ~exterior, labels))
    return {
        "labels": labels[order],
        "counts": counts[order],
        "exterior": exterior[order],
        "points": points[spans(starts[order], counts[order])],
    }


def _closed(chains: Piece, divide: bool) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Labels, counts and points of the rings that open chains make up."""
    label, counts = chains["labels"], chains["counts"]
    leaving = np.column_stack((chains["exit"], label))
    successor = match(leaving, np.column_stack((chains["entry"], label)))
    order, starts = follow(successor, np.arange(len(successor)))
    begins = np.cumsum(counts) - counts
    # The last point of a chain is the first of the next one.
    points = chains["points"][spans(begins[order], counts[order] - 1)]
    sizes = np.add.reduceat(counts[order] - 1, starts[:-1])
    ring = np.repeat(np.arange(len(sizes)), sizes)
    stops = np.cumsum(sizes)
    following = np.arange(1, len(points) + 1)
    following[stops - 1] = stops - sizes
    before = np.empty(len(points), np.int64)
    before[following] = np.arange(len(points))
    # A line goes straight on where neither its row nor its column is another one on both sides.
    straight = ((points[before] == points) & (points == points[following])).any(axis=1)
    corner = np.flatnonzero(~straight)
    points, ring = points[corner], ring[corner]
    return _begun_first(points, ring, label[order[starts[:-1]]], divide)


def _begun_first(
    points: NDArray[Any], ring: NDArray[Any], labels: NDArray[Any], divide: bool
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Turn each ring to its first corner in raster order, after those that touch themselves are divided."""
    sizes = np.bincount(ring)
    stops = np.cumsum(sizes)
    successor = np.arange(1, len(points) + 1)
    successor[stops - 1] = stops - sizes
    row, column = points.astype(np.int64).T
    vertex = row * (int(column.max()) + 1) + column
    if divide:
        crossed = cross_over(successor, ring, vertex)
        successor = successor if crossed is None else crossed
    order, starts = follow(successor, vertex)
    return labels[ring[order[starts[:-1]]]], np.diff(starts), points[order]


def parents(rings: Rings) -> NDArray[np.int64]:
    """Per ring the exterior that it is a hole in; an exterior is its own.

    Where a label has several exteriors, a pixel that the hole borders on decides: the smallest of them around it.
    """
    labels, exterior = rings["labels"], rings["exterior"]
    numbers = np.arange(len(labels))
    begins = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    group = np.cumsum(np.isin(numbers, begins)) - 1
    parent = np.where(exterior, numbers, begins[group])
    outer = np.bincount(group, weights=exterior).astype(np.int64)[group]
    undecided = np.flatnonzero(~exterior & (outer > 1))
    if not len(undecided):
        return parent
    among = np.flatnonzero(exterior & np.isin(group, group[undecided]))
    counts, points = rings["counts"], rings["points"]
    starts = np.cumsum(counts) - counts
    corners = points[spans(starts[among], counts[among])].astype(float)
    outlines = shapely.polygons(shapely.linearrings(corners, indices=np.repeat(np.arange(len(among)), counts[among])))
    # The pixel above the first crack of a hole is always one of its label; the one diagonally across need not be.
    tree = shapely.STRtree(outlines)
    asked, hits = tree.query(shapely.points(points[starts[undecided]] + (-0.5, 0.5)), predicate="within")
    same = group[undecided[asked]] == group[among[hits]]
    asked, hits = asked[same], hits[same]
    order = np.lexsort((shapely.area(outlines[hits]), asked))
    first = order[np.diff(asked[order], prepend=-1) > 0]
    parent[undecided[asked[first]]] = among[hits[first]]
    return parent
