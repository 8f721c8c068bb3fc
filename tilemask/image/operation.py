"""The decorator that makes a public operation of a plain function that builds a graph.

It lets the same function take NumPy arrays and run at once on the whole of them. That eager call is the oracle of the
lazy one, and there is no second code path for it: one tile is a grid too.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tilemask.errors import InputError
from tilemask.image.arrays import as_image
from tilemask.image.declare import BUILDING
from tilemask.image.nodes import Image, Value
from tilemask.image.region import COUNTING, NAMES, count_in_region, cut_names

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of an operation in one place; the docs table and the exactness suite are made from it."""

    function: Callable[..., Any]
    exactness: str
    reference: str


OPERATIONS: dict[str, Declaration] = {}


def operation(exactness: str, *, reference: str) -> Callable[[F], F]:
    """Declare a public operation: it takes images lazily, and arrays at once on the whole of them.

    Parameters
    ----------
    exactness : {"exact", "canonical", "rounded", "approximate"}
        The promise; see the documentation of the classes.
    reference : str
        The call whose result on the whole image is the right one.

    Returns
    -------
    callable
        A decorator of a function that builds a graph from `map_tiles` and `reduce_tiles`.

    Notes
    -----
    Parameters annotated with `Image` are images. Bare arrays may have channels: `channel_axis=` says where.
    """

    def declare(function: F) -> F:
        signature = inspect.signature(function)
        shown = signature.replace(
            parameters=[p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()],
            return_annotation=inspect.Signature.empty,
        )
        rasters = [p.name for p in signature.parameters.values() if "Image" in str(p.annotation)]
        plain = [p.name for p in signature.parameters.values() if _is_plain(str(p.annotation))]
        worded = [n for n in rasters if "str" in str(signature.parameters[n].annotation)]
        optional = [n for n in rasters if n in COUNTING and signature.parameters[n].default is None]
        names = [n for n in rasters if n in NAMES and n not in optional]

        @wraps(function)
        def call(*args: Any, channel_axis: int | None = None, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}: {error}; it is called as {function.__name__}{shown}") from None
            for name, given in bound.arguments.items():
                if name not in rasters:
                    bound.arguments[name] = _checked(given, f"{function.__name__}: {name}", plain=name in plain)
            named = {n for n in worded if isinstance(bound.arguments.get(n), str)}
            left_out = {n for n in rasters if bound.arguments.get(n) is signature.parameters[n].default}
            given = {n: a for n, a in bound.arguments.items() if n in rasters and n not in named | left_out}
            lazy = any(isinstance(a, Image | Value) for a in bound.arguments.values())
            if lazy and channel_axis is not None:
                raise InputError(
                    f"{function.__name__}: channel_axis= is for bare arrays; an image knows its axes (here "
                    f"{next((a.axes for a in given.values() if isinstance(a, Image)), '?')!r})."
                )
            ndim = max((a.ndim for a in given.values() if hasattr(a, "ndim")), default=0)
            for name, raster in given.items():  # a mask beside an image with channels has none
                flat = getattr(raster, "ndim", ndim) < ndim
                what = f"{function.__name__}, {name}="
                bound.arguments[name] = as_image(raster, channel_axis=None if flat else channel_axis, what=what)
            count_in_region(bound.arguments, optional, function.__name__)
            cut_names(bound.arguments, names, function.__name__)
            outer = BUILDING.set(function.__name__)
            try:
                made = replace(function(*bound.args, **bound.kwargs), label=function.__name__)
            finally:
                BUILDING.reset(outer)
            if lazy:
                return made
            tile = next(iter(bound.arguments[n] for n in given)).spatial_shape
            result = made.compute(tile=tile)
            if channel_axis is not None and isinstance(made, Image) and made.axes.endswith("c"):
                result = np.moveaxis(result, -1, channel_axis)
            return result

        OPERATIONS[function.__name__] = Declaration(call, exactness, reference)
        return call  # type: ignore[return-value]

    return declare


def _is_plain(annotation: str) -> bool:
    """Whether a parameter is one number or one word."""
    names = re.findall(r"\w+", re.sub(r"Literal\[[^]]*\]", "", annotation))
    return set(names) <= {"int", "float", "bool", "str", "None", "Value"}


def _checked(given: Any, what: str, *, plain: bool) -> Any:
    """A parameter that is no image; of an array without axes its entry, which is all that a plain one takes."""
    if isinstance(given, int) and abs(given) > sys.float_info.max:
        raise InputError(
            f"{what} takes numbers up to {sys.float_info.max:.2g}; found a whole number of {given.bit_length():,} "
            "bits. Give a smaller one."
        )
    if not isinstance(given, np.ndarray):
        return given
    if given.ndim and plain:
        raise InputError(
            f"{what} takes one number or word; found an array of shape {given.shape}. Give an entry of it, as in "
            "array[0].item()."
        )
    return given if given.ndim else given[()]
