"""Image and Value: the lazy graph, its operators, and the two primitives that every feature is declared with.

An `Image` is a raster that has not been computed; a `Value` is the result of a survey over images (a level, a table).
Two primitives make all of them: `map_tiles` (a kernel with a reach: tile in, tile out) and `reduce_tiles` (a survey: tile
in, small part out, parts combined). A public operation is a plain function that builds a graph from these two, under the
decorator `operation`, which lets the same function take NumPy arrays and run at once on the whole of them. That eager
call is the oracle of the lazy one, and there is no second code path for it: one tile is a grid too.

Nodes are compared by identity, never by value, so a graph can be used as dictionary keys and shared inputs stay shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from tilemask.boxes import Box, Reach, no_reach, whole
from tilemask.errors import InputError

if TYPE_CHECKING:
    import dask.array
    from numpy.typing import NDArray

    from tilemask.read.cache import ChunkCache

F = TypeVar("F", bound=Callable[..., Any])


@runtime_checkable
class Source(Protocol):
    """Where the pixels of an image come from: a file, a store, an array.

    Sources travel to worker processes, so they hold what is needed to open, not what is open.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels per axis of the image, channels last."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Spatial shape of what is decoded at once; None where any box costs its own pixels only."""

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        """The pixels of a spatial box, channels last."""

    def identity(self) -> dict[str, Any]:
        """What must be unchanged for a run to resume: plain JSON data, without secrets."""


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """How the pixels of an image come from other images."""

    function: Callable[..., NDArray[Any]]
    images: tuple[Image, ...]
    arguments: Mapping[str, Any]
    """Keyword arguments of the kernel; a Value among them arrives computed."""
    reach: Reach
    scale: tuple[int, ...]
    """Input pixels per output pixel."""
    offset: tuple[int, ...]
    """Where output pixel 0 lies in the inputs, in input pixels."""
    records: Value | None
    """A survey that leaves one record per tile, handed to the kernel as `record`; binds the image to its tile grid."""
    cost: float
    """CPU nanoseconds per output pixel, measured roughly; decides what is kept between passes."""
    user: bool
    """Whether the kernel is the user's own: it is watched (GIL, changed inputs) and identified by its source."""

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__).strip("_")

    def request(self, box: Box, image: Image) -> Box:
        """What the kernel must read of input `image` to write `box`: grown by the reach, clipped at the image border."""
        return box.magnify(self.scale).shift(self.offset).grow(self.reach).clip(image.spatial_shape)

    @property
    def local(self) -> bool:
        """Whether the kernel reads exactly the pixels that it writes."""
        return not any(map(any, self.reach)) and set(self.scale) == {1} and not any(self.offset)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Image:
    """A lazy raster: what you hold instead of an array.

    Images are made by `open_image` and by operations, and behave as arrays do: operators follow NumPy's dtype rules,
    ``image[y0:y1, x0:x1]`` is a region of the global result. Nothing is computed before `compute`, `to_dask` or `save`.

    Attributes
    ----------
    shape : tuple of int
        Pixels per axis, in the order of `axes`.
    dtype : numpy.dtype
        Type of a pixel; bool for a mask.
    axes : str
        Names of the axes: ``"yx"`` or ``"zyx"``, with a last ``"c"`` where there are channels.
    pixel_size : tuple of float or None
        Extent of a pixel per spatial axis, in `unit`.
    unit : str or None
        Unit of `pixel_size`, as in OME-Zarr (``"micrometer"``, ``"meter"``).
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    step: Step | Source
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    label: str = ""
    """Name of the operation that made it, for plans and messages."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def spatial_axes(self) -> str:
        return self.axes.removesuffix("c")

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        return self.shape[: len(self.spatial_axes)]

    @property
    def channels(self) -> int:
        """Number of channels; 1 where there is no channel axis."""
        return self.shape[-1] if self.axes.endswith("c") else 1

    @property
    def pixel_bytes(self) -> int:
        return self.dtype.itemsize * self.channels

    def compute(self, *, tile: int | Sequence[int] | None = None, client: Any = None) -> NDArray[Any]:
        """Compute the whole image as a NumPy array.

        Parameters
        ----------
        tile : int or sequence of int, optional
            Core of a tile per spatial axis, down to 1 pixel; the result is the same for any.
        client : None, int, str or distributed.Client, optional
            Threads of this process, this many worker processes, the address of a scheduler, or a client.

        Returns
        -------
        numpy.ndarray
            Shape `shape`, dtype `dtype`.
        """
        from tilemask.run.memory import compute

        return compute({"image": self}, tile=tile, client=client)["image"]

    def to_dask(self, *, tile: int | Sequence[int] | None = None) -> dask.array.Array:
        """Compute the surveys now and return a Dask array with one task per tile."""
        from tilemask.run.memory import to_dask

        return to_dask(self, tile=tile)

    def astype(self, dtype: Any) -> Image:
        """Convert to another dtype; values that do not fit raise instead of wrapping.

        Parameters
        ----------
        dtype : dtype-like
            NaN, infinite and out-of-range values are an error when an integer type is asked for.
        """
        return map_tiles(cast, self, dtype=dtype, target=np.dtype(dtype).str, cost=1.0, user=False)

    def __repr__(self) -> str:
        size = "" if self.pixel_size is None else f", pixel {' × '.join(f'{s:g}' for s in self.pixel_size)} {self.unit or ''}"
        return f"<Image {self.axes} {' × '.join(map(str, self.shape))} {self.dtype}{size.rstrip()}>"

    def __bool__(self) -> bool:
        raise InputError(
            "an image has no single truth value: it is a raster of pixels that are not computed yet. "
            "Use & | ~ between masks, tilemask.where to choose per pixel, or compute() first."
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise InputError(
            f"{self!r} was given where a NumPy array is needed. Call .compute() on a region that fits in memory, "
            "or use the function of the same name in tilemask."
        )

    def __iter__(self) -> Iterator[Any]:
        raise InputError("an image cannot be walked pixel by pixel; slice a region and compute() it.")

    def __getitem__(self, key: Any) -> Image:
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        if len(keys) > self.ndim:
            raise InputError(f"{len(keys)} indices for {self!r}, which has {self.ndim} axes.")
        image, spatial = self, len(self.spatial_axes)
        if self.axes.endswith("c") and keys[-1] != slice(None):
            image = _select_channel(image, keys[-1])
        if any(k != slice(None) for k in keys[:spatial]):
            image = _crop(image, keys[:spatial])
        return image

    def __invert__(self) -> Image:
        return _operate("invert", self)

    def __neg__(self) -> Image:
        return _operate("negative", self)

    def __abs__(self) -> Image:
        return _operate("absolute", self)

    __hash__ = object.__hash__


@dataclass(frozen=True, eq=False, slots=True)
class Survey:
    """A reduction over images: a part per tile, an associative combination of parts, a result.

    `combine` must be associative and commutative to the bit: that is what makes a survey independent of the tile grid,
    and it lets parts be merged as they arrive. Parts are plain data (dicts, lists, numbers, NumPy arrays).
    """

    tile: Callable[..., Any]
    combine: Callable[[Any, Any], Any]
    finish: Callable[..., Any]
    images: tuple[Image, ...]
    arguments: Mapping[str, Any]
    """Keyword arguments of `tile`; a Value among them arrives computed."""
    places: bool
    """Whether `tile` gets the keyword `place`: where the tile lies in the grid."""
    records: bool
    """Whether `finish` takes (part, records) and returns a value that answers ``record(tile number)``."""
    cost: float

    @property
    def name(self) -> str:
        return self.tile.__name__.strip("_")


@dataclass(frozen=True, eq=False, slots=True)
class Formula:
    """A function of values."""

    function: Callable[..., Any]
    operands: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.function.__name__.strip("_")


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Value:
    """The lazy result of a survey: a number, a table. Usable in operators and as any scalar parameter.

    Attributes
    ----------
    dtype : numpy.dtype or None
        Type of the number; None where the value is not one.
    """

    step: Survey | Formula
    dtype: np.dtype[Any] | None
    label: str = ""

    def compute(self, *, tile: int | Sequence[int] | None = None, client: Any = None) -> Any:
        """Compute the value: a NumPy scalar, or what the survey returns. Parameters as in `Image.compute`."""
        from tilemask.run.memory import compute

        return compute({"value": self}, tile=tile, client=client)["value"]

    def __repr__(self) -> str:
        return f"<Value {self.step.name} {self.dtype or ''}".rstrip() + ">"

    def __bool__(self) -> bool:
        raise InputError(f"{self!r} is not computed yet, so it is neither true nor false; call compute() first.")

    def __float__(self) -> float:
        raise InputError(f"{self!r} is not computed yet; call compute() for the number.")

    def __neg__(self) -> Value:
        return _operate("negative", self)

    def __abs__(self) -> Value:
        return _operate("absolute", self)

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile lies: its core, the grid's counts and the whole image."""

    number: int
    core: Box
    tile: tuple[int, ...]
    shape: tuple[int, ...]


def map_tiles(
    function: Callable[..., NDArray[Any]],
    *images: Image | NDArray[Any],
    reach: int | Sequence[int | tuple[int, int]] = 0,
    dtype: Any = None,
    channels: int | None | str = "same",
    cost: float = 50.0,
    user: bool = True,
    records: Value | None = None,
    **arguments: Any,
) -> Any:
    """Make an operation of a function that knows nothing of tiles.

    Parameters
    ----------
    function : callable
        Takes one NumPy array per image, shape ([plane,] row, column[, channel]), and `arguments`; returns an array of the
        same spatial shape. It must not change its inputs (they are read-only).
    *images : Image or array
        Inputs of one spatial shape.
    reach : int or sequence, optional
        How many pixels the function looks away from the pixel it writes: one number, one per spatial axis, or
        (before, after) pairs. Tight is fast, too short is wrong: `tilemask.testing.check_operation` tells.
    dtype : dtype-like, optional
        What the function returns; that of the first image by default. Anything else is an error that names the tile.
    channels : int or None, optional
        Channels of the result, None for no channel axis; those of the first image by default.
    cost : float, optional
        CPU nanoseconds per pixel; only steers what is kept between passes.
    **arguments
        Passed to the function by keyword; a `Value` arrives computed.

    Returns
    -------
    Image, or numpy.ndarray where every image is an array

    Notes
    -----
    Exactness: the result equals ``function(whole image)`` for every tile grid if `reach` is true.
    """
    if images and not any(isinstance(i, Image) for i in images):
        lazy = [from_array(i) for i in images]
        made = map_tiles(function, *lazy, reach=reach, dtype=dtype, channels=channels, records=records, user=user, **arguments)
        return made.compute(tile=lazy[0].spatial_shape)
    inputs = tuple(as_image(i) for i in images)
    if not inputs:
        raise InputError(f"{function.__name__} needs at least one image.")
    first = inputs[0]
    for other in inputs[1:]:
        if other.spatial_shape != first.spatial_shape:
            raise InputError(
                f"{_name(function)}: images must have one spatial shape; found {first.spatial_shape} and {other.spatial_shape}. "
                "Slice or downsample one of them."
            )
    ndim = len(first.spatial_axes)
    axes, shape = first.axes, first.shape
    if channels != "same":
        axes = first.spatial_axes + ("" if channels is None else "c")
        shape = first.spatial_shape + (() if channels is None else (int(channels),))
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
    )
    dtype = np.dtype(first.dtype if dtype is None else dtype)
    return replace(first, shape=shape, axes=axes, dtype=dtype, step=step, label="")


