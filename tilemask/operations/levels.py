"""Levels of a histogram: pure functions, one number out.

Where scikit-image takes a histogram it is called with one; `li` and `triangle` take images only there and are written
again, expression by expression, so that every rounding is the same. A constant image has the level that the reference
gives it, or is an error where the reference fails. Results have one dtype per image dtype, known before the pixels are:
int64 for integer images (where scikit-image returns the image's own type for constant images only), else the image's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import skimage.filters
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.operations.histograms import Histogram


def otsu_level(histogram: Histogram) -> Any:
    if histogram.constant is not None:
        return histogram.constant
    return skimage.filters.threshold_otsu(hist=(histogram.counts, histogram.centers))


def yen_level(histogram: Histogram) -> Any:
    if histogram.constant is not None:  # constant floats: the reference's first bin, half a unit below
        return histogram.centers[0]
    with np.errstate(all="ignore"):
        return skimage.filters.threshold_yen(hist=(histogram.counts, histogram.centers))


def isodata_level(histogram: Histogram) -> Any:
    if histogram.constant is not None:
        if histogram.centers.dtype.kind == "f":
            raise InputError(
                f"isodata looks for a level between two classes; every value of the image is {histogram.constant}. "
                "Use otsu, which returns that value."
            )
        return histogram.constant
    levels = skimage.filters.threshold_isodata(hist=(histogram.counts, histogram.centers), return_all=True)
    if not len(levels):
        raise InputError(
            f"isodata finds no level that lies midway between the means of its two classes, from "
            f"{histogram.centers[0]} to {histogram.centers[-1]} in {len(histogram.centers)} bins. Use otsu."
        )
    return levels[0]


def triangle_level(histogram: Histogram) -> Any:
    """`skimage.filters.threshold_triangle` from its histogram on (Zack, Rogers and Latt 1977)."""
    if histogram.constant is not None:
        return histogram.constant
    counts, bins = histogram.counts, len(histogram.counts)
    peak = int(np.argmax(counts))
    low, high = (int(i) for i in np.flatnonzero(counts)[[0, -1]])
    flip = peak - low < high - peak
    if flip:
        counts = counts[::-1]
        low, peak = bins - high - 1, bins - peak - 1
    width = peak - low
    places = np.arange(width)
    height = int(counts[peak])
    norm = np.sqrt(np.float64(height**2 + width**2))  # Python integers: the square of 3·10⁹ pixels leaves int64
    length = np.float64(height) / norm * places - np.float64(width) / norm * counts[places + low]
    level = int(np.argmax(length)) + low
    return histogram.centers[bins - level - 1 if flip else level]


def li_level(histogram: Histogram) -> Any:
    """Minimum cross entropy (Li and Tam 1998), iterated on the histogram from the mean."""
    if histogram.constant is not None:
        return _as_level(histogram.constant, histogram)
    low = histogram.centers[0]
    offsets: NDArray[Any]
    weights: NDArray[Any]
    if low.dtype.kind == "f":
        offsets, weights = histogram.centers.astype(np.float64) - np.float64(low), histogram.counts
        tolerance = float(offsets[1]) / 2
        mean = math.fsum(offsets * weights) / int(weights.sum())
    else:
        # float32 weights are the reference's; beyond 2^24 pixels in a bin it rounds there.
        offsets, weights = np.arange(len(histogram.centers)), histogram.counts.astype(np.float32)
        tolerance = 0.5
        mean = int(np.dot(offsets, histogram.counts)) / int(histogram.counts.sum())
    return _as_level(_iterate_li(offsets, weights, np.float64(mean), tolerance) + low, histogram)


def _iterate_li(offsets: NDArray[Any], weights: NDArray[Any], level: np.float64, tolerance: float) -> np.float64:
    last = np.float64(-2 * tolerance)
    while abs(level - last) > tolerance:
        last = level
        bright = offsets > last
        fore = np.average(offsets[bright], weights=weights[bright])
        back = np.average(offsets[~bright], weights=weights[~bright])
        if back == 0:
            break
        level = (back - fore) / (np.log(back) - np.log(fore))
    return level


def _as_level(level: Any, histogram: Histogram) -> Any:
    """Li's level of integers lies between them."""
    return histogram.centers.dtype.type(level) if histogram.centers.dtype.kind == "f" else np.float64(level)
