"""A surface on which no two seeds of an object lie equally high, and which floods as the elevation does.

scikit-image orders pixels by (elevation, age). To take seeds of one elevation in raster order, they must lie on levels
of their own, above all that is lower and below all that is as high and not a seed. So in each object that has such
seeds, elevations become whole levels with room for seeds between them: the algorithm compares elevations and takes the
higher of two, so only their order counts.

One thing more must be right. Water does not sink: what a seed passes on is at least as high as the seed, and a seed on
a level of its own would pass that on. Where a seed has a lower neighbour, levels are therefore raised to what water
reaches there from any seed, which is all that the algorithm ever makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage.morphology import reconstruction

from tilemask.stitch.components import apply_table


@dataclass(frozen=True)
class Seeds:
    """The pixels that are flooded from, in raster order."""

    at: NDArray[np.intp]
    """Flat indices."""
    of: NDArray[Any]
    """Numbers of the objects that they lie in; 0 is none."""

    def within(self, chosen: NDArray[np.bool_]) -> Seeds:
        """Those in the objects that a table chooses."""
        inside = np.take(chosen, self.of)
        return Seeds(self.at[inside], self.of[inside])


def seeds_of(markers: NDArray[Any], objects: NDArray[Any]) -> Seeds:
    """The pixels that are not 0 in `markers`."""
    at = np.flatnonzero(markers)
    return Seeds(at, np.take(objects, at))


def tied_objects(elevation: NDArray[np.float64], seeds: Seeds, count: int) -> NDArray[np.bool_]:
    """Per object whether two of its seeds lie equally high."""
    height = np.take(elevation, seeds.at)
    order = np.lexsort((height, seeds.of))
    of, height = seeds.of[order], height[order]
    tied = np.zeros(count, np.bool_)
    tied[of[1:][(of[1:] == of[:-1]) & (height[1:] == height[:-1])]] = True
    return tied


def order_seeds(surface: NDArray[np.float64], objects: NDArray[Any], seeds: Seeds, connectivity: int) -> None:
    """Turn elevations, in place, into a surface on which the seeds of an object come one after the other.

    Parameters
    ----------
    surface : ndarray of float64, C-contiguous
        The elevation; it stays as it is in objects without two seeds equally high.
    objects : ndarray of int
        0, or the number of the object that a pixel belongs to.
    seeds : Seeds
        All in objects.
    connectivity : int
    """
    tied = tied_objects(surface, seeds, int(objects.max()) + 1)
    if not tied.any():
        return
    seeds, flat = seeds.within(tied), surface.reshape(-1)
    pixels = np.flatnonzero(apply_table(tied, objects))
    flat[pixels], own = _levels(flat[pixels], np.searchsorted(pixels, seeds.at))
    dry = np.ones(surface.shape, np.bool_)
    dry.reshape(-1)[seeds.at] = False
    lower = _above_a_neighbour(surface, objects, dry, seeds, connectivity)
    if lower.any():
        _raise_to_water(surface, objects, dry, np.unique(seeds.of[lower]), connectivity)
    flat[seeds.at] = own


def _levels(height: NDArray[np.float64], seeds: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Whole levels in the order of the heights, and for each seed one of its own just below that of its height."""
    heights = np.unique(height)
    rank = np.searchsorted(heights, height)
    up_to = np.cumsum(np.bincount(rank[seeds], minlength=len(heights)))  # seeds as high as this, or lower
    own = np.empty(len(seeds), np.intp)
    order = np.argsort(rank[seeds], kind="stable")
    own[order] = rank[seeds][order] + np.arange(len(seeds))
    return rank + up_to[rank], own


def _above_a_neighbour(
    surface: NDArray[np.float64], objects: NDArray[Any], dry: NDArray[np.bool_], seeds: Seeds, connectivity: int
) -> NDArray[np.bool_]:
    """Per seed whether a neighbour in its object lies lower and is no seed (`dry`)."""
    shape, at = np.array(surface.shape), np.stack(np.unravel_index(seeds.at, surface.shape))
    height, above = np.take(surface, seeds.at), np.zeros(len(seeds.at), np.bool_)
    for hop in np.argwhere(ndi.generate_binary_structure(surface.ndim, connectivity)) - 1:
        other = at + hop[:, None]
        inside = np.flatnonzero(((other >= 0) & (other < shape[:, None])).all(axis=0))
        there = tuple(other[:, inside])
        below = dry[there] & (surface[there] < height[inside])
        above[inside] |= below & (objects[there] == seeds.of[inside])
    return above


def _raise_to_water(
    surface: NDArray[np.float64],
    objects: NDArray[Any],
    dry: NDArray[np.bool_],
    chosen: NDArray[Any],
    connectivity: int,
) -> None:
    """Raise the chosen objects to the lowest level at which water from a seed reaches each pixel."""
    footprint = ndi.generate_binary_structure(surface.ndim, connectivity)
    boxes = ndi.find_objects(objects)
    for number in chosen:
        box = boxes[number - 1]
        inside = objects[box] == number
        ground = np.where(inside, surface[box], np.inf)
        water = reconstruction(np.where(dry[box], np.inf, ground), ground, method="erosion", footprint=footprint)
        surface[box][inside] = water[inside]
