"""The operators of images and values, spelled out.

A loop over names would be shorter; written out, editors complete them and type checkers know what `image > level` is.
NumPy's own functions join in where each pixel of the result is exact whatever its neighbours in memory are: comparison,
rounding, square roots. `exp` or `sin` may differ in the last bit with the place of a pixel in the array, so they are
left to `map_tiles`, where the user answers for them.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np

from tilemask.errors import InputError

R = TypeVar("R")

_OPERATORS = (
    "add subtract multiply divide floor_divide remainder power bitwise_and bitwise_or bitwise_xor invert negative"
)
_COMPARISONS = "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not logical_xor"
_PIXELS = "absolute fabs sqrt square sign floor ceil trunc rint minimum maximum fmin fmax isnan isfinite isinf"
NUMPY_FUNCTIONS = frozenset(f"{_OPERATORS} {_COMPARISONS} {_PIXELS}".split())
"""Names of the NumPy functions that take images and values."""


def _operate(ufunc: str, *operands: Any) -> Any:
    from tilemask.image.operators import operate  # here, because it is made of images

    return operate(ufunc, *operands)


class Arithmetic(Generic[R]):
    """What an image, or a value, does with an operator; `R` is what comes out."""

    __slots__ = ()

    # fmt: off
    def __add__(self, other: Any) -> R: return _operate("add", self, other)
    def __radd__(self, other: Any) -> R: return _operate("add", other, self)
    def __sub__(self, other: Any) -> R: return _operate("subtract", self, other)
    def __rsub__(self, other: Any) -> R: return _operate("subtract", other, self)
    def __mul__(self, other: Any) -> R: return _operate("multiply", self, other)
    def __rmul__(self, other: Any) -> R: return _operate("multiply", other, self)
    def __truediv__(self, other: Any) -> R: return _operate("true_divide", self, other)
    def __rtruediv__(self, other: Any) -> R: return _operate("true_divide", other, self)
    def __floordiv__(self, other: Any) -> R: return _operate("floor_divide", self, other)
    def __rfloordiv__(self, other: Any) -> R: return _operate("floor_divide", other, self)
    def __mod__(self, other: Any) -> R: return _operate("remainder", self, other)
    def __rmod__(self, other: Any) -> R: return _operate("remainder", other, self)
    def __pow__(self, other: Any) -> R: return _operate("power", self, other)
    def __rpow__(self, other: Any) -> R: return _operate("power", other, self)
    def __and__(self, other: Any) -> R: return _operate("bitwise_and", self, other)
    def __rand__(self, other: Any) -> R: return _operate("bitwise_and", other, self)
    def __or__(self, other: Any) -> R: return _operate("bitwise_or", self, other)
    def __ror__(self, other: Any) -> R: return _operate("bitwise_or", other, self)
    def __xor__(self, other: Any) -> R: return _operate("bitwise_xor", self, other)
    def __rxor__(self, other: Any) -> R: return _operate("bitwise_xor", other, self)
    def __lt__(self, other: Any) -> R: return _operate("less", self, other)
    def __le__(self, other: Any) -> R: return _operate("less_equal", self, other)
    def __gt__(self, other: Any) -> R: return _operate("greater", self, other)
    def __ge__(self, other: Any) -> R: return _operate("greater_equal", self, other)
    def __eq__(self, other: Any) -> R: return _operate("equal", self, other)  # type: ignore[override]
    def __ne__(self, other: Any) -> R: return _operate("not_equal", self, other)  # type: ignore[override]
    def __invert__(self) -> R: return _operate("invert", self)
    def __neg__(self) -> R: return _operate("negative", self)
    def __abs__(self) -> R: return _operate("absolute", self)
    # fmt: on

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc.__name__ in NUMPY_FUNCTIONS:
            return _operate(ufunc.__name__, *inputs)
        name = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        options_text = f" with {', '.join(options)}=" if options else ""
        raise InputError(
            f"{name} was called{options_text} on {self!r}, which is not computed yet. For a function of each "
            f"pixel use tilemask.map_tiles(numpy.{ufunc.__name__}, image, dtype=...), for one of the whole image a "
            "survey such as tilemask.percentile; or compute() first."
        )
