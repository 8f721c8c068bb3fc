"""The graph of the pixels of one array, contracted: the first and largest round without a list of all edges.

Pixels are put in a strict order, by value and then by raster index. An edge is as good as the value of its later pixel,
then as its earlier pixel, then as the raster index of the later: so flat ground is entered from below, all around,
before it is crossed. The best edge of a pixel leads to the first of its neighbours in the order of pixels, which is a
minimum over shifted arrays. Only edges between different basins are then written down.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.stitch.components import number_type
from tilemask.stitch.contraction import Contraction, Edges, Indices, contract, merge, spanning_tree

_MOST = 5 * 10**8
"""Pixels whose pairs and directions can be counted in 63 bits."""
_STEPS = 27
"""Steps to a neighbour have codes below: their digits in base 3."""
_CROWDED = 1.0
"""Edges per pixel: with all of them at once, noise took 300 bytes a pixel of a volume, and flat ground 700."""


@dataclass(frozen=True, slots=True)
class PixelGraph:
    """A contracted array.

    Attributes
    ----------
    order : 1-D ndarray of int32 or int64
        Flat indices of the pixels, first to last.
    shape : tuple of int
    contraction : Contraction
        Its first round is of pixels; keys are those of `ends`.
    """

    order: Indices
    shape: tuple[int, ...]
    contraction: Contraction

    def level(self, key: NDArray[np.int64]) -> Indices:
        """Flat indices of a pixel of the value that decides how good edges are: that of their later pixels."""
        return self.order[key // (len(self.order) * _STEPS)]

    def ends(self, key: NDArray[np.int64]) -> tuple[Indices, Indices]:
        """Flat indices of the later and the earlier pixel of edges."""
        return _ends(key, self.order, self.shape)


def contract_pixels(
    values: NDArray[Any],
    connectivity: int,
    *,
    roots: Indices | None = None,
    inside: NDArray[np.bool_] | None = None,
) -> PixelGraph:
    """Contract the pixels of an array; low values are good.

    Parameters
    ----------
    values : ndarray
        Any dtype; NaN only outside.
    connectivity : int
        1 to ndim.
    roots : 1-D ndarray of integers, optional
        Per pixel the fixed pixel that it stands for (itself, or one whose root is itself); -1 for the pixels that are
        to be merged. None: none is fixed.
    inside : ndarray of bool, optional
        False where pixels have no edges.

    Notes
    -----
    Memory: at most about 100 bytes a pixel, half of that on smooth images.
    """
    size = values.size
    if size > _MOST:
        raise InputError(
            f"an array of {size} pixels is more than the {_MOST} that are done at once. Use smaller tiles."
        )
    order = raster_order(values)
    flat = np.empty(size, order.dtype)
    flat[order] = np.arange(size, dtype=order.dtype)
    if inside is not None:
        flat[~inside.ravel()] = size
    rank = flat.reshape(values.shape)
    starts = _class_starts(values.ravel()[order])
    parent, key, lasting, fixed = _first_choices(rank, order, starts, connectivity, roots)
    made, left = merge(parent, key, lasting)
    edges = _edges_between(rank, order, starts, made.into, len(left), connectivity)
    rest = contract(edges, fixed[left])
    return PixelGraph(order, values.shape, Contraction((made, *rest.rounds), left[rest.kept], rest.edges))


def _first_choices(
    rank: NDArray[Any], order: Indices, starts: Indices, connectivity: int, roots: Indices | None
) -> tuple[Indices, NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Where each pixel goes first, over which edge, whether it may be gone to, and whether it is fixed."""
    size, flat = rank.size, rank.ravel()
    best, code = (a.ravel() for a in _first_neighbours(rank, connectivity))
    lasting = (best < size) & (flat < size)
    parent = np.arange(size, dtype=order.dtype)
    np.copyto(parent, np.take(order, best, mode="clip"), where=lasting)
    np.subtract(3**rank.ndim - 1, code, out=code, where=best < flat)  # seen from the earlier pixel
    key = _keys(flat, best, code, starts)
    fixed = np.zeros(size, np.bool_)
    if roots is not None:
        held = roots >= 0
        parent[held] = roots[held]
        fixed[roots[held]] = True
        lasting |= fixed
    return parent, key, lasting, fixed


def _class_starts(ascending: NDArray[Any]) -> Indices:
    """Per rank the first rank with the same value."""
    starts = np.arange(len(ascending), dtype=number_type(len(ascending)))
    starts[1:][ascending[1:] == ascending[:-1]] = 0
    return np.maximum.accumulate(starts, out=starts)


