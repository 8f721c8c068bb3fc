"""Merge the vertices of a graph over their best edges, until only those are left that others must still see.

Reconstruction and the spanning forest both ask, between some pixels, for the path whose worst edge is best. A vertex
that nobody else looks at can be merged into its neighbour over its own best edge without changing that for any other
pair: whatever path comes through it could as well have come through the neighbour. All such vertices merge at once, so
a round at least halves them, and every step is one NumPy call over all edges (Borůvka's rounds; Kruskal's order would
be a loop over pixels in Python). What is left of a tile is its perimeter; what is left of an image is nothing.

Edges carry a *key*, unique and ascending from good to bad; what a key means is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.signedinteger[Any]]
"""Numbers of vertices and keys: of 32 bits where that is enough, which halves the memory of a contraction."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges between vertices 0 to n - 1; several may join the same two.

    Attributes
    ----------
    key : 1-D ndarray of int32 or int64
        Unique, not negative, and below the largest of their type; the smaller the better.
    a, b : 1-D ndarray of int32 or int64
    """

    key: Indices
    a: Indices
    b: Indices

    def join(self, other: Edges) -> Edges:
        if not len(self.key):
            return other
        pairs = ((self.key, other.key), (self.a, other.a), (self.b, other.b))
        return Edges(*map(np.concatenate, pairs))

    def renumber(self, table: Indices) -> Edges:
        """The edges between other vertices, without those that have become loops."""
        a, b = table[self.a], table[self.b]
        apart = a != b
        return Edges(self.key[apart], a[apart], b[apart])


@dataclass(frozen=True, slots=True)
class Round:
    """Where the vertices of one round went.

    Attributes
    ----------
    into : 1-D ndarray of int32 or int64
        Per vertex its place among the vertices of the next round; -1 where it has no edge left and ends here.
    key : 1-D ndarray of int32 or int64
        Per vertex the edge over which it was merged; -1 where it was not.
    """

    into: Indices
    key: Indices


@dataclass(frozen=True, slots=True)
class Contraction:
    """A graph that has been contracted: its rounds, and what is left.

    Attributes
    ----------
    rounds : tuple of Round
    kept : 1-D ndarray of int32 or int64
        The fixed vertices, by their numbers before the first round.
    edges : Edges
        Between the kept vertices, by their places in `kept`.
    """

    rounds: tuple[Round, ...]
    kept: Indices
    edges: Edges


def contract(edges: Edges, fixed: NDArray[np.bool_]) -> Contraction:
    """Merge every vertex that is not fixed into one that is, or into nothing where none can be reached.

    Parameters
    ----------
    edges : Edges
    fixed : 1-D ndarray of bool
        One per vertex.

    Notes
    -----
    Time: as many rounds as the vertices that are not fixed can be halved; each a few passes over the edges left.
    Memory: of numbers of 32 bits 12 bytes per edge and 24 more while it runs, 20 bytes per vertex; of 64 twice that.
    """
    kind, worst = edges.a.dtype, np.iinfo(edges.key.dtype).max
    rounds, names = [], np.arange(len(fixed), dtype=kind)
    while not fixed.all():
        best = np.full(len(fixed), worst, edges.key.dtype)
        np.minimum.at(best, edges.a, edges.key)
        np.minimum.at(best, edges.b, edges.key)
        parent = np.arange(len(fixed), dtype=kind)
        for here, there in ((edges.a, edges.b), (edges.b, edges.a)):
            chosen = best[here] == edges.key
            parent[here[chosen]] = there[chosen]
        parent[fixed] = np.flatnonzero(fixed)
        made, left = merge(parent, best, fixed | (best < worst))
        rounds.append(made)
        names, fixed = names[left], fixed[left]
        edges = edges.renumber(made.into)
    return Contraction(tuple(rounds), names, edges)


def merge(parent: Indices, best: Indices, lasting: NDArray[np.bool_]) -> tuple[Round, Indices]:
    """One round, given where each vertex goes.

    Parameters
    ----------
    parent : 1-D ndarray of int32 or int64
        The neighbour over the best edge; the vertex itself where it is fixed or alone. Changed in place.
    best : 1-D ndarray of int32 or int64
        That edge. Changed in place.
    lasting : 1-D ndarray of bool
        False where a vertex that nobody merges into ends here.

    Returns
    -------
    Round
    left : the vertices that go on
    """
    vertices = np.arange(len(parent), dtype=parent.dtype)
    mutual = (parent[parent] == vertices) & (vertices < parent)
    parent[mutual] = vertices[mutual]
    stays = parent == vertices
    best[stays] = -1
    follow(parent)
    left = vertices[stays & lasting]
    place = np.full(len(parent), -1, parent.dtype)
    place[left] = np.arange(len(left), dtype=parent.dtype)
    return Round(place[parent], best), left


def follow(parent: Indices) -> None:
    """Let every vertex point to the end of its chain, in place; chains must not be circles."""
    going = np.flatnonzero(parent[parent] != parent)
    while len(going):
        further = parent[parent[going]]
        parent[going] = further
        going = going[parent[further] != further]


def spanning_tree(edges: Edges, count: int) -> Indices:
    """The keys of the edges of the minimum spanning forest of vertices 0 to `count` - 1, in no order."""
    rounds = contract(edges, np.zeros(count, np.bool_)).rounds
    return np.concatenate([edges.key[:0], *(r.key[r.key >= 0] for r in rounds)])


def trace(rounds: tuple[Round, ...], vertices: Indices) -> Indices:
    """Where some vertices of the first round are after the last; -1 for those that have ended on the way."""
    for made in rounds:
        vertices = np.where(vertices >= 0, made.into[vertices], -1)
    return vertices
