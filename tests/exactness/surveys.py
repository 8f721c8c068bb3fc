"""Rows of global levels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import skimage.filters
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.case import Case

INTEGERS = ("uint8", "uint16", "int16", "int32", "uint32", "int64")
FLOATS = ("float32", "float64")


def level(reference: Callable[..., Any]) -> Callable[..., Any]:
    """scikit-image returns the type of the image for constant integer images, and int64 for all others."""

    def call(array: NDArray[Any]) -> Any:
        with np.errstate(all="ignore"):
            result = np.asarray(reference(array))[()]
        if not np.isfinite(result):
            raise ValueError(f"{reference} has no finite level")
        return np.int64(result) if array.dtype.kind in "iu" else result

    return call


def sk_li(array: NDArray[Any]) -> np.float64:
    return np.float64(skimage.filters.threshold_li(array))


def np_percentile(array: NDArray[Any], *, q: float) -> Any:
    with np.errstate(all="ignore"):
        return np.percentile(array, q)


def masked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A call with the second image as the mask of the first."""

    def call(image: Any, mask: Any) -> Any:
        return function(image, where=mask)

    return call


def selected(reference: Callable[..., Any]) -> Callable[..., Any]:
    def call(array: NDArray[Any], mask: NDArray[np.bool_]) -> Any:
        if not mask.any():
            raise ValueError("no pixel is selected")
        return reference(array[mask])

    return call


SK = {
    "otsu": level(skimage.filters.threshold_otsu),
    "yen": level(skimage.filters.threshold_yen),
    "isodata": level(skimage.filters.threshold_isodata),
    "triangle": level(skimage.filters.threshold_triangle),
}
_MASKED = tuple((dtype, "bool") for dtype in ("uint8", "int32", "float32"))


def _histogram_level(name: str) -> list[Case]:
    ours, theirs = getattr(tm, name), SK[name]
    return [
        Case(name, ours, theirs, (*INTEGERS, *FLOATS), (2, 3), finite=True, may_raise=True),
        Case(name, masked(ours), selected(theirs), _MASKED, (2,), "where", finite=True, may_raise=True),
        Case(name, partial(ours, nbins=17), None, FLOATS, (2,), "nbins=17", finite=True, may_raise=True),
    ]


CASES: list[Case] = [
    *(case for name in SK for case in _histogram_level(name)),
    Case("li", tm.li, sk_li, INTEGERS, (2, 3), finite=True),
    Case("li", tm.li, None, FLOATS, (2, 3), "floats", finite=True),
    Case("li", masked(tm.li), selected(sk_li), (("uint8", "bool"), ("int32", "bool")), (2,), "where", may_raise=True),
    Case("threshold_mean", tm.threshold_mean, np.mean, ("bool", *INTEGERS), (2, 3)),
    Case("threshold_mean", tm.threshold_mean, None, FLOATS, (2, 3), "floats", may_raise=True),
    *(
        Case(
            "percentile",
            partial(tm.percentile, q=q),
            partial(np_percentile, q=q),
            (*INTEGERS, *FLOATS),
            (2,),
            f"q={q}",
            finite=True,
        )
        for q in (0, 0.5, 33.3, 50, 99.5, 100)
    ),
    Case(
        "percentile",
        partial(tm.percentile, q=71),
        partial(np_percentile, q=71),
        ("uint16", "float32"),
        (3,),
        "q=71",
        finite=True,
    ),
    Case("percentile", partial(tm.percentile, q=20), None, FLOATS, (2,), "broken", may_raise=True),
    Case(
        "percentile",
        masked(partial(tm.percentile, q=40)),
        selected(partial(np_percentile, q=40)),
        _MASKED,
        (2,),
        "where",
        finite=True,
        may_raise=True,
    ),
]