def reduce_tiles(
    tile: Callable[..., Any],
    *images: Image | NDArray[Any],
    combine: Callable[[Any, Any], Any],
    finish: Callable[..., Any],
    dtype: Any = None,
    places: bool = False,
    records: bool = False,
    cost: float = 5.0,
    **arguments: Any,
) -> Any:
    """Make a survey: one part per tile, combined in any order, finished into a value.

    Parameters
    ----------
    tile : callable
        Takes one array per image (the core of a tile) and `arguments`; returns a part: plain data (numbers, NumPy arrays,
        and dicts and lists of them).
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
        The survey also gives a record per tile; see `tilemask.stitch`.
    **arguments
        Passed to `tile` by keyword; a `Value` arrives computed.

    Returns
    -------
    Value, or the result where every image is an array
    """
    inputs = tuple(as_image(i) for i in images)
    shapes = {i.spatial_shape for i in inputs}
    if len(shapes) != 1:
        raise InputError(f"{_name(tile)}: images must have one spatial shape; found {sorted(shapes)}.")
    survey = Survey(tile, combine, finish, inputs, arguments, places, records, cost)
    value = Value(survey, None if dtype is None else np.dtype(dtype))
    if not any(isinstance(i, Image) for i in images):
        return value.compute(tile=inputs[0].spatial_shape)
    return value


