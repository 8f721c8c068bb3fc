"""Images of arrays in memory, and what an operation may ask of its inputs."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image.nodes import Image, Value

LAYOUTS = ("yx", "zyx", "yxc", "zyxc")
"""Axes that an image can have."""

if TYPE_CHECKING:
    from tilemask.read.cache import ChunkCache


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
        digest = hashlib.sha256()
        for slab in self.array:  # a copy of all may not fit
            digest.update(np.ascontiguousarray(slab).data)
        return {"array": digest.hexdigest(), "shape": list(self.shape), "dtype": self.dtype.str}


MAX = sys.float_info.max
LARGEST_REACH = 1 << 16
"""Pixels that a parameter may let an operation look: a typing error asks for more, and ends in the memory."""
DTYPES = "bool, integers of 8 to 64 bits, float32 and float64"


def check_dtype(dtype: np.dtype[Any], what: str) -> None:
    """Refuse what no mask can be made of: objects, strings, complex numbers, half and long floats."""
    if dtype.kind not in "biuf" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        raise InputError(f"{what} has dtype {dtype}; tilemask works on {DTYPES}. Convert it first.")


def pixel_type(dtype: Any, what: str) -> np.dtype[Any]:
    """The NumPy dtype that a user names, if pixels can have it."""
    try:
        named = np.dtype(dtype)
    except TypeError as error:
        raise InputError(f"{what}: {dtype!r} is not a dtype; tilemask works on {DTYPES}.") from error
    check_dtype(named, what)
    return named


def pixel_extents(size: float | Sequence[float], ndim: int) -> tuple[float, ...]:
    """A pixel size per spatial axis, from one for all or one for each."""
    try:
        sizes = (float(size),) * ndim if np.isscalar(size) else tuple(map(float, size))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        sizes = ()
    if len(sizes) != ndim or not all(0 < s < float("inf") for s in sizes):
        raise InputError(f"pixel_size takes a positive number, or one per spatial axis ({ndim}); found {size!r}.")
    return sizes


def refuse_masked(array: Any) -> None:
    """Refuse what would lose its mask on the way to a plain array."""
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(
            f"a masked array (shape {array.shape}) would lose its mask. Give array.data, and the mask as a second "
            "image: where=~numpy.ma.getmaskarray(array); or array.filled(value) and nodata=value."
        )


def from_array(
    array: Any,
    *,
    channel_axis: int | None = None,
    axes: str | None = None,
    pixel_size: float | Sequence[float] | None = None,
    unit: str | None = None,
) -> Image:
    """Make an image of an array in memory, without a copy where NumPy needs none.

    Parameters
    ----------
    array : array-like
        2-D is yx, 3-D is zyx, unless `channel_axis` or `axes` say more: an RGB picture needs ``channel_axis=-1``.
    channel_axis : int, optional
        The axis that holds channels; it becomes the last.
    axes : {"yx", "zyx", "yxc", "zyxc"}, optional
        Names of the axes, in their order.
    pixel_size : float or sequence of float, optional
        Extent of a pixel, for all or per spatial axis.
    unit : str, optional
        Unit of `pixel_size`, as in OME-Zarr (``"micrometer"``).

    Returns
    -------
    Image
        Of the array's dtype, in the byte order of the machine.

    Raises
    ------
    InputError
        For other numbers of axes, dtypes that are not numbers, masked arrays.

    Notes
    -----
    The array is not copied: do not change it while the image is in use.
    """
    refuse_masked(array)
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
                f"an array of {array.ndim} axes (shape {array.shape}) is not an image; 2-D (yx) and 3-D (zyx) "
                "arrays are, and channel_axis= names a channel axis."
            )
        axes = {2: "yx", 3: "zyx"}[spatial] + ("c" if channel_axis is not None else "")
    if axes not in LAYOUTS or len(axes) != array.ndim:
        raise InputError(
            f"axes={axes!r} cannot name the axes of an array of shape {array.shape}; give one of {', '.join(LAYOUTS)} "
            "with as many letters, or open_image(array, axes=...), which reorders."
        )
    size = None if pixel_size is None else pixel_extents(pixel_size, len(axes.removesuffix("c")))
    return Image(array.shape, array.dtype, axes, ArraySource(array.view()), size, unit)


def as_image(thing: Any, *, channel_axis: int | None = None, what: str = "") -> Image:
    """An image of an image or of a bare array; anything else must be opened first. `what` is said of it in messages."""
    if isinstance(thing, Image):
        return thing
    if isinstance(thing, np.ndarray):
        return from_array(thing, channel_axis=channel_axis)
    found = f"{type(thing).__module__}.{type(thing).__name__}"
    raise InputError(
        f"{f'{what}: ' * bool(what)}an image or a NumPy array is needed; found {found}. "
        "Open it with tilemask.open_image(...)."
    )


def require_mask(image: Image, what: str) -> None:
    if image.dtype != np.bool_:
        raise InputError(f"{what} works on a mask (bool); found {image.dtype}. Compare first, as in image > level.")


def require_scalar_pixels(image: Image, what: str) -> None:
    if image.axes.endswith("c"):
        raise InputError(
            f"{what} works on one channel; found axes {image.axes!r} with {image.channels} channels. Select one: "
            "image[..., 0], or channel=0 on opening (--channel 0)."
        )


def require_connectivity(image: Image, connectivity: Any, what: str, *, optional: bool = False) -> int:
    """The connectivity, refused where it is none of the image's axes; None is all of them where it is optional."""
    ndim = len(image.spatial_axes)
    if optional and connectivity is None:
        return ndim
    if connectivity not in range(1, ndim + 1):
        raise InputError(
            f"{what}: connectivity counts the coordinates in which neighbours may differ, 1 to {ndim} for axes "
            f"{image.spatial_axes!r}; found {connectivity!r}."
        )
    return int(connectivity)


def is_number(thing: Any) -> bool:
    """Whether it is a real number, infinite ones among them; not so NaN, and True."""
    real = isinstance(thing, int | float | np.integer | np.floating) and not isinstance(thing, bool)
    return real and bool(thing == thing)


def require_number(number: Any, what: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number that is known now, as a float, refused outside its bounds; they count as inside."""
    if isinstance(number, Value):
        raise InputError(f"{what} must be known now, since the graph depends on it; found {number!r}. compute() it.")
    if not is_number(number) or not max(least, -MAX) <= number <= min(most, MAX):
        low, high = f", {least:g} or more" * (least > -math.inf), f", at most {most:,.10g}" * (most < math.inf)
        raise InputError(f"{what} must be a number{low}{high}; found {number!r}.")
    return float(number)


def require_one_shape(images: Sequence[Image], what: str) -> None:
    first = images[0]
    for other in images[1:]:
        if other.spatial_shape != first.spatial_shape:
            hint = "Slice or downsample one of them."
            if len(other.spatial_axes) != len(first.spatial_axes):
                hint = "A bare array with channels needs channel_axis=, as in channel_axis=-1."
            raise InputError(
                f"{what}: images must have one spatial shape; found {first.spatial_shape} and {other.spatial_shape}. "
                f"{hint}"
            )
