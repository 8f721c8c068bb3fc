"""Level sets as masks: how they begin, where their contour runs, and how it is smoothed.

scikit-image keeps a level set in int8 and runs eight erosions and dilations of SciPy for one smoothing of a plane,
eighteen of a volume; views of a mask joined with each other give the same pixels 20 times faster. What lies outside the
image is background for erosions and dilations alike, which is the rule of SciPy's `binary_erosion` and
`binary_dilation`.

The forces on a contour are needed at its pixels only, so they are computed there and nowhere else, a band of rows at a
time: a checkerboard is nearly all contour, and indices take many times the memory of a mask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Pixels = tuple[NDArray[np.intp], ...]
Direction = tuple[int, ...]

SQUARE = 5
"""Side of a checkerboard's squares in scikit-image."""

_AT_ONCE = 1 << 16
"""Pixels looked at together; their indices and forces then take some 6 MB."""

_LINES: tuple[Direction, ...] = ((0, 1), (1, 0), (1, 1), (1, -1))
_PLANES: dict[Direction, tuple[Direction, ...]] = {
    (1, 0, 0): ((0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1)),
    (0, 1, 0): ((0, 0, 1), (1, 0, 1), (1, 0, -1)),
    (0, 0, 1): ((1, 1, 0), (1, -1, 0)),
}
"""Four lines of three pixels through a pixel, nine planes of nine through a voxel; a plane is a line of lines."""


def checkerboard(image: NDArray[Any], *, origin: NDArray[np.int64]) -> Mask:
    """Squares (cubes) of side 5 over the whole image, the first of them background; pixels do not matter."""
    board = np.zeros(image.shape, bool)
    for line in _lines(image.shape, origin):
        board ^= (line // SQUARE & 1).astype(bool)
    return board


def disk(image: NDArray[Any], *, origin: NDArray[np.int64], shape: tuple[int, ...]) -> Mask:
    """A disk (ball) in the middle of the whole image, three quarters as wide as its shortest side."""
    squares = np.zeros(image.shape, np.int64)
    for line, n in zip(_lines(image.shape, origin), shape, strict=True):
        squares += (line - n // 2) ** 2
    return min(shape) * 3.0 / 8.0 - np.sqrt(squares) > 0


def _lines(shape: tuple[int, ...], origin: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The coordinates of an array's pixels in the whole image, one axis at a time, ready to be broadcast."""
    for axis, (first, count) in enumerate(zip(origin.tolist(), shape, strict=True)):
        yield np.arange(first, first + count).reshape([-1 if a == axis else 1 for a in range(len(shape))])


def contour_pixels(mask: Mask) -> Iterator[Pixels]:
    """Where `numpy.gradient` of the mask is not zero, as indices, some pixels at a time in raster order."""
    changes = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        lines, changed = np.moveaxis(mask, axis, 0), np.moveaxis(changes, axis, 0)
        changed[1:-1] |= lines[2:] ^ lines[:-2]
        changed[0] |= lines[1] ^ lines[0]
        changed[-1] |= lines[-1] ^ lines[-2]
    rows = max(1, _AT_ONCE // max(1, math.prod(mask.shape[1:])))
    for first in range(0, len(mask), rows):
        at = np.nonzero(changes[first : first + rows])
        if len(at[0]):
            yield (at[0] + first, *at[1:])


def slope(array: NDArray[np.floating] | Mask, at: Pixels, axis: int) -> NDArray[np.floating]:
    """`numpy.gradient` along an axis at some pixels; that of a mask in float64."""
    before, after = list(at), list(at)
    before[axis] = np.maximum(at[axis] - 1, 0)
    after[axis] = np.minimum(at[axis] + 1, array.shape[axis] - 1)
    values = array.view(np.int8) if array.dtype == np.bool_ else array
    dtype = np.float64 if array.dtype == np.bool_ else array.dtype
    return (values[tuple(after)] - values[tuple(before)]) / (after[axis] - before[axis]).astype(dtype)


def moved(mask: Mask, at: Pixels, force: NDArray[np.floating]) -> None:
    """Put the pixels with a positive force into the mask and take those with a negative one out, in place."""
    into, out = force > 0, force < 0
    mask[tuple(i[into] for i in at)] = True
    mask[tuple(i[out] for i in at)] = False


def smoothed(mask: Mask, times: int, *, swapped: bool) -> Mask:
    """Smooth by curvature: the two operators in turn, first the one that ends in a supremum unless `swapped`."""
    for number in range(times):
        if (number % 2 == 1) != swapped:
            mask = _of_lines(_of_lines(mask, grows=False), grows=True)
        else:
            mask = _of_lines(_of_lines(mask, grows=True), grows=False)
    return mask


def grown(mask: Mask) -> Mask:
    """Dilation with a full square (cube) of side 3."""
    return _boxed(mask, np.bitwise_or)


def shrunk(mask: Mask) -> Mask:
    """Erosion with a full square (cube) of side 3."""
    return _boxed(mask, np.bitwise_and)


def _boxed(mask: Mask, join: np.ufunc) -> Mask:
    for axis in range(mask.ndim):
        mask = _along(_framed(mask), tuple(int(a == axis) for a in range(mask.ndim)), join)
    return mask


def _of_lines(mask: Mask, *, grows: bool) -> Mask:
    """The infimum of dilations by every line (plane), or the supremum of erosions."""
    within, across = (np.bitwise_or, np.bitwise_and) if grows else (np.bitwise_and, np.bitwise_or)
    groups = [(mask, _LINES)]
    if mask.ndim == 3:
        framed = _framed(mask)
        groups = [(_along(framed, first, within), rest) for first, rest in _PLANES.items()]
    result: Mask | None = None
    for lines, directions in groups:
        framed = _framed(lines)
        for direction in directions:
            found = _along(framed, direction, within)
            result = found if result is None else across(result, found, out=result)
    assert result is not None
    return result


def _framed(mask: Mask) -> Mask:
    """The mask with one pixel of background on every side."""
    framed = np.zeros([n + 2 for n in mask.shape], bool)
    framed[(slice(1, -1),) * mask.ndim] = mask
    return framed


def _along(framed: Mask, direction: Direction, join: np.ufunc) -> Mask:
    """Each pixel joined with its two neighbours in a direction."""
    ahead, here, behind = (
        framed[tuple(slice(1 + s * d, n - 1 + s * d) for n, d in zip(framed.shape, direction, strict=True))]
        for s in (1, 0, -1)
    )
    result = join(ahead, behind)
    join(result, here, out=result)
    return result
