"""The operators of images and values: arithmetic, comparison, choice, conversion, slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, no_reach
from tilemask.errors import InputError
from tilemask.image.arrays import from_array, pixel_type, require_one_shape
from tilemask.image.declare import derive, map_tiles
from tilemask.image.nodes import Image, Step, Value
from tilemask.image.region import same


def astype(image: Image, dtype: Any) -> Image:
    """`Image.astype`."""
    dtype = pixel_type(dtype, "astype")
    converted: Image = map_tiles(cast, image, dtype=dtype, target=dtype.str, cost=1.0, user=False)
    return converted


def cast(array: NDArray[Any], *, target: str) -> NDArray[Any]:
    """`array.astype(target)`, refusing values that do not fit."""
    dtype = np.dtype(target)
    if dtype.kind in "iu" and array.dtype != np.bool_ and array.size and not np.can_cast(array.dtype, dtype):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                f"{int((~np.isfinite(array)).sum())} pixels are NaN or infinite and do not fit into {dtype}"
            )
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
    with np.errstate(all="ignore"):  # NaN and inf are pixels here; a warning a tile would drown what matters
        return getattr(np, ufunc)(*values)


def operate(ufunc: str, *operands: Any) -> Any:
    """An operator between images, values and numbers; NumPy decides on the dtype."""
    operands = tuple((from_array(o) if o.ndim else o[()]) if isinstance(o, np.ndarray) else o for o in operands)
    samples: list[Any] = []
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
    require_one_shape(images, ufunc)
    order = "".join("i" if isinstance(o, Image) else str(n) for n, o in enumerate(operands))
    scalars = {f"s{n}": o for n, o in enumerate(operands) if not isinstance(o, Image)}
    channels = {i.channels for i in images if i.axes.endswith("c")}
    if (len(channels) > 1 and 1 not in channels) or len(channels) > 2:
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
    return operate("where", *operands)


def crop(image: Image, keys: Sequence[Any]) -> Image:
    start, stop = [], []
    for key, n, axis in zip(keys, image.spatial_shape, image.axes, strict=False):
        if not isinstance(key, slice) or key.step not in (None, 1) or not all(map(_is_index, (key.start, key.stop))):
            raise InputError(f"axis {axis} takes a slice with step 1, as in image[0:512]; found {key!r}.")
        a, b, _ = key.indices(n)
        if b <= a:
            raise InputError(f"the region {key.start}:{key.stop} of axis {axis} (0:{n}) is empty.")
        start.append(a)
        stop.append(b)
    ndim = len(start)
    box = Box(tuple(start), tuple(stop))
    step = Step(same, (image,), {}, no_reach(ndim), (1,) * ndim, box.start, None, 0.0, False)
    region = None if image.region is None else image.region.crop(box.start, box.shape)
    return replace(image, shape=box.shape + image.shape[ndim:], step=step, region=region)


def _is_index(bound: Any) -> bool:
    return bound is None or isinstance(bound, int | np.integer)


def select_channel(image: Image, key: Any) -> Image:
    if not isinstance(key, int | np.integer) or not -image.channels <= key < image.channels:
        raise InputError(f"the channel axis takes one index from 0 to {image.channels - 1}; found {key!r}.")
    return map_tiles(channel, image, channels=None, index=int(key), cost=1.0, user=False)


def channel(array: NDArray[Any], *, index: int) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., index])
