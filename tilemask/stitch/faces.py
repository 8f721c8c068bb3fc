"""The faces of a tile, run-length encoded, and which components touch across the seam between two tiles.

A face is one side of a core: the slab of pixels at the first or last position of one axis. It is kept as runs of
component positions (0 is background, k the k-th edge component), so that a face costs what lies on it: nothing where it
is empty, one run inside an object. A neighbour is named by its offset in tiles, and an offset by its code, the offset's
digits in base 3; a set of neighbours is then the bits of one integer. A neighbour at an edge or corner is met with the
same faces, cut down to their border, so corners need no data of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid

Runs = list[NDArray[Any]]
"""Component positions and run lengths along one face in raster order."""


@cache
def offsets(ndim: int, connectivity: int) -> dict[int, tuple[int, ...]]:
    """The neighbours that a connectivity can reach: code to offset in tiles."""
    codes = enumerate(itertools.product((-1, 0, 1), repeat=ndim))
    return {code: offset for code, offset in codes if 1 <= np.count_nonzero(offset) <= connectivity}


def opposite(code: int, ndim: int) -> int:
    """The code of the offset that leads back."""
    return int(3**ndim - 1 - code)


def codes(bits: int) -> Iterator[int]:
    """The codes in a set of neighbours."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def neighbour_bits(grid: Grid, index: tuple[int, ...], connectivity: int) -> int:
    """The neighbours of a tile that lie in the grid, as a set of codes."""
    inside = 0
    for code, offset in offsets(len(index), connectivity).items():
        if all(0 <= i + o < n for i, o, n in zip(index, offset, grid.counts, strict=True)):
            inside |= 1 << code
    return inside


def face_of(offset: tuple[int, ...]) -> int:
    """The face that is compared with the neighbour at this offset: 2 · axis, plus 1 for the far side."""
    axis = next(axis for axis, o in enumerate(offset) if o)
    return 2 * axis + (offset[axis] > 0)


def needed_faces(bits: int, ndim: int, connectivity: int) -> set[int]:
    """The faces that a set of neighbours is compared with."""
    around = offsets(ndim, connectivity)
    return {face_of(around[code]) for code in codes(bits)}


def cut_face(labels: NDArray[Any], face: int) -> NDArray[Any]:
    """The labels on one face, raster order."""
    axis, far = divmod(face, 2)
    return labels[(slice(None),) * axis + (-far,)]


def on_faces(labels: NDArray[Any], faces: Iterable[int]) -> NDArray[np.bool_]:
    """Per component whether it has a pixel on one of the faces; never true of the background."""
    touches = np.zeros(int(labels.max()) + 1, np.bool_)
    for face in faces:
        touches[cut_face(labels, face)] = True
    touches[0] = False
    return touches


def encode(line: NDArray[Any]) -> Runs | None:
    """Run-length encode; None where all is background."""
    flat = line.ravel()
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    values = flat[starts]
    if len(values) == 1 and not values[0]:
        return None
    return [values, np.diff(starts, append=flat.size)]


def compact(array: NDArray[Any]) -> NDArray[Any]:
    """The same non-negative integers in the smallest unsigned type."""
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def touching(
    mine: Runs, mine_core: list[int], other: Runs, other_core: list[int], offset: tuple[int, ...], connectivity: int
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Give the component positions that meet at the seam with the neighbour at `offset`.

    Parameters
    ----------
    mine, other : Runs
        My face towards the neighbour, and its face towards me.
    mine_core, other_core : list of int
        Shapes of the two cores.
    offset : tuple of int
        Where the neighbour lies, in tiles.
    connectivity : int
        A pair of pixels is adjacent where at most so many of its coordinates differ.

    Yields
    ------
    Two 1-D arrays of positions, 1 and up; pairs repeat.

    Notes
    -----
    Along the axes of `offset` the coordinates differ by one at the seam; what the connectivity has left over may be
    spent on shifts along the other axes.
    """
    a = _slab(mine, mine_core, offset)
    b = _slab(other, other_core, tuple(-o for o in offset))
    spent = np.count_nonzero(offset)
    for shift in itertools.product((0, 1, -1), repeat=a.ndim):
        if spent + np.count_nonzero(shift) > connectivity:
            continue
        here, there = a[_shifted(a.shape, shift)], b[_shifted(a.shape, tuple(-s for s in shift))]
        both = (here != 0) & (there != 0)
        if both.any():
            yield here[both], there[both]


def _shifted(shape: tuple[int, ...], shift: tuple[int, ...]) -> Any:
    """The index of the pixels that have a partner at `shift` in an array of the same shape; never a scalar's."""
    return (..., *(slice(max(-s, 0), n - max(s, 0)) for s, n in zip(shift, shape, strict=True)))


def _slab(runs: Runs, core: list[int], offset: tuple[int, ...]) -> NDArray[Any]:
    """Decode a face and keep what borders on the neighbour at `offset`."""
    axis = face_of(offset) // 2
    shape = core[:axis] + core[axis + 1 :]
    border = (-1 if o > 0 else 0 if o < 0 else slice(None) for o in offset[:axis] + offset[axis + 1 :])
    return np.repeat(runs[0], runs[1]).reshape(shape)[..., *border]
