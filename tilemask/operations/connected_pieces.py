"""Join small pieces of clusters to a neighbour, as the last step of scikit-image's superpixels does.

That step walks the image in raster order, and floods each piece (pixels of one cluster with common faces) from its
first pixel, breadth first. A piece of `max_size` pixels is cut off there, and what is left of it is met later. A piece
below `min_size` takes the number of the last neighbour that its flood met and that had one, which every neighbour has
that begins earlier. So what a piece does depends on itself and on where its neighbours begin, and a window that holds
both whole proves it; only the numbers come from far away, over chains of small pieces. A chain joins neighbours, and
leads to its first pixel in raster order: these are components, with bonds between pixels for the common value, and are
numbered as such.

All pieces are flooded at once, a level after the other, since a loop over pixels in Python would take longer than all
rounds of superpixels together.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Growth, Image, Unproven, Window, map_tiles, reduce_tiles
from tilemask.operations.certificate import place_name
from tilemask.operations.histograms import as_is
from tilemask.stitch.bonds import BOND, BOND_BYTES, COUNTED, WAITING, first_waits, number_bonded, survey_bonded
from tilemask.stitch.components import apply_table, begun_by_line, first_pixels, label_components, number_type
from tilemask.stitch.faces import on_faces
from tilemask.stitch.numbering import finish_numbers
from tilemask.stitch.parts import combine_parts

Pixels = NDArray[np.int64]
"""Flat indices."""

PIXEL_BYTES = 90.0
"""Measured at 2000² and 160³: 41 of one cluster, 55 of noise, 65 of lines, 84 where every pixel is a cluster."""
PIECES = 2**14
"""Pieces flooded at once: enough that a step of NumPy is about pixels, and few beside a tile."""
ADVICE = "More superpixels (n_segments=) are smaller."


def join_small_pieces(clusters: Image, *, min_size: int, max_size: int, reach: tuple[int, ...]) -> Image:
    """Number the connected pieces of clusters from 1, small ones as a neighbour.

    Parameters
    ----------
    clusters : Image of integers, (rows, columns) or (planes, rows, columns)
        0 is no cluster.
    min_size, max_size : int
        Pixels: smaller pieces are joined, larger ones cut. `max_size` is 1 at least, and not below `min_size`.
    reach : tuple of int
        Per axis about how far two neighbouring pieces reach; windows begin there.

    Returns
    -------
    Image of int32 or int64

    Notes
    -----
    Exactness: exact where every pixel has a cluster,
    ``skimage.segmentation._slic._enforce_label_connectivity_cython(clusters, min_size, max_size)``. A small piece that
    touches no earlier one has a number of its own, but for the one at the image's first pixel, which takes the next.

    Time: 0.3 µs per pixel where few pieces are small, 0.5 where all are; a component is cut in as many rounds as it is
    times `max_size`, each 60 ns per pixel of the window. Superpixels, which are bounded, take a few.
    """
    ndim = len(clusters.spatial_axes)
    bonds = map_tiles(
        bond_pieces,
        clusters,
        reach=tuple(max(r, 1) for r in reach),
        grows=Growth(PIXEL_BYTES),
        dtype=np.uint8,
        cost=350.0,
        user=False,
        min_size=min_size,
        max_size=max_size,
    )
    options: dict[str, Any] = {"places": True, "cost": 20.0, "workspace": BOND_BYTES[ndim]}
    numbers = reduce_tiles(survey_bonded, bonds, combine=combine_parts, finish=finish_numbers, records=True, **options)
    waits = reduce_tiles(first_waits, bonds, combine=operator.or_, finish=as_is, places=True, cost=0.1)
    target = number_type(math.prod(clusters.spatial_shape))
    made: Image = map_tiles(
        number_bonded,
        bonds,
        records=numbers,
        user=False,
        dtype=target,
        cost=20.0,
        workspace=BOND_BYTES[ndim],
        waits=waits,
        target=target.str,
    )
    return made


def bond_pieces(
    clusters: NDArray[Any], *, window: Window, min_size: int, max_size: int
) -> tuple[NDArray[np.uint8], list[Unproven]]:
    """Say of the pixels of a core whether they belong together with those before them, and ask for what is not known.

    A piece is known where its whole cluster component lies in the window; a small one, where its neighbours do too.
    """
    faces = window.box.open_faces(window.shape)
    pieces = cut_large(clusters, max_size, faces)
    leaving = on_faces(pieces, faces)
    asked = np.zeros(len(leaving), np.bool_)
    asked[pieces[window.core.grow(((1, 0),) * pieces.ndim).clip(window.shape).within(window.box)]] = True
    asked[0] = False
    small = asked & ~leaving & (np.bincount(pieces.ravel()) < min_size)
    into, unknown = join_small(pieces, small, leaving)
    return _bonds(pieces, into, unknown | leaving, small, window)


def cut_large(clusters: NDArray[Any], max_size: int, faces: list[int]) -> NDArray[Any]:
    """Number the pieces in raster order of their first pixels; those on `faces` are not cut."""
    pieces = label_components(clusters, 1)
    while True:
        large = (np.bincount(pieces.ravel()) > max_size) & ~on_faces(pieces, faces)
        large[0] = False
        if not large.any():
            return pieces
        padded = np.pad(pieces, 1)
        flat = padded.reshape(-1)
        for frontier, _ in _flood(padded, _firsts(pieces, large), max_size):
            flat[frontier] *= -1
        pieces = label_components(padded[(slice(1, -1),) * pieces.ndim], 1)


def join_small(
    pieces: NDArray[Any], small: NDArray[np.bool_], leaving: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Per piece the earlier one that it joins (-1 for none), and whether a neighbour that leaves the window decides."""
    into, unknown = np.full(len(small), -1, pieces.dtype), np.zeros(len(small), np.bool_)
    if not small.any():
        return into, unknown
    padded = np.pad(pieces, 1)
    flat = padded.reshape(-1)
    for frontier, around in _flood(padded, _firsts(pieces, small), pieces.size):
        own, met = np.repeat(flat[frontier], around.shape[1]), flat[around.ravel()]
        unknown[own[leaving[met]]] = True
        earlier = np.flatnonzero((met > 0) & (met < own))
        last = earlier[_ends(own[earlier])]
        into[own[last]] = met[last]
    return into, unknown


