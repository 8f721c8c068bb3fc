"""Rows of the operations on objects."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, measure, morphology

import tilemask as tm
from tests.exactness.case import Case

VALUES = ("bool", "uint8", "int16", "uint32", "int64", "uint64")
LABELS = ("uint8", "uint16", "uint32")
LEVELS = ("uint8", "uint16", "int16", "int32", "int64", "float32", "float64")


def label(array: NDArray[Any], *, connectivity: int | None = None) -> NDArray[np.int32]:
    """scikit-image returns int32 for masks and int64 for integers."""
    return np.asarray(measure.label(array, background=0, connectivity=connectivity)).astype(np.int32)


def hysteresis(array: NDArray[Any], *, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray(filters.apply_hysteresis_threshold(array, low, high))


def _label(connectivity: int, ndim: tuple[int, ...]) -> Case:
    options = {"connectivity": connectivity}
    return Case("label", partial(tm.label, **options), partial(label, **options), VALUES, ndim, f"{connectivity=}")


def _hysteresis(low: float, high: float, dtypes: tuple[str, ...] = LEVELS) -> Case:
    options = {"low": low, "high": high}
    return Case(
        "hysteresis",
        partial(tm.hysteresis, **options),
        partial(hysteresis, **options),
        dtypes,
        (2, 3),
        f"{low}, {high}",
    )


def _remove(dtypes: tuple[str, ...], ndim: tuple[int, ...], *, may_raise: bool = False, **options: int) -> Case:
    return Case(
        "remove_small_objects",
        partial(tm.remove_small_objects, **options),
        partial(morphology.remove_small_objects, **options),
        dtypes,
        ndim,
        ", ".join(f"{name}={value}" for name, value in options.items()),
        may_raise=may_raise,
    )


CASES: list[Case] = [
    Case("label", tm.label, label, VALUES),
    _label(1, (2, 3)),
    _label(2, (2, 3)),
    _label(3, (3,)),
    Case("fill_holes", tm.fill_holes, ndimage.binary_fill_holes, ("bool",)),
    _hysteresis(80, 200),
    _hysteresis(20.3, 150.7),
    _hysteresis(210, 190.5),
    _hysteresis(0.25, 0.5, ("bool",)),
    _remove(("bool",), (2, 3)),
    _remove(("bool",), (2, 3), max_size=0),
    _remove(("bool",), (2, 3), max_size=5, connectivity=2),
    _remove(("bool",), (3,), max_size=9, connectivity=3),
    _remove(LABELS, (2, 3), max_size=2),
    _remove(("int16", "int64"), (2, 3), max_size=2, may_raise=True),
]
