"""Images of arrays in memory, and what an operation may ask of its inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image.nodes import Image

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
