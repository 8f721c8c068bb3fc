"""Rows of the region of interest: what an operation gives of an image that is background outside a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, measure, morphology

import tilemask as tm
from tests.exactness.case import Case
from tilemask.image import Image, Value

Pixels = NDArray[Any]


def zero_outside(array: NDArray[Any], roi: NDArray[Any]) -> NDArray[Any]:
    return np.where(roi != 0, array, array.dtype.type(0))


CASES: list[Case] = [
    Case(
        "within",
        tm.within,
        zero_outside,
        (("uint8", "bool"), ("bool", "bool"), ("int32", "uint8"), ("float32", "bool"), ("float64", "int32")),
    )
]


@dataclass(frozen=True)
class Row:
    """An operation on an image with a region, and what it must give: of the pixels, and of what is inside."""

    name: str
    call: Callable[[Any], Image | Value]
    expected: Callable[[Pixels, NDArray[np.bool_]], Any]
    dtypes: tuple[str, ...] = ("uint8",)
    ndim: tuple[int, ...] = (2,)


def cut(array: Any, inside: NDArray[np.bool_]) -> Pixels:
    return np.where(inside, array, np.asarray(array).dtype.type(0))


def bright(array: Any) -> Any:
    return array > 100


def opened(array: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    eroded = morphology.erosion(bright(array) & inside, morphology.disk(2)) & inside
    return morphology.dilation(eroded, morphology.disk(2)) & inside


def closed(array: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    dilated = morphology.dilation(bright(array) & inside, morphology.disk(2)) & inside
    return morphology.erosion(dilated, morphology.disk(2)) & inside


def held(array: Pixels, inside: NDArray[np.bool_], *, low: float, high: float) -> Pixels:
    """Hysteresis as it is defined: components of what is above `low`, here also inside, that hold a pixel above."""
    weak, strong = (array > low) & inside, (array > high) & inside
    labels, count = ndimage.label(weak)
    kept = np.zeros(count + 1, np.bool_)
    kept[np.unique(labels[strong])] = True
    kept[0] = False
    return kept[labels]


def flooded(near: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Pixels:
    """The component of what is near and inside that holds the first pixel."""
    labels = measure.label(near & inside)
    return (labels == labels[0, 0]) & (labels > 0)


def nuclei(image: Any) -> Any:
    """Objects that touch, divided between the peaks of their distances."""
    mask = bright(image) if image.dtype != np.bool_ else image
    far = tm.distance(mask)
    return tm.watershed(-far, tm.label(tm.peaks(far, min_distance=2)), mask=mask)


def few(image: Any) -> Any:
    """Up to five labels, of 8 or 16 bits: names all the same."""
    return image // (32 if image.dtype.itemsize == 1 else 8192) % 6


def of_labels(call: Callable[[Any], Any], *, image: bool = True) -> tuple[Callable[[Any], Any], Callable[..., Any]]:
    """What an operation gives of labels with a region, and of labels that are 0 outside it."""

    def right(array: Pixels, inside: NDArray[np.bool_]) -> Any:
        found = call(cut(few(array), inside))
        return cut(found, inside) if image else found

    return (lambda i: call(few(i))), right


def neighbours(array: Pixels) -> Pixels:
    return ndimage.maximum_filter(array, 3) > ndimage.minimum_filter(array, 3)


def smoothed_mask(image: Any) -> Any:
    smooth = tm.gaussian(image, sigma=1)
    return smooth > tm.otsu(smooth)


def expected_mask(array: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    smooth = tm.gaussian(array, sigma=1)
    return (smooth > tm.otsu(smooth, where=inside)) & inside


def total(array: Pixels) -> int:
    return int(array.astype(np.int64).sum())


def add(a: int, b: int) -> int:
    return a + b


def as_is(part: int) -> int:
    return part


INTEGERS = ("uint8", "int16")
NARROW = ("uint8", "uint16")
AROUND = ("perimeter", "perimeter_crofton", "euler_number")
ROWS = [
    Row("itself", lambda i: i, cut, ("uint8", "bool", "int32", "float32"), (2, 3)),
    Row("gaussian", partial(tm.gaussian, sigma=1.5), lambda a, r: cut(tm.gaussian(a, sigma=1.5), r)),
    Row("median", tm.median, lambda a, r: cut(tm.median(a), r), ("uint8", "float32"), (2, 3)),
    Row("grey erosion", tm.erosion, lambda a, r: cut(tm.erosion(a), r), ("uint16", "float32"), (2, 3)),
    Row("invert", lambda i: ~bright(i), lambda a, r: ~bright(a) & r, INTEGERS, (2, 3)),
    Row("opening", lambda i: tm.opening(bright(i), radius=2), opened, INTEGERS),
    Row("closing", lambda i: tm.closing(bright(i), radius=2), closed, INTEGERS),
    Row("otsu", tm.otsu, lambda a, r: tm.otsu(a, where=r), (*INTEGERS, "int32", "float32"), (2, 3)),
    Row("otsu of skimage", tm.otsu, lambda a, r: filters.threshold_otsu(a[r]) if r.any() else tm.otsu(a, where=r)),
    Row("percentile", partial(tm.percentile, q=30), lambda a, r: tm.percentile(a, 30, where=r), INTEGERS),
    Row("mean", tm.threshold_mean, lambda a, r: tm.threshold_mean(a, where=r), ("uint8", "float32", "bool")),
    Row("where", lambda i: tm.otsu(i, where=bright(i)), lambda a, r: tm.otsu(a, where=bright(a) & r)),
    Row("own survey", lambda i: tm.reduce_tiles(total, i, combine=add, finish=as_is), lambda a, r: total(cut(a, r))),
    Row("own mask", lambda i: tm.map_tiles(neighbours, i, reach=1, dtype=bool), lambda a, r: neighbours(a) & r),
    Row("smooth mask", smoothed_mask, expected_mask),
    Row("label", lambda i: tm.label(bright(i)), lambda a, r: measure.label(bright(a) & r), INTEGERS, (2, 3)),
    Row("label values", tm.label, lambda a, r: measure.label(cut(a, r)).astype(np.int32), ("uint8", "int32"), (2, 3)),
    Row(
        "fill_holes",
        lambda i: tm.fill_holes(bright(i)),
        lambda a, r: ndimage.binary_fill_holes(bright(a) & r) & r,
        INTEGERS,
        (2, 3),
    ),
    Row(
        "remove_small_objects",
        lambda i: tm.remove_small_objects(bright(i), max_size=4),
        lambda a, r: morphology.remove_small_objects(bright(a) & r, max_size=4),
        INTEGERS,
        (2, 3),
    ),
    Row(
        "small labels",
        partial(tm.remove_small_objects, max_size=4),
        lambda a, r: morphology.remove_small_objects(cut(a, r), max_size=4),
        ("uint8", "uint32"),
        (2, 3),
    ),
    Row(
        "hysteresis",
        partial(tm.hysteresis, low=-20, high=90.5),
        partial(held, low=-20, high=90.5),
        ("uint8", "int16", "float32"),
        (2, 3),
    ),
    Row(
        "a part",
        lambda i: tm.label(bright(i))[-3:, -5:],
        lambda a, r: measure.label(bright(a) & r)[-3:, -5:],
    ),
    Row(
        "of a part",
        lambda i: tm.label(bright(i[:7, :9])),
        lambda a, r: measure.label((bright(a) & r)[:7, :9]),
    ),
    Row(
        "smaller",
        lambda i: bright(tm.downsample(i, factor=3)),
        lambda a, r: bright(tm.downsample(a, factor=3)) & r[(slice(None, None, 3),) * r.ndim],
        INTEGERS,
        (2, 3),
    ),
    Row(
        "smaller labels",
        lambda i: tm.downsample(tm.label(bright(i)), factor=2, labels=True),
        lambda a, r: measure.label(bright(a) & r)[::2, ::2].astype(np.int32),
    ),
    Row("distance", lambda i: tm.distance(bright(i)), lambda a, r: tm.distance(bright(a) & r), INTEGERS, (2, 3)),
    Row(
        "flood",
        lambda i: tm.flood(i, (0, 0), tolerance=120),
        lambda a, r: flooded(np.abs(a.astype(int) - int(a[0, 0] * r[0, 0])) <= 120, r),
        ("uint8", "int16"),
    ),
    Row(
        "watershed",
        lambda i: tm.watershed(i, tm.label(i > 180)),
        lambda a, r: tm.watershed(a, tm.label((a > 180) & r), mask=r),
        INTEGERS,
        (2, 3),
    ),
    Row(
        "watershed in a mask",
        lambda i: tm.watershed(i, tm.label(i > 180), mask=bright(i)),
        lambda a, r: tm.watershed(a, tm.label((a > 180) & r), mask=bright(a) & r),
    ),
    Row(
        "watershed_forest",
        lambda i: tm.watershed_forest(i, tm.label(i > 180)),
        lambda a, r: tm.watershed_forest(a, tm.label((a > 180) & r), mask=r),
    ),
    Row(
        "watershed of distances",
        nuclei,
        lambda a, r: nuclei(bright(a) & r),
        ("uint8",),
        (2, 3),
    ),
    Row("overlay", lambda i: tm.overlay(i, bright(i)), lambda a, r: drawn(a, r)),
    Row("expand_labels", *of_labels(partial(tm.expand_labels, distance=2.5)), NARROW, (2, 3)),
    Row("find_boundaries", *of_labels(partial(tm.find_boundaries, mode="outer")), NARROW, (2, 3)),
    Row("smooth_labels", *of_labels(partial(tm.smooth_labels, radius=2)), NARROW),
    Row("fill_label_holes", *of_labels(tm.fill_label_holes), NARROW, (2, 3)),
    Row("convex_hull_object", *of_labels(lambda i: tm.convex_hull_object(i == 3)), NARROW),
    Row("select", *of_labels(partial(tm.select, where="perimeter > 30 or euler_number < -3")), NARROW),
    Row("measure", *of_labels(partial(tm.measure, properties=("area", *AROUND)), image=False), NARROW),
]


def drawn(array: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    low, high = (tm.percentile(array, q, where=inside) for q in (0.5, 99.5))
    return cut(tm.overlay(array, bright(array) & inside, low=low, high=high), inside[..., np.newaxis])
