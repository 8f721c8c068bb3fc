"""Peaks: the highest pixels of their neighbourhoods, no two of them near each other.

A maximum filter finds candidates. Two candidates within each other's neighbourhood are equally high, so of a plateau
the reference keeps the first pixel in raster order, drops those near it, keeps the next. Where such a chain of equal
candidates comes from outside the window, the kernel asks for a larger one. What the reference takes from the whole
image (the smallest value as the default threshold, the largest for `threshold_rel`, that a constant image has no
peaks) is a survey.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image import (
    LARGEST_REACH,
    Growth,
    Image,
    Unproven,
    Value,
    Window,
    is_number,
    map_tiles,
    operation,
    require_scalar_pixels,
)
from tilemask.operations.certificate import groups, place_name
from tilemask.operations.extremes import Extremes, extremes
from tilemask.operations.footprints import whole_number
from tilemask.operations.spacing import keep_spaced

IN_OPENCV = frozenset(map(np.dtype, ("uint8", "uint16", "int16", "float32", "float64")))
"""A maximum has no rounding, so floats too are the same wherever a tile begins."""
REACH = 3
"""Where windows begin, in minimal distances."""
WINDOW_BYTES = 18.0
"""Memory per pixel of a window beside the image and its maxima: counts, and seven masks."""


@operation(
    "exact", reference="skimage.feature.peak_local_max(image, min_distance, threshold_abs, threshold_rel, False)"
)
def peaks(
    image: Image,
    *,
    min_distance: int = 1,
    threshold_abs: float | Value | None = None,
    threshold_rel: float | Value | None = None,
) -> Image:
    """Find the pixels that are the highest of their neighbourhoods, as a mask.

    Parameters
    ----------
    image : Image or array of integers or floats, (rows, columns) or (planes, rows, columns)
    min_distance : int, optional
        Neighbourhoods reach so many pixels along every axis; peaks are at least so far apart along some axis. With 1
        every pixel of a plateau is a peak.
    threshold_abs : number or Value, optional
        Peaks are above this; above the smallest value of the image by default.
    threshold_rel : number or Value, optional
        Peaks are above this fraction of the largest value of the image.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape: true where ``skimage.feature.peak_local_max`` has coordinates.

    Raises
    ------
    InputError
        For a mask, channels, a distance that is no integer from 1, a threshold that is no number; when it is computed,
        for NaN pixels. An area of equal candidates (a plateau wider than twice the distance) that goes on beyond the
        memory is an error that names it, its height, and the ways out.

    Notes
    -----
    Exactness: exact, ``skimage.feature.peak_local_max(image, min_distance, threshold_abs, threshold_rel,
    exclude_border=False)`` with its default footprint and norm, as a set: the reference orders coordinates by height.
    NaN, which the reference treats by accident, is refused. An image has peaks up to its border.

    Two passes: the extremes of the image, then a maximum filter and the choice among equals; about 35 ns a pixel in
    2-D. Where equal candidates fill an area, windows grow until it ends.
    """
    require_scalar_pixels(image, "peaks")
    if image.dtype == np.bool_:
        raise InputError(
            "peaks looks for the highest pixels; found a mask (bool), which has two heights. Take its distance first, "
            "as in tilemask.peaks(tilemask.distance(mask))."
        )
    min_distance = whole_number(min_distance, "peaks: min_distance", least=1, most=LARGEST_REACH)
    for name, level in (("threshold_abs", threshold_abs), ("threshold_rel", threshold_rel)):
        if not (level is None or is_number(level) or isinstance(level, Value)):
            raise InputError(
                f"peaks: {name} is a number that is not NaN, a value of a survey, or None; found {level!r}."
            )
    if not _multiplies(threshold_rel, image.dtype):
        raise InputError(
            f"peaks: threshold_rel is multiplied by the highest pixel, in {image.dtype}, which {threshold_rel} does "
            "not fit into. Give a fraction of 1, as a float."
        )
    arguments: dict[str, Any] = {
        "ends": extremes(image, "peaks"),
        "min_distance": min_distance,
        "threshold_abs": threshold_abs,
        "threshold_rel": threshold_rel,
        "single": math.prod(image.shape) == 1,
    }
    cost, size = 30.0 if len(image.spatial_axes) == 2 else 120.0, WINDOW_BYTES + image.dtype.itemsize
    made: Image
    if min_distance == 1:
        made = map_tiles(find_candidates, image, reach=1, dtype=np.bool_, cost=cost / 2, user=False, **arguments)
        return made
    reach = REACH * int(min_distance)
    made = map_tiles(
        grow_peaks, image, reach=reach, dtype=np.bool_, cost=cost, user=False, grows=Growth(size), **arguments
    )
    return made


def _multiplies(number: Any, dtype: np.dtype[Any]) -> bool:
    """Whether NumPy multiplies a pixel by the number: whole numbers must fit into its type."""
    return not isinstance(number, int) or dtype.kind == "f" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max


def find_candidates(
    image: NDArray[Any],
    *,
    ends: Extremes,
    min_distance: int,
    threshold_abs: float | None,
    threshold_rel: float | None,
    single: bool,
) -> NDArray[np.bool_]:
    """The pixels above the threshold that are the highest of their neighbourhoods.

    `single` is for an image of one pixel, which has no neighbourhood.
    """
    if ends.flat and not single:
        return np.zeros(image.shape, np.bool_)
    level = ends.low if threshold_abs is None else threshold_abs
    if threshold_rel is not None:  # in the types of the reference, which decide how pixels compare with it
        level = max(level, threshold_rel * ends.high)
    candidates: NDArray[np.bool_] = image > level
    if not single:
        candidates &= image == highest_near(image, min_distance)
    return candidates


def grow_peaks(
    image: NDArray[Any],
    *,
    window: Window,
    ends: Extremes,
    min_distance: int,
    threshold_abs: float | None,
    threshold_rel: float | None,
    single: bool,
) -> tuple[NDArray[np.bool_], list[Unproven]]:
    """The peaks that a window shows, and boxes around candidates of which it does not tell."""
    core = window.core.within(window.box)
    candidates = find_candidates(
        image,
        ends=ends,
        min_distance=min_distance,
        threshold_abs=threshold_abs,
        threshold_rel=threshold_rel,
        single=single,
    )
    stay, left = keep_spaced(candidates, _known(window, min_distance), min_distance)
    unproven = []
    for box in groups(left[core], 4 * min_distance):
        placed = box.shift(window.core.start)
        reach = max(4 * min_distance, max(box.shape) // 2)
        unproven.append(Unproven(placed, reach, *_named(image[core], left[core], box, placed.start, ends.low)))
    return stay[core], unproven


def _named(image: NDArray[Any], left: NDArray[np.bool_], box: Box, start: tuple[int, ...], low: Any) -> tuple[str, str]:
    """What goes on beyond a window, and what to do about it where memory ends; `start` is the box's in the image."""
    first = tuple(map(int, np.argwhere(left[box.slices])[0]))
    height = image[box.slices][first]
    at = place_name(s + f for s, f in zip(start, first, strict=True))
    return (
        f"the plateau at {at}, of pixels equally high ({height}),",
        f"Or lower the plateau, as in where(image == {height}, {low}, image); or smooth the image before by a gaussian "
        f"as wide as it, so that it slopes to one top; or leave out all up to its height, by threshold_abs={height}.",
    )


def highest_near(image: NDArray[Any], radius: int) -> NDArray[Any]:
    """The largest value within `radius` pixels along every axis."""
    side = 2 * radius + 1
    if image.ndim == 2 and image.dtype in IN_OPENCV:
        pixels = np.ascontiguousarray(image)
        return np.asarray(cv2.dilate(pixels, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE))
    return np.asarray(ndi.maximum_filter(image, side, mode="nearest"))


def _known(window: Window, away: int) -> Box:
    """The pixels of a window that are so far from its artificial edges, in pixels of the window."""
    start = tuple(away if a > 0 else 0 for a in window.box.start)
    sides = zip(window.box.shape, window.box.stop, window.shape, strict=True)
    stop = tuple(n - away if b < whole else n for n, b, whole in sides)
    return Box(start, tuple(map(max, start, stop)))
