"""The nodes of the lazy graph: images, values, and how each comes about.

Nodes are compared by identity, never by value, so a graph can be used as dictionary keys and shared inputs stay shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from tilemask.boxes import Box, Grid, Reach
from tilemask.errors import InputError
from tilemask.image.arithmetic import Arithmetic
from tilemask.image.kernels import FinishBytes, Growth, Stream

if TYPE_CHECKING:
    import dask.array
    from numpy.typing import NDArray

    from tilemask.image.region import Region
    from tilemask.read.cache import ChunkCache


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
    growth: Growth | None = None
    """Set for a kernel whose reach depends on the pixels; `reach` is then where it begins."""
    cells: tuple[int, ...] | None = None
    """Sides of the cells of a fixed grid on which the kernel runs, whatever the tiles are."""
    repeats: bool = False
    """Whether it is a round of many: what it makes may be kept, so that the rounds of a pass do not reach too far."""
    places: bool = False
    """Whether the kernel gets the keyword `origin`: where its arrays begin in the whole image."""
    workspace: float | None = None
    """Bytes that the kernel needs beside inputs and result, per pixel of what it reads at once; None is not known."""
    within: Region | None = None
    """Where the result is not 0; tiles that hold nothing of it are neither read nor computed."""

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__).strip("_")

    def request(self, box: Box, image: Image) -> Box:
        """What the kernel must read of input `image` to write `box`: grown by the reach, clipped at the border."""
        if self.cells is not None:
            box = Grid(image.spatial_shape, self.cells).cover(box)
        return box.magnify(self.scale).shift(self.offset).grow(self.reach).clip(image.spatial_shape)

    @property
    def local(self) -> bool:
        """Whether the kernel reads exactly the pixels that it writes."""
        if self.growth is not None or self.cells is not None:
            return False
        return not any(map(any, self.reach)) and set(self.scale) == {1} and not any(self.offset)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Image(Arithmetic["Image"]):
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
    region: Region | None = None
    """What images made of this one are background outside of; see `tilemask.image.region`."""

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

        Raises
        ------
        InputError
            For what is not a dtype of pixels (complex numbers, half floats, text).
        """
        from tilemask.image.operators import astype

        return astype(self, dtype)

    def __repr__(self) -> str:
        size = (
            ""
            if self.pixel_size is None
            else f", pixel {' × '.join(f'{s:g}' for s in self.pixel_size)} {self.unit or ''}"
        )
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
        from tilemask.image.operators import crop, select_channel

        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        if len(keys) > self.ndim:
            raise InputError(f"{len(keys)} indices for {self!r}, which has {self.ndim} axes.")
        image, spatial = self, len(self.spatial_axes)
        if self.axes.endswith("c") and keys[-1] != slice(None):
            image = select_channel(image, keys[-1])
        if any(k != slice(None) for k in keys[:spatial]):
            image = crop(image, keys[:spatial])
        return image


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
    """Whether `tile` leaves a note beside its part and `finish` gives a record per tile."""
    cost: float
    pieces: Stream | None = None
    """Whether `tile` leaves a note beside its part and `finish` gives pieces of a stream."""
    workspace: float | None = None
    """Bytes that `tile` needs beside its inputs, per pixel; None is not known."""
    finish_bytes: FinishBytes | None = None

    @property
    def noted(self) -> bool:
        """Whether `tile` returns (part, note), and `finish` takes (part, read_note, grid)."""
        return self.records or self.pieces is not None

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
class Value(Arithmetic[Any]):
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

    def __int__(self) -> int:
        return int(float(self))

    def __format__(self, how: str) -> str:
        return format(float(self), how) if how else repr(self)
