"""Holes in labels and small holes in masks: components of the background, followed over the seams.

Which label surrounds a piece of background is a lowest and a highest label among its neighbours: a piece with both the
same has one label around it. Neighbours may lie in the next tile, so the two are images of their own, made with a reach
of one pixel, and the survey finds them ready.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Image, Value, map_tiles, operation, reduce_tiles, require_mask, require_scalar_pixels
from tilemask.operations.objects import remove_small_objects
from tilemask.stitch.parts import combine_parts
from tilemask.stitch.rims import fill_rimmed, finish_rims, survey_rims


@operation("exact", reference="scipy.ndimage.binary_fill_holes(labels == k) for each label k, of holes without labels")
def fill_label_holes(labels: Image) -> Image:
    """Fill the holes of each object with its label.

    A hole is a piece of background (0), joined by common faces, that does not reach the image border and has pixels of
    one label only around it.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)

    Returns
    -------
    Image, or numpy.ndarray for an array
        Labels of the same shape and dtype; what had a label keeps it.

    Raises
    ------
    InputError
        For masks (`fill_holes` is theirs), floats, channels, and unsigned integers of 64 bits.

    Notes
    -----
    Exactness: exact. For each label k, ``scipy.ndimage.binary_fill_holes(labels == k)`` fills the same holes and those
    that hold other labels, which stay as they are here: what lies between two labels belongs to neither. A hole of any
    size is found.
    """
    require_scalar_pixels(labels, "fill_label_holes")
    if labels.dtype.kind not in "iu" or labels.dtype == np.uint64:
        advice = "fill_holes fills a mask." if labels.dtype == np.bool_ else "Convert it, as in astype('int64')."
        raise InputError(
            f"fill_label_holes works on labels (integers, signed where of 64 bits); found {labels.dtype}. {advice}"
        )
    low: Image = map_tiles(lowest_beside, labels, reach=1, user=False, cost=3.0)
    high: Image = map_tiles(highest_beside, labels, reach=1, user=False, cost=3.0)
    rims = reduce_tiles(
        survey_rims, labels, low, high, combine=combine_parts, finish=finish_rims, places=True, records=True
    )
    made: Image = map_tiles(fill_rimmed, labels, low, high, records=rims, user=False, cost=8.0, workspace=40.0)
    return made


@operation(
    "exact", reference="skimage.morphology.remove_small_holes(mask, max_size=max_size, connectivity=connectivity)"
)
def remove_small_holes(mask: Image, *, max_size: int | Value = 64, connectivity: int = 1) -> Image:
    """Fill the holes of up to `max_size` pixels.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns) or (planes, rows, columns)
    max_size : int or Value, optional
        Components of the background of this many pixels, or fewer, are filled, also where they touch the image border.
    connectivity : int, optional
        As in `label`, for the background.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For anything but a mask of one channel, a negative size, and a connectivity that is not 1 to the number of axes.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.remove_small_holes(mask, max_size=max_size, connectivity=connectivity)``.
    """
    require_mask(mask, "remove_small_holes")
    holes = remove_small_objects(~mask, max_size=max_size, connectivity=connectivity)
    return ~holes


def lowest_beside(labels: NDArray[Any]) -> NDArray[Any]:
    """The lowest label among the pixels with a common face; the largest number of the dtype where there is none."""
    return _beside(labels, np.iinfo(labels.dtype).max, np.minimum)


def highest_beside(labels: NDArray[Any]) -> NDArray[Any]:
    """The highest label among the pixels with a common face; the smallest number of the dtype where there is none."""
    return _beside(labels, np.iinfo(labels.dtype).min, np.maximum)


def _beside(labels: NDArray[Any], none: int, join: np.ufunc) -> NDArray[Any]:
    values = np.where(labels == 0, labels.dtype.type(none), labels)
    found = np.full_like(values, none)
    for axis in range(values.ndim):
        here, there = np.moveaxis(found, axis, 0), np.moveaxis(values, axis, 0)
        join(here[1:], there[:-1], out=here[1:])
        join(here[:-1], there[1:], out=here[:-1])
    return found
