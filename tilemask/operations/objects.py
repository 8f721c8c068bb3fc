"""Operations on objects: connected components of a mask, exact across tiles.

What they decide about an object (its number, its size, whether it touches the image border) is known only when the
whole object is seen, and an object may cross every tile. So each is a survey of seams and a kernel, not a kernel with a
halo: the survey labels every core alone and sends what lies on its seams (see `tilemask.stitch`); the kernel labels the
core again, since that is cheaper than to store labels and read them back, and applies the tile's small record. Objects
off the seams are decided within their tile.
"""

from __future__ import annotations

import math

import numpy as np

from tilemask.errors import InputError
from tilemask.image import (
    Image,
    Value,
    map_tiles,
    operation,
    reduce_tiles,
    require_connectivity,
    require_mask,
    require_scalar_pixels,
)
from tilemask.stitch.components import number_type
from tilemask.stitch.kernels import (
    check_level,
    check_size,
    classes,
    drop_small,
    drop_small_labels,
    fill_inside,
    keep_strong,
    number_components,
    survey_areas,
    survey_numbers,
    survey_outside,
    survey_strong,
)
from tilemask.stitch.numbering import finish_numbers
from tilemask.stitch.parts import combine_parts
from tilemask.stitch.sizes import combine_sizes, finish_sizes, survey_sizes
from tilemask.stitch.totals import finish_totals


@operation("exact", reference="skimage.measure.label(mask, background=0, connectivity=connectivity)")
def label(mask: Image, *, connectivity: int | None = None) -> Image:
    """Number the connected components of a mask, or of equal values, from 1 in raster order of their first pixels.

    Parameters
    ----------
    mask : Image or array of bool or integers, (rows, columns) or (planes, rows, columns)
        0 is background; in an integer image only equal values join.
    connectivity : int, optional
        Pixels are neighbours where at most so many coordinates differ, each by one: 1 (faces) up to the number of
        spatial axes (corners too), which is the default.

    Returns
    -------
    Image, or numpy.ndarray for an array
        0 and 1…K; int32 below 2³¹ pixels, else int64. Shape of `mask`.

    Raises
    ------
    InputError
        For floats, channels, and a connectivity that is not 1 to the number of spatial axes.

    Notes
    -----
    Exactness: exact, ``skimage.measure.label(mask, background=0, connectivity=connectivity)`` up to the dtype, which in
    scikit-image differs between bool and integers. An integer volume one column wide is numbered in raster order as a
    mask is; scikit-image numbers that one shape in transposed order.

    Two passes. Components of a tile are known by their first pixel in the image, and united by the smallest over all
    seams at once; roots are counted per line and numbered by prefix sums. Within a tile: Wu, Otoo and Suzuki,
    "Optimizing two-pass connected-component labeling algorithms", Pattern Analysis and Applications 12 (2009).
    """
    require_scalar_pixels(mask, "label")
    if mask.dtype.kind == "f":
        raise InputError(f"label works on a mask (bool) or on integers; found {mask.dtype}. Compare first.")
    hops = require_connectivity(mask, connectivity, "label", optional=True)
    numbers = reduce_tiles(
        survey_numbers, mask, combine=combine_parts, finish=finish_numbers, places=True, records=True, connectivity=hops
    )
    dtype = number_type(math.prod(mask.spatial_shape))
    made: Image = map_tiles(
        number_components, mask, records=numbers, user=False, dtype=dtype, cost=4.0, connectivity=hops, target=dtype.str
    )
    return made


@operation("exact", reference="scipy.ndimage.binary_fill_holes(mask)")
def fill_holes(mask: Image) -> Image:
    """Fill the holes of a mask: background that no path of pixels with common faces joins to the image border.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns) or (planes, rows, columns)

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For anything but a mask of one channel.

    Notes
    -----
    Exactness: exact, ``scipy.ndimage.binary_fill_holes(mask)``. A hole of any size is found: one that spans the whole
    image is followed over the seams as a component of the background.
    """
    require_scalar_pixels(mask, "fill_holes")
    require_mask(mask, "fill_holes")
    outside = reduce_tiles(survey_outside, mask, combine=combine_parts, finish=finish_totals, places=True, records=True)
    made: Image = map_tiles(fill_inside, mask, records=outside, user=False, cost=4.0)
    return made


@operation("exact", reference="skimage.filters.apply_hysteresis_threshold(image, low, high)")
def hysteresis(image: Image, *, low: float | Value, high: float | Value) -> Image:
    """Keep the pixels above `low` that pixels with common faces, all above `low`, join to a pixel above `high`.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
    low, high : number or Value
        Levels; a `low` above `high` is taken as `high`.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For channels, and for a level that is NaN.

    Notes
    -----
    Exactness: exact, ``skimage.filters.apply_hysteresis_threshold(image, low, high)``. NaN is below every level.
    """
    require_scalar_pixels(image, "hysteresis")
    for name, level in (("low", low), ("high", high)):
        if not isinstance(level, Value):
            check_level(name, level)
    if image.region is not None:  # 0, which is what lies outside, may be above a level; class 0 never is
        image = map_tiles(classes, image, user=False, dtype=np.uint8, cost=2.0, low=low, high=high)
        low, high = 0, 1
    strong = reduce_tiles(
        survey_strong, image, combine=combine_parts, finish=finish_totals, places=True, records=True, low=low, high=high
    )
    made: Image = map_tiles(
        keep_strong, image, records=strong, user=False, dtype=np.bool_, cost=5.0, low=low, high=high
    )
    return made


@operation(
    "exact", reference="skimage.morphology.remove_small_objects(mask, max_size=max_size, connectivity=connectivity)"
)
def remove_small_objects(mask: Image, *, max_size: int | Value = 64, connectivity: int = 1) -> Image:
    """Remove the objects of up to `max_size` pixels.

    Parameters
    ----------
    mask : Image or array of bool or integers, (rows, columns) or (planes, rows, columns)
        The objects of a mask are its connected components; those of an integer image are its values, connected or not.
    max_size : int or Value, optional
        Objects of this many pixels, or fewer, go.
    connectivity : int, optional
        As in `label`; for masks.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `mask`; labels that stay keep their numbers.

    Raises
    ------
    InputError
        For floats, channels, negative labels, a negative size, and a connectivity that is not 1 to the number of axes.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.remove_small_objects(mask, max_size=max_size, connectivity=connectivity)``.
    """
    require_scalar_pixels(mask, "remove_small_objects")
    if mask.dtype.kind == "f":
        raise InputError(
            f"remove_small_objects works on a mask (bool) or on labels (integers); found {mask.dtype}. "
            "Compare first, as in image > level."
        )
    if not isinstance(max_size, Value):
        check_size(max_size)
    hops = require_connectivity(mask, connectivity, "remove_small_objects")
    made: Image
    if mask.dtype != np.bool_:
        sizes = reduce_tiles(survey_sizes, mask, combine=combine_sizes, finish=finish_sizes, places=True, records=True)
        made = map_tiles(drop_small_labels, mask, records=sizes, user=False, cost=5.0, max_size=max_size)
        return made
    areas = reduce_tiles(
        survey_areas, mask, combine=combine_parts, finish=finish_totals, places=True, records=True, connectivity=hops
    )
    made = map_tiles(drop_small, mask, records=areas, user=False, cost=6.0, max_size=max_size, connectivity=hops)
    return made
