"""Rows of the watershed: masks and seeds of any picture, elevations of any dtype, windows that begin at one pixel.

scikit-image is no reference here, since most pictures have seeds that lie equally high. Where none do, and against an
independent flood everywhere, it is compared in tests/operations/test_watershed.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.case import Case
from tilemask.image import Image, Step

ELEVATIONS = ("bool", "uint8", "int16", "uint32", "int64", "float32", "float64")
WITH_SEEDS = tuple((dtype, "uint8") for dtype in ELEVATIONS)
MARKERS = tuple((dtype, "bool") for dtype in ("uint8", "uint16", "uint32", "uint64"))
WITH_MASK = tuple((dtype, "uint8", "bool") for dtype in ELEVATIONS)


def nearby(labels: Any, reach: int = 1) -> Any:
    """Let windows begin at so few pixels that those of small images must grow; an array is done already."""
    if not isinstance(labels, Image):
        return labels
    assert isinstance(labels.step, Step)
    return replace(labels, step=replace(labels.step, reach=((reach, reach),) * len(labels.spatial_axes)))


def from_seeds(level: int, **options: Any) -> Any:
    """Flood from the objects of bright pixels, with a third image as the mask."""

    def call(elevation: Any, seeds: Any, *mask: Any) -> Any:
        markers = tm.label(seeds > level)
        return nearby(tm.watershed(elevation, markers, mask=mask[0] if mask else None, **options))

    return call


def from_minima(elevation: Any, mask: Any) -> Any:
    return nearby(tm.watershed(elevation, mask=mask, connectivity=2), 0)


def divided(mask: Any) -> Any:
    """The chain that objects which touch are divided by."""
    distance = tm.distance(mask)
    markers = tm.label(tm.peaks(distance, min_distance=2))
    return nearby(tm.watershed(-distance, markers, mask=mask))


def few(markers: Any) -> Any:
    """Labels that lie in many places, so that some are in a mask and out of it; a tenth of the pixels, or all."""
    return tm.where(markers % 10 == 0, markers // 10, 0)


def np_few(markers: NDArray[Any]) -> NDArray[Any]:
    return np.where(markers % 10 == 0, markers // 10, markers.dtype.type(0))


def np_dropped(markers: NDArray[Any], mask: NDArray[np.bool_]) -> np.int64:
    return np.int64(np.setdiff1d(markers, np.where(mask, markers, 0)).size)


def _case(level: int, dtypes: Any, ndim: tuple[int, ...], **options: Any) -> Case:
    shown = ", ".join([f"above {level}", *(f"{name}={value}" for name, value in options.items())])
    return Case("watershed", from_seeds(level, **options), None, dtypes, ndim, shown, may_raise=True)


CASES: list[Case] = [
    _case(200, WITH_MASK, (2, 3)),
    _case(245, WITH_MASK, (2,), connectivity=2),
    _case(120, WITH_MASK[-2:], (3,), connectivity=3),
    _case(230, WITH_MASK[1::3], (2, 3), compactness=700.0),
    _case(200, WITH_SEEDS[1::4], (2, 3)),
    _case(200, WITH_MASK[::2], (2, 3), watershed_line=True),
    _case(235, WITH_MASK[1::2], (2,), connectivity=2, watershed_line=True),
    Case("watershed", from_minima, None, (("uint8", "bool"), ("float32", "bool")), (2,), "minima", may_raise=True),
    Case("watershed", divided, None, ("bool",), (2, 3), "distance, peaks, label"),
    Case("dropped_markers", tm.dropped_markers, np_dropped, MARKERS, (2, 3)),
    Case(
        "dropped_markers",
        lambda markers, mask: tm.dropped_markers(few(markers), mask),
        lambda markers, mask: np_dropped(np_few(markers), mask),
        MARKERS[:2],
        (2, 3),
        "few",
    ),
]
