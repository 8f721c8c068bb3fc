"""Grow labels into the background, each pixel to its nearest label.

scikit-image asks SciPy for the nearest label pixel. Where several are equally near SciPy takes the first by column,
then row, then plane (in thousands of random ties, without exception), whatever the array holds besides; so a crop with
enough around it gives the labels of the image. To find that pixel in a time that depends on the distance alone, each
pixel carries one whole number: the squared distance to a label pixel, and below it the way there, as digits. Less means
nearer, and among the equally near earlier in that order; to add a step along an axis is to add a constant. So the
nearest label is a minimum over few shifted copies per axis, in integers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import (
    LARGEST_REACH,
    Image,
    map_tiles,
    operation,
    pixel_extents,
    require_number,
    require_scalar_pixels,
)

_TOGETHER = 1 << 16
"""Pixels that are done at once: they stay in the processor's cache."""


@operation("exact", reference="skimage.segmentation.expand_labels(labels, distance, spacing)")
def expand_labels(labels: Image, distance: float = 1, *, spacing: float | Sequence[float] = 1) -> Image:
    """Grow labels by up to `distance` into the background, without overlap.

    Parameters
    ----------
    labels : Image or array of bool or integers, (rows, columns) or (planes, rows, columns)
        0 is background.
    distance : float, optional
        Euclidean distance up to which background gets the label of the nearest label pixel, 0 or more, in the unit of
        `spacing`: pixels by default.
    spacing : float or sequence of float, optional
        Extent of a pixel, for all axes or per axis.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `labels`.

    Raises
    ------
    InputError
        For floats, channels, a distance or spacing that is not a positive number, and a distance of more pixels than
        whole numbers of 64 bits can hold.

    Notes
    -----
    Exactness: exact, ``skimage.segmentation.expand_labels(labels, distance, spacing)``. Of equally near labels the one
    with the first of the nearest pixels counts, by column, then row, then plane. With a `spacing`, distances that agree
    to 9 digits are equal; the reference compares them in float64, so that rounding may decide there.

    The reach is the distance. Cost: 2 to 5 ns per pixel and pixel of distance along each axis.
    """
    require_scalar_pixels(labels, "expand_labels")
    if labels.dtype.kind == "f":
        raise InputError(f"expand_labels works on labels (integers) or a mask; found {labels.dtype}.")
    extents = pixel_extents(spacing, len(labels.spatial_axes))
    distance = require_number(distance, "expand_labels: distance", least=0, most=LARGEST_REACH * min(extents))
    ways = _ways(distance, extents)
    reaches = [len(c) // 2 for c in ways.costs]
    made: Image = map_tiles(
        expand,
        labels,
        reach=reaches,
        user=False,
        cost=2.0 + 4.0 * sum(reaches),
        workspace=3.0 * ways.dtype.itemsize + 2,
        distance=distance,
        spacing=extents,
    )
    return made


def expand(labels: NDArray[Any], *, distance: float, spacing: tuple[float, ...]) -> NDArray[Any]:
    """Give background the first of the nearest labels; labels beyond the array do not exist."""
    ways = _ways(distance, spacing)
    found = np.where(labels != 0, ways.dtype.type(0), ways.dtype.type(ways.nothing))
    for axis, costs in enumerate(ways.costs):
        found = _cheapest(found, axis, costs, ways)
    result = labels.copy()
    lines = max(1, _TOGETHER * len(labels) // labels.size)
    for start in range(0, len(labels), lines):
        here = found[start : start + lines]
        at = list(np.nonzero((here > 0) & (here < ways.nothing)))
        steps = ways.steps(here[tuple(at)].astype(np.int64))
        at[0] += start
        squares = np.zeros(len(at[0]))
        for step, extent in zip(steps, spacing, strict=True):
            squares += (step * extent) * (step * extent)
        near = np.sqrt(squares) <= distance
        source = tuple((i + s)[near] for i, s in zip(at, steps, strict=True))
        result[tuple(i[near] for i in at)] = labels[source]
    return result


@dataclass(frozen=True, eq=False)
class _Ways:
    """How ways to a label pixel are written as numbers."""

    costs: list[NDArray[np.int64]]
    """Per axis what a step of -reach … reach pixels towards a label adds."""
    digits: tuple[int, ...]
    """Per axis the weight of a pixel in the lower digits."""
    base: int
    """The weight of a squared distance."""
    nothing: int
    """More than any way within the distance."""
    dtype: np.dtype[Any]

    def steps(self, ways: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The steps along each axis that lead to the label pixel."""
        rest = (ways + self.base // 2) % self.base - self.base // 2
        steps = []
        for weight in reversed(self.digits):
            step = (rest + weight // 2) // weight
            rest = rest - step * weight
            steps.append(step)
        return steps[::-1]


def _ways(distance: float, spacing: tuple[float, ...]) -> _Ways:
    reaches = [_reach(distance, extent) for extent in spacing]
    widths = [2 * r + 1 for r in reaches]
    digits = tuple(math.prod(widths[:axis]) for axis in range(len(widths)))
    base = math.prod(widths)
    largest = sum((r * extent) ** 2 for r, extent in zip(reaches, spacing, strict=True))
    scaled, room = any(extent != 1 for extent in spacing), 2**60 / base
    if room < (2**30 if scaled else largest + 1):
        raise InputError(
            f"expand_labels: distance={distance:g} looks {' × '.join(map(str, widths))} pixels around, more than whole "
            "numbers of 64 bits can tell apart. Give a smaller distance, or expand a downsampled image."
        )
    unit = 2.0 ** math.floor(math.log2(room / largest)) if scaled and largest else 1.0
    steps = [np.arange(-reach, reach + 1) for reach in reaches]
    squares = [np.rint((s * e) ** 2 * unit).astype(np.int64) for s, e in zip(steps, spacing, strict=True)]
    costs = [square * base + step * weight for square, step, weight in zip(squares, steps, digits, strict=True)]
    nothing = (sum(int(square[0]) for square in squares) + 1) * base
    return _Ways(costs, digits, base, nothing, np.dtype(np.int32 if 2 * nothing < 2**31 else np.int64))


def _reach(distance: float, extent: float) -> int:
    """The most pixels along an axis that are not farther than the distance."""
    reach = int(distance / extent) + 1
    while reach and math.sqrt((reach * extent) * (reach * extent)) > distance:
        reach -= 1
    return reach


def _cheapest(found: NDArray[Any], axis: int, costs: NDArray[np.int64], ways: _Ways) -> NDArray[Any]:
    """The cheapest way over any step along an axis, a few lines of the array at a time."""
    best = np.empty_like(found)
    apart = 0 if axis else 1  # lines are cut along an axis that steps do not go along
    count = found.shape[apart]
    lines = max(1, _TOGETHER * count // max(found.size, 1))
    for start in range(0, count, lines):
        piece = (slice(None),) * apart + (slice(start, start + lines),)
        _cheapest_piece(np.moveaxis(found[piece], axis, 0), np.moveaxis(best[piece], axis, 0), costs.astype(ways.dtype))
    return best


def _cheapest_piece(found: NDArray[Any], best: NDArray[Any], costs: NDArray[Any]) -> None:
    reach, n = len(costs) // 2, len(found)
    best[...] = found
    room = np.empty_like(found)
    for step, cost in zip(itertools.count(-reach), costs, strict=False):
        if step == 0 or abs(step) >= n:
            continue
        here = slice(max(-step, 0), n - max(step, 0))
        there = slice(max(step, 0), n + min(step, 0))
        np.add(found[there], cost, out=room[here])
        np.minimum(best[here], room[here], out=best[here])