def _flood(padded: NDArray[Any], starts: Pixels, most: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Flood pieces breadth first from one pixel each, together; up to `most` pixels of each.

    Parameters
    ----------
    padded : ndarray
        Numbers of pieces, with a rim of 0. A caller may change the numbers of pixels that it was given.
    starts : 1-D ndarray
        Pixels of different pieces.

    Yields
    ------
    Pixels of one distance, those of a piece in a row and in the order of the flood, and the neighbours of each in the
    order of scikit-image: the last axis first, ahead before back.
    """
    flat, seen = padded.reshape(-1), np.zeros(padded.size, np.bool_)
    strides = [s // padded.itemsize for s in padded.strides[::-1]]
    steps = np.array([sign * stride for stride in strides for sign in (1, -1)])
    room = np.full(int(padded.max()) + 1, most - 1)
    for first in range(0, len(starts), PIECES):
        frontier = starts[first : first + PIECES]
        own = flat[frontier]
        while len(frontier):
            seen[frontier] = True
            around = frontier[:, np.newaxis] + steps
            found, owner = around.ravel(), np.repeat(own, len(steps))
            new = (flat[found] == owner) & ~seen[found]
            yield frontier, around
            frontier, own = _within_room(*_first_of_each(found[new], owner[new]), room)


def _within_room(found: Pixels, owner: NDArray[Any], room: NDArray[np.int64]) -> tuple[Pixels, NDArray[Any]]:
    """As many of the pixels of each piece as it has room for, which becomes less."""
    ends = _ends(owner)
    counts = np.diff(ends, prepend=-1)
    rank = np.arange(len(owner)) - np.repeat(ends - counts + 1, counts)
    kept = rank < room[owner]
    room[owner[ends]] -= np.minimum(counts, room[owner[ends]])
    return found[kept], owner[kept]


def _first_of_each(found: Pixels, owner: NDArray[Any]) -> tuple[Pixels, NDArray[Any]]:
    """Each pixel once, where it was met first."""
    first = np.sort(np.unique(found, return_index=True)[1])
    return found[first], owner[first]


def _ends(owner: NDArray[Any]) -> NDArray[np.intp]:
    """The last of each run of equal entries."""
    return np.flatnonzero(np.diff(owner, append=-1))


def _firsts(pieces: NDArray[Any], chosen: NDArray[np.bool_]) -> Pixels:
    """The first pixels of some pieces, as flat indices of the padded array."""
    numbers = np.flatnonzero(chosen).astype(pieces.dtype)
    at = np.unravel_index(first_pixels(pieces, begun_by_line(pieces), numbers), pieces.shape)
    return np.ravel_multi_index([a + 1 for a in at], [n + 2 for n in pieces.shape])


def _bonds(
    pieces: NDArray[Any], into: NDArray[Any], unknown: NDArray[np.bool_], small: NDArray[np.bool_], window: Window
) -> tuple[NDArray[np.uint8], list[Unproven]]:
    """The bits of a core, and where they are not known."""
    core = window.core.within(window.box)
    here = pieces[core]
    bonds = (here > 0).astype(np.uint8) * np.uint8(COUNTED)
    doubt = apply_table(unknown, np.ascontiguousarray(here))
    for axis, (span, start) in enumerate(zip(core, window.core.start, strict=True)):
        skipped = int(start == 0)  # there is no pixel before the image
        inner = (slice(None),) * axis + (slice(skipped, None),)
        before = pieces[(*core[:axis], slice(span.start + skipped - 1, span.stop - 1), *core[axis + 1 :])]
        bonds[inner] |= _bonded(here[inner], before, into) * np.uint8(BOND[axis])
        doubt[inner] |= unknown[before]
    bonds[here == 0] = 0
    if not any(window.core.start) and small[here.flat[0]]:
        bonds.flat[0] |= WAITING
    return bonds, _ask_again(doubt, window)


def _bonded(here: NDArray[Any], before: NDArray[Any], into: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether pixels are of one piece, or of two of which one joins the other."""
    bonded = here == before
    apart = np.nonzero(~bonded)
    a, b = here[apart], before[apart]
    bonded[apart] = (into[a] == b) | (into[b] == a)
    return bonded


def _ask_again(doubt: NDArray[np.bool_], window: Window) -> list[Unproven]:
    """Ask for the pixels in doubt again, by the boxes of those that hang together."""
    again = []
    for found in ndi.find_objects(label_components(doubt, doubt.ndim)):
        box = Box.of_slices(found).shift(window.core.start)
        again.append(Unproven(box, 1, f"the superpixel at {place_name(box.start)}", ADVICE))
    return again