def _keys(one: Indices, other: Indices, code: NDArray[np.int8], starts: Indices) -> NDArray[np.int64]:
    """The keys of edges, from the ranks of their ends and the code of the step from the earlier to the later end."""
    key = np.take(starts, np.maximum(one, other), mode="clip").astype(np.int64)
    key *= len(starts)
    key += np.minimum(one, other)
    key *= _STEPS
    key += code
    return key


def _ends(key: NDArray[np.int64], order: Indices, shape: tuple[int, ...]) -> tuple[Indices, Indices]:
    """Flat indices of the later and the earlier pixel of edges."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=len(shape)))) @ np.array(strides)
    earlier = order[key // _STEPS % len(order)]
    return earlier + steps[key % _STEPS], earlier


def raster_order(values: NDArray[Any]) -> Indices:
    """Flat indices sorted by value and then by index.

    Notes
    -----
    Sorting four bytes of value together with four of index takes half the time of a stable argsort.
    """
    flat = values.ravel()
    kind = number_type(flat.size)
    if flat.dtype.itemsize != 4 or kind.itemsize != 4:
        return np.argsort(flat, kind="stable").astype(kind)
    if flat.dtype.kind == "f":
        bits = (flat + flat.dtype.type(0)).view(np.uint32)  # -0.0 becomes 0.0
        bits ^= np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    else:
        bits = flat.view(np.uint32) ^ np.uint32(0x80000000 if flat.dtype.kind == "i" else 0)
    packed = bits.astype(np.uint64) << np.uint64(32)
    packed |= np.arange(flat.size, dtype=np.uint64)
    packed.sort()
    return packed.astype(np.uint32).view(np.int32)


def neighbour_pairs(ndim: int, connectivity: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of an array that lay each pixel upon a neighbour later in raster order, each pair of pixels once."""
    return map(_laid, forward_offsets(ndim, connectivity))


def forward_offsets(ndim: int, connectivity: int) -> list[tuple[int, ...]]:
    """The steps to the neighbours that come later in raster order."""
    steps = itertools.product((-1, 0, 1), repeat=ndim)
    return [s for s in steps if s > (0,) * ndim and np.count_nonzero(s) <= connectivity]


def _first_neighbours(rank: NDArray[Any], connectivity: int) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Per pixel the smallest rank around it (the number of pixels: there is none), and the step that leads there."""
    best, code = np.full_like(rank, rank.size), np.zeros(rank.shape, np.int8)
    for offset in forward_offsets(rank.ndim, connectivity):
        here, there = _laid(offset)
        forward = _code(offset)
        for to, of, step in ((here, there, forward), (there, here, 3**rank.ndim - 1 - forward)):
            better = rank[of] < best[to]
            np.copyto(best[to], rank[of], where=better)
            np.copyto(code[to], np.int8(step), where=better)
    return best, code


def _edges_between(
    rank: NDArray[Any], order: Indices, starts: Indices, into: Indices, count: int, connectivity: int
) -> Edges:
    """The edges between pixels that went different ways; pixels outside have none.

    Only those of a spanning tree matter to whoever asks. All of them would be up to a dozen a pixel in a volume, so
    whenever there are more than `_CROWDED` a pixel, what the tree does not need is dropped before more are added.
    """
    none = np.empty(0, into.dtype)
    size, ways = rank.size, into.reshape(rank.shape)
    edges = Edges(np.empty(0, np.int64), none, none)
    for offset in forward_offsets(rank.ndim, connectivity):
        here, there = _laid(offset)
        apart = (ways[here] != ways[there]) & (rank[here] < size) & (rank[there] < size)
        one, other = rank[here][apart], rank[there][apart]
        forward = _code(offset)
        code = np.where(one < other, np.int8(forward), np.int8(3**rank.ndim - 1 - forward))
        edges = edges.join(Edges(_keys(one, other, code, starts), ways[here][apart], ways[there][apart]))
        if len(edges.key) > _CROWDED * size:
            key = spanning_tree(edges, count)
            later, earlier = _ends(key, order, rank.shape)
            edges = Edges(key, into[later], into[earlier])
    return edges


def _laid(offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of an array that lay each pixel upon its neighbour at `offset`."""
    here = tuple(slice(max(-o, 0), min(-o, 0) or None) for o in offset)
    return here, tuple(slice(max(o, 0), min(o, 0) or None) for o in offset)


def _code(offset: tuple[int, ...]) -> int:
    code = 0
    for step in offset:
        code = 3 * code + step + 1
    return code
