"""Flood from a pixel over neighbours of about its value.

The pixel's value is read first, as the survey of a region of one pixel; then what is near it is a mask, and the flood
is one component of that mask, followed over the seams as an object is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import (
    Image,
    Value,
    derive,
    map_tiles,
    operation,
    reduce_tiles,
    require_connectivity,
    require_scalar_pixels,
)
from tilemask.operations.compose import fitting
from tilemask.stitch.flood import keep_flooded, survey_flooded
from tilemask.stitch.parts import combine_parts
from tilemask.stitch.totals import finish_totals


@operation("exact", reference="skimage.morphology.flood(image, seed_point, connectivity=…, tolerance=tolerance)")
def flood(
    image: Image, seed_point: Sequence[int], *, connectivity: int | None = None, tolerance: float | None = None
) -> Image:
    """Find the pixels that a path of pixels of about the value at a point joins to it.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
    seed_point : sequence of int
        Where it starts, one index per axis; negative ones count from the end.
    connectivity : int, optional
        Pixels are neighbours where at most so many coordinates differ, each by one: 1 (faces) up to the number of
        spatial axes (corners too), which is the default.
    tolerance : number, optional
        How far a value may lie from that at the point, both ends included; equal values alone by default. A whole
        number for integers.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For channels, a point outside the image, a tolerance that is no number or has a fraction where the image has
        none, and a point whose value is NaN, or infinite where there is a tolerance (known when it is read).

    Notes
    -----
    Exactness: exact, ``skimage.morphology.flood(image, seed_point, footprint, tolerance=tolerance)`` with
    ``footprint = scipy.ndimage.generate_binary_structure(ndim, connectivity)``. A tolerance with a fraction is refused
    for integers because scikit-image then rounds both ends towards 0.

    Three passes: the pixel at the point, the components at the seams, the mask.
    """
    return _flood(image, seed_point, connectivity, tolerance, "flood")


@operation(
    "exact", reference="skimage.morphology.flood_fill(image, seed_point, new_value, connectivity=…, tolerance=…)"
)
def flood_fill(
    image: Image,
    seed_point: Sequence[int],
    new_value: Any,
    *,
    connectivity: int | None = None,
    tolerance: float | None = None,
) -> Image:
    """Give the pixels that `flood` finds a new value.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
    seed_point : sequence of int
        Where it starts, one index per axis; negative ones count from the end.
    new_value : number
        What is written; of the dtype of `image`.
    connectivity : int, optional
        As in `flood`.
    tolerance : number, optional
        As in `flood`.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the shape and dtype of `image`.

    Raises
    ------
    InputError
        As in `flood`, and for a value that the dtype cannot hold.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.flood_fill``, as in `flood`. Fractions are not cut off to fit integers.
    """
    flooded = _flood(image, seed_point, connectivity, tolerance, "flood_fill")
    try:
        value = fitting(new_value, image.dtype)
    except ValueError as error:
        raise InputError(
            f"flood_fill: new_value={new_value!r} does not fit into {image.dtype}. Give a value of that type, or cast "
            "the image first."
        ) from error
    made: Image = map_tiles(fill, image, flooded, user=False, cost=1.5, value=value)
    return made


def fill(array: NDArray[Any], flooded: NDArray[np.bool_], *, value: Any) -> NDArray[Any]:
    return np.where(flooded, value, array)


def _flood(
    image: Image, seed_point: Sequence[int], connectivity: int | None, tolerance: float | None, what: str
) -> Image:
    require_scalar_pixels(image, what)
    point = _inside(seed_point, image, what)
    hops = require_connectivity(image, connectivity, what, optional=True)
    _check_tolerance(tolerance, image.dtype, what)
    pixel: Value = reduce_tiles(only_pixel, image[tuple(slice(p, p + 1) for p in point)], combine=max, finish=as_it_is)
    levels = derive(levels_around, pixel, tolerance, image.dtype.str, f"{what}: the pixel at {point}")
    near = map_tiles(between, image, user=False, dtype=np.bool_, cost=1.0, levels=levels)
    parts = reduce_tiles(
        survey_flooded,
        near,
        combine=combine_parts,
        finish=finish_totals,
        places=True,
        records=True,
        point=point,
        connectivity=hops,
    )
    made: Image = map_tiles(keep_flooded, near, records=parts, user=False, cost=4.0, connectivity=hops)
    return made


def between(image: NDArray[Any], *, levels: tuple[Any, Any]) -> NDArray[np.bool_]:
    """Whether pixels lie between two levels, both included."""
    return np.asarray((image >= levels[0]) & (image <= levels[1]))


def only_pixel(array: NDArray[Any]) -> Any:
    """The value of an image of one pixel, as a number of Python."""
    return array.item()


def as_it_is(part: Any) -> Any:
    return part


def levels_around(value: Any, tolerance: float | None, dtype: str, what: str) -> tuple[Any, Any]:
    """The smallest and the largest value that are flooded, of the dtype; by scikit-image's expressions."""
    kind = np.dtype(dtype)
    if tolerance is None:
        if math.isnan(value):
            raise InputError(f"{what} is NaN, which equals nothing. Choose another point.")
        return kind.type(value), kind.type(value)
    if not math.isfinite(value):
        raise InputError(f"{what} is {value}, and nothing is within a tolerance of that. Choose another point.")
    distance = abs(tolerance) if kind.kind == "f" else abs(int(tolerance))
    limits = np.finfo(kind) if kind.kind == "f" else None if kind.kind == "b" else np.iinfo(kind)
    low, high = (0, 1) if limits is None else (limits.min, limits.max)
    least, most = kind.type(low).item(), kind.type(high).item()
    return kind.type(max(least, value - distance)), kind.type(min(most, value + distance))


def _check_tolerance(tolerance: Any, dtype: np.dtype[Any], what: str) -> None:
    if tolerance is None:
        return
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float | np.number) or tolerance != tolerance:
        raise InputError(f"{what}: tolerance is a number, or None for equal values; found {tolerance!r}.")
    if dtype.kind != "f" and not float(tolerance).is_integer():
        raise InputError(
            f"{what}: tolerance={tolerance!r} for pixels of {dtype}. Give a whole number, or cast the image first: "
            "image.astype('float64')."
        )


def _inside(point: Any, image: Image, what: str) -> tuple[int, ...]:
    shape = image.spatial_shape
    numbers = list(point) if isinstance(point, Sequence) or np.ndim(point) == 1 else [point]
    whole = all(isinstance(p, int | np.integer) and not isinstance(p, bool) for p in numbers)
    if not whole or len(numbers) != len(shape) or any(not -n <= p < n for p, n in zip(numbers, shape, strict=True)):
        raise InputError(
            f"{what}: seed_point is one index per axis {image.spatial_axes!r} of an image of shape {shape}; found "
            f"{point!r}."
        )
    return tuple(int(p) % n for p, n in zip(numbers, shape, strict=True))
