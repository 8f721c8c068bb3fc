"""Rows of the operations that clean labels and masks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, morphology, segmentation

import tilemask as tm
from tests.exactness.case import Case

LABELS = ("bool", "uint8", "int16", "int32", "uint64")
SIGNED = ("uint8", "int16", "uint32", "int64")
PAIRS = (("uint8", "uint8"), ("uint16", "uint64"), ("uint32", "uint8"))
NEGATIVE = (("int16", "uint8"), ("uint16", "int64"))


def _row(name: str, reference: Any, dtypes: Any, ndim: tuple[int, ...], **options: object) -> Case:
    shown = ", ".join(f"{option}={value}" for option, value in options.items())
    call = partial(getattr(tm, name), **options)
    return Case(name, call, reference and partial(reference, **options), dtypes, ndim, shown)


def fill_few(labels: Any) -> Any:
    """Few labels, so that holes are many, and some have one label around them but for one pixel."""
    return tm.fill_label_holes(labels % 3)


def fill_label_holes(labels: NDArray[Any]) -> NDArray[Any]:
    """SciPy's holes of each label, those with other labels in them left out."""
    labels = labels % 3
    result = labels.copy()
    for label in np.unique(labels[labels != 0]):
        filled = ndimage.binary_fill_holes(labels == label) & (labels != label)
        holes, _ = ndimage.label(filled)
        others = np.unique(holes[filled & (labels != 0)])
        result[filled & ~np.isin(holes, others)] = label
    return result


def join_segmentations(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int32]:
    """scikit-image computes in the dtype of the labels, and narrow ones wrap around."""
    return np.asarray(segmentation.join_segmentations(a.astype(np.int64), b.astype(np.int64))).astype(np.int32)


def majority(labels: NDArray[Any], *, radius: int) -> NDArray[Any]:
    footprint = (morphology.disk if labels.ndim == 2 else morphology.ball)(radius)
    return np.asarray(filters.rank.majority(labels, footprint))


expand_labels, find_boundaries = segmentation.expand_labels, segmentation.find_boundaries
skeletonize, thin = morphology.skeletonize, morphology.thin
remove_small_holes, hull = morphology.remove_small_holes, morphology.convex_hull_object

CASES: list[Case] = [
    _row("find_boundaries", find_boundaries, LABELS, (2, 3)),
    _row("find_boundaries", find_boundaries, LABELS, (2, 3), connectivity=2, mode="inner"),
    _row("find_boundaries", find_boundaries, ("uint8",), (3,), connectivity=3),
    # SciPy takes the minimum of 64-bit labels in float64, which mode "outer" shows it the largest of
    _row("find_boundaries", find_boundaries, LABELS[:-1], (2, 3), mode="outer"),
    _row("find_boundaries", find_boundaries, ("uint8", "int16"), (2,), connectivity=2, mode="outer", background=255),
    _row("skeletonize", skeletonize, ("bool",), (2, 3)),
    _row("skeletonize", skeletonize, ("bool",), (2,), method="lee"),
    _row("thin", thin, ("bool",), (2,)),
    _row("thin", thin, ("bool",), (2,), max_num_iter=1),
    _row("thin", thin, ("bool",), (2,), max_num_iter=3),
    _row("expand_labels", expand_labels, ("bool", "uint8", "int64"), (2, 3)),
    _row("expand_labels", expand_labels, ("uint16",), (2,), distance=3.5),
    _row("expand_labels", expand_labels, ("uint16",), (2, 3), distance=0.99),
    _row("expand_labels", expand_labels, ("uint8",), (2,), distance=2, spacing=(1, 0.65)),
    _row("expand_labels", expand_labels, ("uint8",), (3,), distance=2, spacing=(2, 0.5, 1)),
    Case("fill_label_holes", fill_few, fill_label_holes, SIGNED, (2, 3), "labels % 3"),
    _row("remove_small_holes", remove_small_holes, ("bool",), (2, 3)),
    _row("remove_small_holes", remove_small_holes, ("bool",), (2, 3), max_size=3, connectivity=2),
    _row("convex_hull_object", hull, ("bool", "uint8", "int32"), (2,)),
    _row("convex_hull_object", hull, ("bool",), (2,), connectivity=1),
    _row("join_segmentations", join_segmentations, PAIRS, (2, 3)),
    replace(_row("join_segmentations", join_segmentations, NEGATIVE, (2,)), parameters="negative", may_raise=True),
    _row("smooth_labels", majority, ("uint8", "uint16"), (2, 3), radius=1),
    _row("smooth_labels", majority, ("uint8",), (2,), radius=3),
    _row("smooth_labels", majority, ("uint16",), (3,), radius=2),
]
