"""The two primitives that every feature is made of.

`map_tiles` is a kernel with a reach: tile in, tile out. `reduce_tiles` is a survey: tile in, small part out, parts
combined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Reach
from tilemask.errors import InputError
from tilemask.image.arrays import as_image, pixel_type, require_one_shape
from tilemask.image.kernels import FinishBytes, Growth, Stream
from tilemask.image.nodes import Formula, Image, Step, Survey, Value
from tilemask.image.region import common_region, cut_to, enclosed

F = TypeVar("F", bound=Callable[..., Any])

BUILDING: ContextVar[str] = ContextVar("building", default="")
"""The public operation whose graph is being built: people know its name, not those of its kernels and surveys."""


def map_tiles(
    function: Callable[..., Any],
    *images: Image | NDArray[Any],
    reach: int | Sequence[int | tuple[int, int]] = 0,
    dtype: Any = None,
    channels: int | str | None = "same",
    cost: float = 50.0,
    user: bool = True,
    records: Value | None = None,
    grows: Growth | None = None,
    cells: int | Sequence[int] | None = None,
    repeats: bool = False,
    places: bool = False,
    workspace: float | None = None,
    **arguments: Any,
) -> Any:
    """Make an operation of a function that knows nothing of tiles.

    Parameters
    ----------
    function : callable
        Takes one NumPy array per image, shape ([plane,] row, column[, channel]), and `arguments`; returns an array of
        the same spatial shape. It must not change its inputs (they are read-only).
    *images : Image or array
        Inputs of one spatial shape.
    reach : int or sequence, optional
        How many pixels the function looks away from the pixel it writes: one number, one per spatial axis, or
        (before, after) pairs. Tight is fast, too short is wrong: `tilemask.testing.check_operation` tells, given a
        function of images that calls `map_tiles`.
    dtype : dtype-like, optional
        What the function returns; that of the first image by default. Anything else is an error that names the tile.
    channels : int or None, optional
        Channels of the result, None for no channel axis; those of the first image by default.
    cost : float, optional
        CPU nanoseconds per pixel; only steers what is kept between passes.
    user : bool, optional
        Whether the function is your own: it is then watched and identified by its source.
    records : Value, optional
        A survey whose record of a tile is handed to the function as `record`; see `tilemask.stitch`.
    grows : Growth, optional
        The reach depends on the pixels: `reach` is where it begins, the function takes a keyword `window` (`Window`)
        and returns the pixels of ``window.core`` and a list of what it has not proven (`Unproven`), for which it is
        asked again with a larger window.
    cells : int or sequence of int, optional
        Run the function on the cells of a fixed grid with these sides, each grown by `reach`, instead of on tiles: the
        result then depends on the cells, and not on the tiles. For what has no finite reach.
    repeats : bool, optional
        The call is one round of many: as many of them share a pass as reach no further together than a sixteenth of
        the tile.
    places : bool, optional
        Pass a keyword `origin` to the function: where its arrays begin in the image, one number per spatial axis.
    workspace : float, optional
        Bytes that the function needs beside its inputs and its result, per pixel of what it is given at once, for the
        bill of the plan; left out, twice its result.
    **arguments
        Passed to the function by keyword; a `Value` arrives computed.

    Returns
    -------
    Image, or numpy.ndarray where every image is an array

    Raises
    ------
    InputError
        For images of different spatial shapes, and a reach, dtype or number of channels that cannot be.
    TileError
        When it is computed: the function raised, or returned another shape or dtype.

    Notes
    -----
    Exactness: the result equals ``function(whole image)`` for every tile grid if `reach` is true.
    """
    if not callable(function):
        raise InputError(f"map_tiles takes a function and the images to run it on; found {function!r} as the function.")
    if images and not any(isinstance(i, Image) for i in images):
        lazy = [as_image(i) for i in images]
        options = {"reach": reach, "dtype": dtype, "channels": channels, "records": records, "user": user}
        made = map_tiles(function, *lazy, **options, grows=grows, cells=cells, places=places, **arguments)
        return made.compute(tile=lazy[0].spatial_shape)
    inputs = tuple(as_image(i) for i in images)
    if not inputs:
        raise InputError(f"{_name(function)} needs at least one image.")
    require_one_shape(inputs, _name(function))
    first = inputs[0]
    ndim = len(first.spatial_axes)
    axes, shape = first.axes, first.shape
    if channels != "same":
        axes = first.spatial_axes + ("" if channels is None else "c")
        shape = first.spatial_shape + (() if channels is None else (_channels(channels, function),))
    dtype = first.dtype if dtype is None else pixel_type(dtype, f"dtype= of {_name(function)}")
    region = common_region(inputs, _name(function))
    step = Step(
        function=function,
        images=inputs,
        arguments=arguments,
        reach=_reach(reach, ndim),
        scale=(1,) * ndim,
        offset=(0,) * ndim,
        records=records,
        cost=cost,
        user=user,
        growth=grows,
        cells=None if cells is None else _cells(cells, ndim),
        repeats=repeats,
        places=places,
        workspace=workspace,
    )
    made = replace(first, shape=shape, axes=axes, dtype=dtype, step=step, label=BUILDING.get())
    return made if region is None else enclosed(made, region)


def reduce_tiles(
    tile: Callable[..., Any],
    *images: Image | NDArray[Any],
    combine: Callable[[Any, Any], Any],
    finish: Callable[..., Any],
    dtype: Any = None,
    places: bool = False,
    records: bool = False,
    pieces: Stream | None = None,
    cost: float = 5.0,
    workspace: float | None = None,
    finish_bytes: FinishBytes | None = None,
    **arguments: Any,
) -> Any:
    """Make a survey: one part per tile, combined in any order, finished into a value.

    Parameters
    ----------
    tile : callable
        Takes one array per image (the core of a tile) and `arguments`; returns a part: plain data (numbers, NumPy
        arrays, and dicts and lists of them).
    *images : Image or array
        Inputs of one spatial shape.
    combine : callable
        Joins two parts; may reuse the first. Must be associative and commutative to the bit.
    finish : callable
        Turns the last part into the result.
    dtype : dtype-like, optional
        Type of the result where it is a number.
    places : bool, optional
        Pass a keyword `place` (`Place`) to `tile`.
    records : bool, optional
        The survey gives a record per tile: `tile` returns (part, note), ``finish(part, read_note, grid)`` yields
        (number, record) of every tile; see `tilemask.stitch`.
    pieces : Stream, optional
        The survey gives a stream: `tile` returns (part, note), ``finish(part, read_note, grid)`` yields pieces.
    cost : float, optional
        CPU nanoseconds per pixel, for the plan.
    workspace : float, optional
        Bytes that `tile` needs beside its inputs, per pixel, for the bill of the plan; left out, 12 where it leaves
        notes.
    finish_bytes : FinishBytes, optional
        What `finish` needs, for the bill of the plan.
    **arguments
        Passed to `tile` by keyword; a `Value` arrives computed.

    Returns
    -------
    Value, or the result where every image is an array

    Raises
    ------
    InputError
        For images of different spatial shapes.
    TileError
        When it is computed: `tile` raised.

    Notes
    -----
    Exactness: one result for every tile grid if `combine` is associative and commutative to the bit; sums of floats are
    not.
    """
    inputs = tuple(as_image(i) for i in images)
    if not inputs:
        raise InputError(f"{_name(tile)} needs at least one image.")
    require_one_shape(inputs, _name(tile))
    region = common_region(inputs, _name(tile))
    inputs = tuple(cut_to(i, region) for i in inputs)
    survey = Survey(tile, combine, finish, inputs, arguments, places, records, cost, pieces, workspace, finish_bytes)
    value = Value(survey, None if dtype is None else np.dtype(dtype), BUILDING.get())
    if not any(isinstance(i, Image) for i in images):
        return value.compute(tile=inputs[0].spatial_shape)
    return value


def derive(function: Callable[..., Any], *operands: Any, dtype: Any = None) -> Value:
    """Make a value of values: `function` of the computed operands."""
    return Value(Formula(function, operands), None if dtype is None else np.dtype(dtype), BUILDING.get())


def _reach(reach: int | Sequence[int | tuple[int, int]], ndim: int) -> Reach:
    sides = _per_axis(reach, ndim)
    if len(sides) != ndim:
        raise InputError(f"reach needs one entry per spatial axis ({ndim}); found {reach!r}.")
    pairs = [tuple(s) if isinstance(s, Sequence) else (s, s) for s in sides]
    if any(len(p) != 2 or not all(isinstance(n, int | np.integer) and n >= 0 for n in p) for p in pairs):
        raise InputError(
            f"reach is a count of pixels, 0 or more, per axis or as (before, after) pairs; found {reach!r}."
        )
    return tuple((int(a), int(b)) for a, b in pairs)


def _per_axis(given: Any, ndim: int) -> list[Any]:
    """The entries of a sequence, or one for all axes."""
    several = isinstance(given, Sequence) or (isinstance(given, np.ndarray) and given.ndim > 0)
    return list(given) if several else [given] * ndim


def _cells(cells: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    sides = _per_axis(cells, ndim)
    if len(sides) != ndim or not all(isinstance(s, int | np.integer) and s >= 1 for s in sides):
        raise InputError(
            f"cells takes a number of pixels, 1 or more, or one per spatial axis ({ndim} here); found {cells!r}."
        )
    return tuple(map(int, sides))


def _channels(count: Any, function: Callable[..., Any]) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InputError(
            f"channels= of {_name(function)} takes a number, 1 or more, or None for no channel axis; found {count!r}. "
            "Left out, the result has those of the first image."
        )
    return int(count)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