def derive(function: Callable[..., Any], *operands: Any, dtype: Any = None) -> Value:
    """Make a value of values: `function` of the computed operands."""
    return Value(Formula(function, operands), None if dtype is None else np.dtype(dtype))


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

    Notes
    -----
    Parameters annotated with `Image` are images. Bare arrays may have channels: `channel_axis=` says where.
    """

    def declare(function: F) -> F:
        signature = inspect.signature(function)
        rasters = [p.name for p in signature.parameters.values() if "Image" in str(p.annotation)]

        @wraps(function)
        def call(*args: Any, channel_axis: int | None = None, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            given = {n: bound.arguments[n] for n in rasters if bound.arguments.get(n) is not None}
            lazy = any(isinstance(a, Image | Value) for a in bound.arguments.values())
            if lazy and channel_axis is not None:
                raise InputError(
                    f"{function.__name__}: channel_axis= is for bare arrays; an image knows its axes (here "
                    f"{next((a.axes for a in given.values() if isinstance(a, Image)), '?')!r})."
                )
            bound.arguments.update({n: as_image(a, channel_axis=channel_axis) for n, a in given.items()})
            made = replace(function(*bound.args, **bound.kwargs), label=function.__name__)
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


@dataclass(frozen=True, eq=False, slots=True)
class ArraySource:
    """A NumPy array in memory."""

    array: NDArray[Any]
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[Any] = field(init=False)
    chunks: None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.array.shape)
        object.__setattr__(self, "dtype", self.array.dtype)

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        view = self.array[box.slices]
        view.flags.writeable = False
        return view

    def identity(self) -> dict[str, Any]:
        import hashlib

        digest = hashlib.sha256(np.ascontiguousarray(self.array).tobytes()).hexdigest()
        return {"array": digest, "shape": list(self.shape), "dtype": self.dtype.str}


DTYPES = "bool, integers of 8 to 64 bits, float32 and float64"


def check_dtype(dtype: np.dtype[Any], what: str) -> None:
    """Refuse what no mask can be made of: objects, strings, complex numbers, half and long floats."""
    if dtype.kind not in "biuf" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        raise InputError(f"{what} has dtype {dtype}; tilemask works on {DTYPES}. Convert it first.")


def from_array(
    array: Any,
    *,
    channel_axis: int | None = None,
    axes: str | None = None,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
) -> Image:
    """An image of an array in memory: 2-D is yx, 3-D is zyx, unless `channel_axis` or `axes` say more."""
    array = np.asarray(array)
    check_dtype(array.dtype, "the array")
    if array.dtype.byteorder not in "=|":
        array = array.astype(array.dtype.newbyteorder("="))
    if channel_axis is not None:
        array = np.moveaxis(array, channel_axis, -1)
    if axes is None:
        spatial = array.ndim - (channel_axis is not None)
        if spatial not in (2, 3):
            raise InputError(
                f"an array of {array.ndim} axes (shape {array.shape}) is not an image; 2-D (yx) and 3-D (zyx) arrays are, "
                "and channel_axis= names a channel axis."
            )
        axes = {2: "yx", 3: "zyx"}[spatial] + ("c" if channel_axis is not None else "")
    size = None if pixel_size is None else tuple(map(float, pixel_size))
    return Image(array.shape, array.dtype, axes, ArraySource(array.view()), size, unit)


def as_image(thing: Any, *, channel_axis: int | None = None) -> Image:
    """An image of an image or of a bare array; anything else must be opened first."""
    if isinstance(thing, Image):
        return thing
    if isinstance(thing, np.ndarray):
        return from_array(thing, channel_axis=channel_axis)
    raise InputError(
        f"an image or a NumPy array is needed; found {type(thing).__module__}.{type(thing).__name__}. "
        "Open it with tilemask.open_image(...)."
    )


def require_mask(image: Image, what: str) -> None:
    if image.dtype != np.bool_:
        raise InputError(f"{what} works on a mask (bool); found {image.dtype}. Compare first, as in image > level.")


def require_scalar_pixels(image: Image, what: str) -> None:
    if image.axes.endswith("c"):
        raise InputError(
            f"{what} works on one channel; found axes {image.axes!r} with {image.channels} channels. Select one: image[..., 0]."
        )


def cast(array: NDArray[Any], *, target: str) -> NDArray[Any]:
    """`array.astype(target)`, refusing values that do not fit."""
    dtype = np.dtype(target)
    if dtype.kind in "iu" and array.dtype != np.bool_ and array.size and not np.can_cast(array.dtype, dtype):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{int((~np.isfinite(array)).sum())} pixels are NaN or infinite and do not fit into {dtype}")
        limits, low, high = np.iinfo(dtype), array.min(), array.max()
        if int(low) < limits.min or int(high) > limits.max:
            raise ValueError(f"values from {low} to {high} do not fit into {dtype} ({limits.min} to {limits.max})")
    return array.astype(dtype)


def elementwise(*arrays: NDArray[Any], ufunc: str, operands: str, **scalars: Any) -> NDArray[Any]:
    """A NumPy ufunc; `operands` spells their order: ``i`` the next array, a digit the scalar ``s<digit>``."""
    channels = max(a.ndim for a in arrays)
    stream = iter(a if a.ndim == channels else a[..., np.newaxis] for a in arrays)
    values = [next(stream) if o == "i" else scalars[f"s{o}"] for o in operands]
    if ufunc == "where":
        return np.where(*values)
    return getattr(np, ufunc)(*values)


def _operate(ufunc: str, *operands: Any) -> Any:
    """An operator between images, values and numbers; NumPy decides on the dtype."""
    samples = []
    for operand in operands:
        if isinstance(operand, Image):
            samples.append(np.ones(1, operand.dtype))
        elif isinstance(operand, Value):
            if operand.dtype is None:
                raise InputError(f"{operand!r} is not a number and cannot be used in an operator.")
            samples.append(operand.dtype.type(1))
        elif isinstance(operand, bool | int | float | np.generic):
            samples.append(operand)
        else:
            return NotImplemented
    images = [o for o in operands if isinstance(o, Image)]
    try:
        with np.errstate(all="ignore"):
            dtype = np.asarray(np.where(*samples) if ufunc == "where" else getattr(np, ufunc)(*samples)).dtype
    except (TypeError, OverflowError) as error:
        kinds = ", ".join(str(getattr(o, "dtype", None) or type(o).__name__) for o in operands)
        raise InputError(f"{ufunc} is not defined for {kinds}: {error}") from error
    if not images:
        return derive(getattr(np, ufunc), *operands, dtype=dtype)
    order = "".join("i" if isinstance(o, Image) else str(n) for n, o in enumerate(operands))
    scalars = {f"s{n}": o for n, o in enumerate(operands) if not isinstance(o, Image)}
    channels = {i.channels for i in images if i.axes.endswith("c")}
    if len(channels) > 1 and 1 not in channels or len(channels) > 2:
        raise InputError(f"{ufunc}: images have {sorted(channels)} channels; select one or the same number of each.")
    return map_tiles(
        elementwise,
        *images,
        dtype=dtype,
        channels=max(channels) if channels else None,
        ufunc=ufunc,
        operands=order,
        cost=1.0,
        user=False,
        **scalars,
    )


def _operators(target: type) -> None:
    names = {
        "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
        "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
        "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    }  # fmt: skip

    def bind(ufunc: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
        return (lambda self, other: _operate(ufunc, self, other)), (lambda self, other: _operate(ufunc, other, self))

    for name, ufunc in names.items():
        forward, backward = bind(ufunc)
        setattr(target, f"__{name}__", forward)
        if name not in ("lt", "le", "gt", "ge", "eq", "ne"):
            setattr(target, f"__r{name}__", backward)


_operators(Image)
_operators(Value)


def where(condition: Image, x: Any, y: Any) -> Any:
    """Choose per pixel: `x` where the mask is true, else `y`.

    Parameters
    ----------
    condition : Image or array of bool
    x, y : Image, Value or number

    Returns
    -------
    Image, or numpy.ndarray where no operand is lazy; dtype by NumPy's rules.

    Notes
    -----
    Exactness: exact, `numpy.where`.
    """
    operands = (condition, x, y)
    if not any(isinstance(o, Image | Value) for o in operands):
        return np.where(*operands)
    return _operate("where", *(from_array(o) if isinstance(o, np.ndarray) and o.ndim else o for o in operands))


def _crop(image: Image, keys: Sequence[Any]) -> Image:
    start, stop = [], []
    for key, n, axis in zip(keys, image.spatial_shape, image.axes, strict=False):
        if not isinstance(key, slice) or key.step not in (None, 1):
            raise InputError(f"axis {axis} takes a slice with step 1, as in image[0:512]; found {key!r}.")
        a, b, _ = key.indices(n)
        if b <= a:
            raise InputError(f"the region {key.start}:{key.stop} of axis {axis} (0:{n}) is empty.")
        start.append(a)
        stop.append(b)
    ndim = len(start)
    box = Box(tuple(start), tuple(stop))
    step = Step(same, (image,), {}, no_reach(ndim), (1,) * ndim, box.start, None, 0.0, False)
    return replace(image, shape=box.shape + image.shape[ndim:], step=step)


def _select_channel(image: Image, key: Any) -> Image:
    if not isinstance(key, int | np.integer) or not -image.channels <= key < image.channels:
        raise InputError(f"the channel axis takes one index from 0 to {image.channels - 1}; found {key!r}.")
    return map_tiles(channel, image, channels=None, index=int(key), cost=1.0, user=False)


def same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def channel(array: NDArray[Any], *, index: int) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., index])


def _reach(reach: int | Sequence[int | tuple[int, int]], ndim: int) -> Reach:
    sides = [reach] * ndim if isinstance(reach, int | np.integer) else list(reach)
    if len(sides) != ndim:
        raise InputError(f"reach needs one entry per spatial axis ({ndim}); found {reach!r}.")
    pairs = [(s, s) if isinstance(s, int | np.integer) else tuple(s) for s in sides]
    if any(len(p) != 2 or min(p) < 0 for p in pairs):
        raise InputError(f"reach is a count of pixels, 0 or more, per axis or as (before, after) pairs; found {reach!r}.")
    return tuple((int(a), int(b)) for a, b in pairs)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def full_box(image: Image) -> Box:
    """The spatial box of the whole image."""
    return whole(image.spatial_shape)
