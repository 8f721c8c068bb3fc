"""The smallest and the largest value of an image, for operations that take them from the whole of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Image, Value, derive, reduce_tiles


class Extremes(NamedTuple):
    """Smallest and largest value, of the image's dtype; infinite ones count."""

    low: Any
    high: Any

    @property
    def flat(self) -> bool:
        """Whether the image is constant."""
        return bool(self.low == self.high)


def extremes(image: Image, what: str) -> Value:
    """The `Extremes` of an image; NaN is an error that counts them."""
    found = reduce_tiles(find_extremes, image, combine=join_extremes, finish=as_found, cost=0.5)
    return derive(checked_extremes, found, image.dtype.str, what)


def find_extremes(array: NDArray[Any]) -> dict[str, Any]:
    low, high = array.min(), array.max()
    if low == low:  # not NaN: a minimum over NaN is NaN
        return {"nan": 0, "low": low.item(), "high": high.item()}
    return {"nan": int(np.isnan(array).sum()), "low": None, "high": None}


def join_extremes(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    if a["nan"] or b["nan"]:
        return {"nan": a["nan"] + b["nan"], "low": None, "high": None}
    return {"nan": 0, "low": min(a["low"], b["low"]), "high": max(a["high"], b["high"])}


def as_found(part: dict[str, Any]) -> dict[str, Any]:
    return part


def checked_extremes(part: dict[str, Any], dtype: str, what: str) -> Extremes:
    if part["nan"]:
        raise InputError(
            f"{what} compares pixels, and {part['nan']} of them are NaN, which is neither more nor less than any. Give "
            "them a value, as in tilemask.where(numpy.isnan(image), 0, image)."
        )
    kind = np.dtype(dtype).type
    return Extremes(kind(part["low"]), kind(part["high"]))
