"""Rows of what puts images together."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.case import Case


def np_cutout(array: NDArray[Any], mask: NDArray[np.bool_], *, background: Any = 0) -> NDArray[Any]:
    return np.where(mask, array, array.dtype.type(background))


def first(array: NDArray[Any], *, factor: int) -> NDArray[Any]:
    return array[(slice(None, None, factor),) * array.ndim]


MASKED = (("uint8", "bool"), ("uint16", "bool"), ("float32", "bool"), ("bool", "bool"))
LABELLED = (("uint8", "bool"), ("uint16", "int32"), ("float32", "uint8"), ("bool", "bool"))

CASES: list[Case] = [
    Case("cutout", tm.cutout, np_cutout, MASKED),
    Case(
        "cutout", partial(tm.cutout, background=7), partial(np_cutout, background=7), MASKED[:3], (2,), "background=7"
    ),
    Case("overlay", tm.overlay, None, LABELLED, may_raise=True),
    Case(
        "overlay",
        partial(tm.overlay, color=(0, 90, 255), alpha=0.7, low=10, high=190.5),
        None,
        LABELLED[:3],
        (2,),
        "limits",
    ),
    Case(
        "downsample",
        partial(tm.downsample, factor=2),
        None,
        ("uint8", "uint16", "int16", "int32", "int64", "float32", "float64"),
    ),
    Case("downsample", partial(tm.downsample, factor=(3, 5)), None, ("uint8", "float32"), (2,), "factor=(3, 5)"),
    Case(
        "downsample",
        partial(tm.downsample, factor=3, labels=True),
        partial(first, factor=3),
        ("int32", "float32"),
        (2, 3),
        "labels",
    ),
    Case("downsample", partial(tm.downsample, factor=2), partial(first, factor=2), ("bool",), (2, 3), "mask"),
]
