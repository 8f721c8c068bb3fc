"""Rows of distances, peaks and extrema."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature, morphology

import tilemask as tm
from tests.exactness.case import Case


def euclidean(mask: NDArray[np.bool_], *, size: Any = None) -> NDArray[np.float64]:
    """SciPy's, but for a mask without background, of which it says nothing."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=size))


def chamfer(mask: NDArray[np.bool_], *, metric: str) -> NDArray[np.int32]:
    return np.asarray(ndimage.distance_transform_cdt(mask, metric))


def _chamfer(metric: str) -> Case:
    call = partial(tm.distance, metric=metric)
    return Case("distance", call, partial(chamfer, metric=metric), ("bool",), (2, 3), metric)


def _sized(size: Any, ndim: tuple[int, ...], *, reference: bool) -> Case:
    oracle = partial(euclidean, size=size) if reference else None
    return Case("distance", partial(tm.distance, pixel_size=size), oracle, ("bool",), ndim, f"pixel_size={size}")


def peak_mask(array: NDArray[Any], **options: Any) -> NDArray[np.bool_]:
    found = np.zeros(array.shape, np.bool_)
    found[tuple(feature.peak_local_max(array, exclude_border=False, **options).T)] = True
    return found


def _peaks(dtypes: tuple[str, ...], ndim: tuple[int, ...] = (2, 3), **options: Any) -> Case:
    shown = ", ".join(f"{name}={value}" for name, value in options.items())
    call, reference = partial(tm.peaks, **options), partial(peak_mask, **options)
    return Case("peaks", call, reference, dtypes, ndim, shown, finite=True)


def _extrema(name: str, dtypes: tuple[str, ...], ndim: tuple[int, ...] = (2, 3), **options: Any) -> Case:
    shown = ", ".join(f"{option}={value}" for option, value in options.items())
    call, reference = partial(getattr(tm, name), **options), partial(getattr(morphology, name), **options)
    return Case(name, call, reference, dtypes, ndim, shown, finite=True)


NUMBERS = ("uint8", "uint16", "int16", "int32", "int64", "float32", "float64")
ORDERED = ("bool", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64")

CASES: list[Case] = [
    Case("distance", tm.distance, euclidean, ("bool",)),
    _chamfer("chessboard"),
    _chamfer("taxicab"),
    _sized((0.5, 2.0), (2,), reference=True),
    _sized((2.0, 0.7, 0.7), (3,), reference=False),
    _sized(0.3, (2, 3), reference=False),
    _peaks(NUMBERS),
    _peaks(NUMBERS, min_distance=2),
    _peaks(("uint8", "float32"), min_distance=5),
    _peaks(("uint8", "int16", "float32"), min_distance=3, threshold_abs=20, threshold_rel=0.3),
    _extrema("local_maxima", ORDERED),
    _extrema("local_maxima", ("uint8", "int64", "float32"), connectivity=1),
    _extrema("local_maxima", ("uint8", "float64"), allow_borders=False),
    _extrema("local_minima", ORDERED),
    _extrema("local_minima", ("int8", "uint16"), (3,), connectivity=2, allow_borders=False),
]
