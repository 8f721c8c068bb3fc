"""The boundaries of labels.

A pixel lies on a boundary where a neighbour bears another label: a comparison with shifted copies, which is what the
minimum and the maximum over its neighbours say too, at a tenth of the time. Only the pixels of objects that touch
other objects need the minimum and the maximum themselves, and those are few.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Image, Value, map_tiles, operation, require_connectivity, require_scalar_pixels

_MODES = ("thick", "inner", "outer")


@operation(
    "exact",
    reference="skimage.segmentation.find_boundaries(labels, connectivity=connectivity, mode=mode, "
    "background=background)",
)
def find_boundaries(labels: Image, *, connectivity: int = 1, mode: str = "thick", background: int = 0) -> Image:
    """Mark the pixels that have a neighbour of another label.

    Parameters
    ----------
    labels : Image or array of bool or integers, (rows, columns) or (planes, rows, columns)
    connectivity : int, optional
        Pixels are neighbours where at most so many coordinates differ, each by one: 1 (faces) up to the number of
        spatial axes (corners too).
    mode : {"thick", "inner", "outer"}, optional
        Both sides of a boundary; the pixels of objects alone; or the pixels of the background alone, and both sides
        where objects touch (corners count there).
    background : int, optional
        The label that is no object.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For floats, channels, a connectivity that is not 1 to the number of spatial axes, another mode, and a background
        that is not a whole number. Mode "subpixel" gives pixels that lie between those of the image: it is refused.

    Notes
    -----
    Exactness: exact, ``skimage.segmentation.find_boundaries(labels, connectivity=connectivity, mode=mode,
    background=background)``.
    """
    require_scalar_pixels(labels, "find_boundaries")
    if labels.dtype.kind == "f":
        raise InputError(f"find_boundaries works on labels (integers) or a mask; found {labels.dtype}.")
    require_connectivity(labels, connectivity, "find_boundaries")
    if mode not in _MODES:
        hint = " Its pixels lie between those of the image, on another grid." if mode == "subpixel" else ""
        raise InputError(f"find_boundaries: mode takes 'thick', 'inner' or 'outer'; found {mode!r}.{hint}")
    if isinstance(background, bool | Value) or not isinstance(background, int | np.integer):
        raise InputError(f"find_boundaries: background is one label, a whole number; found {background!r}.")
    made: Image = map_tiles(
        mark_boundaries,
        labels,
        reach=1,
        dtype=np.bool_,
        user=False,
        cost=3.0,
        workspace=8.0,
        connectivity=int(connectivity),
        mode=mode,
        background=int(background),
    )
    return made


def mark_boundaries(labels: NDArray[Any], *, connectivity: int, mode: str, background: int) -> NDArray[np.bool_]:
    """Compare every pixel with its neighbours; nothing lies beyond the array."""
    values = labels.view(np.uint8) if labels.dtype == np.bool_ else labels
    boundary = np.zeros(values.shape, np.bool_)
    for here, there in _pairs(values.ndim, connectivity):
        differ = values[here] != values[there]
        boundary[here] |= differ
        boundary[there] |= differ
    if mode == "thick":
        return boundary
    objects = values != background
    if mode == "inner":
        return boundary & objects
    at = np.nonzero(boundary & objects)
    boundary[at] = _touch(values, at, background)
    return boundary


def _pairs(ndim: int, connectivity: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Each pair of neighbours once, as two slices of one array."""
    for shift in itertools.product((0, 1, -1), repeat=ndim):
        if shift > (0,) * ndim and 1 <= np.count_nonzero(shift) <= connectivity:
            here = tuple(slice(max(-s, 0), None if s < 1 else -s) for s in shift)
            yield here, tuple(slice(max(s, 0), None if s > -1 else s) for s in shift)


def _touch(values: NDArray[Any], at: tuple[NDArray[np.int64], ...], background: int) -> NDArray[np.bool_]:
    """Whether pixels of objects have another object among all their neighbours.

    As in the reference: the largest value against the smallest one that is not background. Beyond the array, the
    nearest pixels stand in, which are neighbours themselves.
    """
    largest = smallest = values[at]
    for shift in itertools.product((-1, 0, 1), repeat=values.ndim):
        near = values[tuple(np.clip(i + s, 0, n - 1) for i, s, n in zip(at, shift, values.shape, strict=True))]
        largest = np.maximum(largest, near)
        smallest = np.minimum(smallest, np.where(near == background, np.iinfo(values.dtype).max, near))
    touch: NDArray[np.bool_] = largest != smallest
    return touch
