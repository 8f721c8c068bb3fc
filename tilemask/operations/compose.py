"""Put images and masks together: cut out, draw over, make smaller.

What is shown must not depend on the tile: the contrast limits of an overlay are those of the whole image, and the tiles
of a smaller image begin where the whole image's do. The eager kernels are the definitions.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import no_reach
from tilemask.errors import InputError
from tilemask.image import (
    Image,
    Step,
    Value,
    map_tiles,
    operation,
    require_mask,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.operations.downsampling import first_of_blocks, mean_of_blocks
from tilemask.operations.footprints import whole_number
from tilemask.operations.thresholds import percentile

_COLORS = 256


@operation("exact", reference="numpy.where(mask, image, background)")
def cutout(image: Image, mask: Image, *, background: Any = 0) -> Image:
    """Keep the image inside a mask.

    Parameters
    ----------
    image : Image or array
        Any dtype, with or without channels.
    mask : Image or array of bool
        True where the image is kept; one channel.
    background : number or Value, optional
        What is written elsewhere.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the shape and dtype of `image`.

    Raises
    ------
    InputError
        For a mask that is not bool, other shapes, and a background that the dtype cannot hold.

    Notes
    -----
    Exactness: exact. Reference: `numpy.where`.
    """
    require_mask(mask, "cutout")
    require_scalar_pixels(mask, "the mask of cutout")
    require_one_shape((image, mask), "cutout")
    if not isinstance(background, Value):
        try:
            background = fitting(background, image.dtype)
        except ValueError as error:
            raise InputError(f"cutout: {error}") from error
    return map_tiles(keep_inside, image, mask, cost=1.5, user=False, background=background)


def keep_inside(array: NDArray[Any], mask: NDArray[np.bool_], *, background: Any) -> NDArray[Any]:
    inside = mask if array.ndim == mask.ndim else mask[..., np.newaxis]
    return np.where(inside, array, fitting(background, array.dtype))


def fitting(number: Any, dtype: np.dtype[Any]) -> Any:
    """`number` as a scalar of the dtype, unless that would change it (float32 rounding aside)."""
    if isinstance(number, bool | int | float | np.generic):
        with np.errstate(all="ignore"):
            try:
                scalar = dtype.type(number)
            except (OverflowError, ValueError):
                scalar = None
        if scalar is not None and (dtype.kind == "f" or scalar == number):
            return scalar
    raise ValueError(
        f"background={number!r} does not fit into {dtype}. Give a value of that type, or cast the image first."
    )


@operation("canonical", reference="the eager call; colours, outlines and limits are defined here")
def overlay(
    image: Image,
    mask: Image,
    *,
    color: Sequence[int] = (255, 0, 0),
    alpha: float | Value = 0.4,
    low: float | Value | None = None,
    high: float | Value | None = None,
) -> Image:
    """Draw a mask or labels over an image, to be looked at.

    Parameters
    ----------
    image : Image or array
        One channel, or three as red, green and blue.
    mask : Image or array
        A mask, drawn in `color`, or labels, drawn in one fixed colour per number.
    color : three int, optional
        Red, green, blue, 0 to 255.
    alpha : float or Value, optional
        Share of the colour inside an object, 0 to 1; its outline (pixels with another object, or none, above, below,
        left or right) has all of it.
    low, high : float or Value, optional
        What is drawn black and white; percentiles 0.5 and 99.5 of the whole image by default, and 0 and 255 for three
        channels of uint8. NaN is black.

    Returns
    -------
    Image, or numpy.ndarray for an array
        uint8, with channels red, green, blue.

    Raises
    ------
    InputError
        For other numbers of channels, shapes that differ, a mask of floats, and colours or limits that cannot be.

    Notes
    -----
    Exactness: canonical; the result does not depend on the tile grid. Reach: 1 pixel in the plane.
    """
    if image.channels not in (1, 3):
        raise InputError(f"overlay draws on 1 or 3 channels; found {image.channels}. Select one: image[..., 0].")
    require_scalar_pixels(mask, "the mask of overlay")
    require_one_shape((image, mask), "overlay")
    if mask.dtype.kind == "f":
        raise InputError(
            f"overlay draws a mask (bool) or labels (integers); found {mask.dtype}. Compare or cast it first."
        )
    rgb = _rgb(color)
    if not isinstance(alpha, Value) and not (isinstance(alpha, int | float) and 0 <= alpha <= 1):
        raise InputError(f"overlay: alpha must be a number from 0 to 1; found {alpha!r}.")
    low, high = _limits(image, low, high)
    reach = [0] * (len(image.spatial_axes) - 2) + [1, 1]
    return map_tiles(
        draw, image, mask, reach=reach, dtype=np.uint8, channels=3, cost=40.0, user=False,
        color=rgb, alpha=alpha, low=low, high=high,
    )  # fmt: skip


def _rgb(color: Sequence[int]) -> tuple[int, ...]:
    parts = tuple(color) if isinstance(color, Sequence | np.ndarray) else ()
    if len(parts) != 3 or not all(isinstance(p, int | np.integer) and 0 <= p <= 255 for p in parts):
        raise InputError(f"overlay: color must be three integers from 0 to 255 (red, green, blue); found {color!r}.")
    return tuple(map(int, parts))


def _limits(image: Image, low: Any, high: Any) -> tuple[Any, Any]:
    """The contrast limits, global whatever they are."""
    for name, limit in (("low", low), ("high", high)):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float | np.number | Value)):
            raise InputError(f"overlay: {name} must be a number or a Value; found {limit!r}.")
    if image.dtype == np.bool_:
        defaults: tuple[Any, Any] = (0, 1)
    elif image.dtype == np.uint8 and image.channels == 3:
        defaults = (0, 255)
    else:
        nodata = np.nan if image.dtype.kind == "f" else None
        defaults = (
            percentile(image, 0.5, nodata=nodata) if low is None else low,
            percentile(image, 99.5, nodata=nodata) if high is None else high,
        )
    return (defaults[0] if low is None else low), (defaults[1] if high is None else high)


def draw(
    array: NDArray[Any], mask: NDArray[Any], *, color: tuple[int, ...], alpha: Any, low: Any, high: Any
) -> NDArray[np.uint8]:
    grey = stretch(array, float(low), float(high))
    picture = grey if grey.ndim > mask.ndim else grey[..., np.newaxis]
    result = np.array(np.broadcast_to(picture, (*mask.shape, 3)))
    inside = mask != 0
    if not inside.any():
        return result
    table = np.array([color], np.float64) if mask.dtype == np.bool_ else label_colors()
    numbers = 0 if mask.dtype == np.bool_ else mask[inside].astype(np.int64) % _COLORS
    share = np.where(_outlines(mask)[inside], 1.0, float(alpha))[:, np.newaxis]
    result[inside] = np.rint(result[inside] * (1 - share) + table[numbers] * share).astype(np.uint8)
    return result


def stretch(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Grey levels from 0 at `low` to 255 at `high`; through a table for 8 and 16 bits."""
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:
        unsigned = array.view(f"u{array.dtype.itemsize}")
        table = _stretch(np.arange(1 << 8 * array.dtype.itemsize).astype(unsigned.dtype).view(array.dtype), low, high)
        return table[unsigned]
    return _stretch(array, low, high)


