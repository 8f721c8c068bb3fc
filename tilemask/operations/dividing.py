"""Divide the objects of a window among markers by scikit-image's watershed, in an order that no other object changes.

scikit-image takes pixels by elevation, then by age. All seeds have one age, so seeds that lie equally high come in the
order in which its heap happens to hold them, and that depends on every seed of the image. Here they come in raster
order, by a surface on which no two seeds of an object lie equally high (see `seed_order`). Raster order, ages and
levels within an object are the same in every window that holds all of it; so is the result.

Most objects are not flooded at all: where there is one label, it gets every pixel. A line between labels is drawn by a
flood of our own (see `watershed_lines`), which keeps that order by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage.segmentation import watershed

from tilemask.errors import InputError
from tilemask.operations.seed_order import Seeds, order_seeds, seeds_of, tied_objects
from tilemask.operations.watershed_lines import flood_to_lines
from tilemask.stitch.components import apply_table

AGES = 2**31 - 1
"""The ages that scikit-image tells apart; a pixel takes one, and with compactness one per neighbour."""


def divide_objects(
    objects: NDArray[Any],
    asked: NDArray[np.bool_],
    elevation: NDArray[Any],
    markers: NDArray[Any],
    *,
    connectivity: int,
    compactness: float,
    line: bool,
) -> NDArray[Any]:
    """Give each pixel of an object the marker that floods it first.

    Parameters
    ----------
    objects : ndarray of int
        0, or the number of the object that a pixel belongs to: components with this `connectivity`.
    asked : 1-D ndarray of bool
        Per number whether the object is to be divided; false for 0.
    elevation : ndarray
        Taken as float64, as scikit-image does; not NaN within objects.
    markers : ndarray of int
        0, or the positive label that floods from a pixel; those outside objects are dropped.
    connectivity : int
    compactness : float
        0 where there is a line.
    line : bool
        Whether labels are kept apart by a line.

    Returns
    -------
    ndarray
        Of the dtype of `markers`; 0 on the line, in objects without a marker, and in those that are not asked for.
    """
    seeds = seeds_of(markers, objects).within(asked)
    only, divided = _labels_of(seeds, markers, len(asked))
    result = apply_table(only, objects.copy())
    if not divided.any():
        return result
    seeds, surface = seeds.within(divided), np.array(elevation, np.float64, order="C")
    if line:
        result += flood_to_lines(surface, apply_table(divided, objects), markers, connectivity)
    elif compactness:
        result += _flood_compact(objects, divided, seeds, surface, markers, connectivity, compactness)
    else:
        order_seeds(surface, objects, seeds, connectivity)
        result += _flood(surface, apply_table(divided, objects), markers, connectivity)
    return result


def _labels_of(seeds: Seeds, markers: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Per object its label where it has one only, else 0; and whether it has several."""
    labels = np.take(markers, seeds.at)
    least, most = np.full(count, np.iinfo(markers.dtype).max, markers.dtype), np.zeros(count, markers.dtype)
    np.minimum.at(least, seeds.of, labels)
    np.maximum.at(most, seeds.of, labels)
    return np.where(least == most, most, 0).astype(markers.dtype), least < most


def _flood_compact(
    objects: NDArray[Any],
    divided: NDArray[np.bool_],
    seeds: Seeds,
    elevation: NDArray[np.float64],
    markers: NDArray[Any],
    connectivity: int,
    compactness: float,
) -> NDArray[Any]:
    """Flood objects with seeds equally high one by one, all others at once.

    Distances are added to elevations here, so no surface of levels can put seeds in order. But where scikit-image sees
    nothing else than the object, its own order of seeds is the same for every window.
    """
    tied = tied_objects(elevation, seeds, len(divided))
    together = apply_table(divided & ~tied, objects)
    labels = _flood(elevation, together, markers, connectivity, compactness)
    boxes = ndi.find_objects(objects)
    for number in np.flatnonzero(tied):
        box = boxes[number - 1]
        labels[box] += _flood(elevation[box], objects[box] == number, markers[box], connectivity, compactness)
    return labels


def _flood(
    surface: NDArray[np.float64],
    mask: NDArray[np.bool_],
    markers: NDArray[Any],
    connectivity: int,
    compactness: float = 0.0,
) -> NDArray[Any]:
    """scikit-image's watershed in all objects of a mask at once: none can reach another."""
    pushes = int(ndi.generate_binary_structure(mask.ndim, connectivity).sum()) - 1 if compactness else 1
    if (ages := pushes * np.count_nonzero(mask)) > AGES:
        raise InputError(
            f"watershed: objects of {np.count_nonzero(mask):,} pixels would be flooded at once, in {ages:,} steps; "
            f"scikit-image tells {AGES:,} apart. Use smaller tiles, or watershed_forest."
        )
    return np.asarray(watershed(surface, markers, connectivity, mask=mask, compactness=compactness))