def _stretch(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    numbers = values.astype(np.float64)
    with np.errstate(all="ignore"):
        scaled = (numbers - low) / (high - low) if high > low else np.where(numbers > low, 1.0, 0.0)
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0.0, 1.0) * 255).astype(np.uint8)


def label_colors() -> NDArray[np.float64]:
    """One bright colour per label number modulo 256; neighbours in number are far apart in hue (golden section)."""
    hues = [colorsys.hsv_to_rgb(n * 0.6180339887498949 % 1.0, 0.9, 1.0) for n in range(_COLORS)]
    return np.rint(np.array(hues) * 255)


def _outlines(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels with another value above, below, left or right; the image border is no outline."""
    edge = np.zeros(labels.shape, bool)
    for axis in (-2, -1):
        ahead = np.moveaxis(labels, axis, 0)
        differs = ahead[1:] != ahead[:-1]
        marked = np.moveaxis(edge, axis, 0)
        marked[1:] |= differs
        marked[:-1] |= differs
    return edge


@operation("canonical", reference="the eager call; numpy.mean of each block that exists, or its first pixel")
def downsample(image: Image, *, factor: int | Sequence[int], labels: bool = False) -> Image:
    """Make an image smaller by a whole factor.

    Parameters
    ----------
    image : Image or array
        Any dtype.
    factor : int or sequence of int
        Pixels per new pixel, one number or one per spatial axis.
    labels : bool, optional
        Take the first pixel of each block instead of the mean, so that no new number appears; masks are always
        treated so.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the same dtype and ``ceil(n / factor)`` pixels per axis; `pixel_size` grows with the factor.

    Notes
    -----
    Exactness: canonical. A mean is over the pixels of the block that exist, so the last row is not darkened by what
    lies outside (as in `skimage.transform.downscale_local_mean`); integers are the exact mean rounded to the nearest,
    ties to even; floats are added in float64 in raster order.
    """
    spatial = image.spatial_axes
    given = list(factor) if isinstance(factor, Sequence | np.ndarray) else [factor] * len(spatial)
    if len(given) != len(spatial):
        raise InputError(f"downsample: factor needs one entry or one per spatial axis ({spatial!r}); found {factor!r}.")
    factors = tuple(whole_number(f, "downsample: factor", least=1) for f in given)
    nearest = labels or image.dtype == np.bool_
    step = Step(
        function=first_of_blocks if nearest else mean_of_blocks,
        images=(image,),
        arguments={"factor": tuple(min(f, n) for f, n in zip(factors, image.spatial_shape, strict=True))},
        reach=no_reach(len(spatial)),
        scale=factors,
        offset=(0,) * len(spatial),
        records=None,
        # Measured at 2048², factor 2, per pixel that is read: 0.2 ns for the first pixel, 2 for the mean.
        cost=(0.2 if nearest else 2.0) * int(np.prod(factors)),
        user=False,
    )
    shape = tuple(-(-n // f) for n, f in zip(image.spatial_shape, factors, strict=True))
    size = image.pixel_size
    return replace(
        image,
        shape=shape + image.shape[len(spatial) :],
        step=step,
        region=None if image.region is None else image.region.thin(factors, shape),
        pixel_size=None if size is None else tuple(s * f for s, f in zip(size, factors, strict=True)),
    )
