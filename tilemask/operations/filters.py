"""Smoothing filters: they keep the dtype, and their reach follows from their parameters.

OpenCV is the kernel where its result is the reference or equal to it bit for bit (integer planes: 5 to 40 times
faster); scikit-image and SciPy do the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import skimage.filters
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from tilemask.errors import InputError
from tilemask.image import LARGEST_REACH, Image, map_tiles, operation, require_number
from tilemask.operations.footprints import (
    Footprint,
    footprint_array,
    reach_of,
    round_footprint,
    with_channels,
    without_running_window,
)
from tilemask.operations.opencv import on_channels


@operation(
    "exact",
    reference="uint8, uint16: cv2.GaussianBlur(ksize=2*int(truncate*sigma+0.5)+1, BORDER_REPLICATE); "
    "float32, float64: skimage.filters.gaussian(preserve_range=True, mode='nearest')",
)
def gaussian(image: Image, *, sigma: float | Sequence[float], truncate: float = 4.0) -> Image:
    """Smooth with a Gaussian.

    Parameters
    ----------
    image : Image or array
        uint8 or uint16 planes (yx), float32 or float64 planes and volumes; channels are smoothed one by one.
    sigma : float or sequence of float
        Standard deviation in pixels, one or one per spatial axis; 0 leaves an axis as it is.
    truncate : float, optional
        Where the kernel ends, in standard deviations.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the same dtype: values are neither rescaled nor cast.

    Raises
    ------
    InputError
        For integer volumes, bool and other integers: cast them first, ``image.astype("float32")``.

    Notes
    -----
    Exactness: exact. Reference: `cv2.GaussianBlur` with BORDER_REPLICATE for integers,
    `skimage.filters.gaussian` with ``mode="nearest"`` for floats. Reach: ``int(truncate * sigma + 0.5)`` per axis.
    """
    spatial = image.spatial_axes
    integers = image.dtype in (np.uint8, np.uint16)
    if image.dtype.kind != "f" and not (integers and len(spatial) == 2):
        raise InputError(
            "gaussian works on uint8 and uint16 planes (yx) and on float32 and float64; "
            f"found {image.dtype} {image.axes}. Cast first: image.astype('float32')."
        )
    sigmas = _per_axis(sigma, spatial)
    cut = require_number(truncate, "gaussian: truncate", least=0, most=LARGEST_REACH)
    if cut * max(sigmas) > LARGEST_REACH:
        raise InputError(
            f"gaussian looks truncate * sigma pixels far, at most {LARGEST_REACH:,}; found {truncate!r} * "
            f"{max(sigmas)!r}. Downsample the image first."
        )
    reach = [int(cut * s + 0.5) for s in sigmas]
    taps = sum(2 * r + 1 for r in reach)
    # Measured at 2048², sigma 2 (34 taps): 1.7 ns a pixel for uint8, 3.7 for uint16, 21 for float32, 22 for float64.
    rate = {"uint8": 0.05, "uint16": 0.11, "float32": 0.6}.get(image.dtype.name, 0.7)
    return map_tiles(
        gaussian_integers if integers else gaussian_floats,
        image,
        reach=reach,
        cost=taps * rate,
        user=False,
        sigma=sigmas,
        truncate=cut,
    )


def gaussian_integers(array: NDArray[Any], *, sigma: Sequence[float], truncate: float) -> NDArray[Any]:
    """Blur a plane of uint8 or uint16; a kernel of one tap is the identity, whatever OpenCV makes of a sigma of 0."""
    rows, columns = (2 * int(truncate * s + 0.5) + 1 for s in sigma)

    def blur(plane: NDArray[Any]) -> NDArray[Any]:
        return cv2.GaussianBlur(
            plane, (columns, rows), sigmaX=sigma[1], sigmaY=sigma[0], borderType=cv2.BORDER_REPLICATE
        )

    return on_channels(blur, array)


def gaussian_floats(array: NDArray[Any], *, sigma: Sequence[float], truncate: float) -> NDArray[Any]:
    axis = -1 if array.ndim > len(sigma) else None
    return skimage.filters.gaussian(
        array, sigma=list(sigma), truncate=truncate, preserve_range=True, mode="nearest", channel_axis=axis
    )


@operation("exact", reference="skimage.filters.median(behavior='ndimage', mode='nearest')")
def median(image: Image, *, radius: int | None = None, footprint: ArrayLike | None = None) -> Image:
    """Replace each pixel by the median of its neighbourhood.

    Parameters
    ----------
    image : Image or array
        Any dtype; of a mask, the median is the majority.
    radius : int, optional
        A disk (2-D) or ball (3-D) of this radius, in pixels.
    footprint : array of bool, optional
        The neighbourhood, one axis per spatial axis; 3 pixels along every axis by default.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the same dtype; of an even number of pixels, the upper of the two in the middle.

    Raises
    ------
    InputError
        For a radius and a footprint together, or a footprint that does not fit the axes.

    Notes
    -----
    Exactness: exact. Reference: `skimage.filters.median` with ``behavior="ndimage"``. Where NaN meets a footprint the
    result is that of SciPy's selection on the pixels in raster order, which depends on nothing outside the footprint.
    """
    ndim = len(image.spatial_axes)
    if radius is not None and footprint is not None:
        raise InputError(f"median takes radius= or footprint=, not both; found radius={radius!r} and a footprint.")
    if radius is not None:
        pixels = round_footprint(radius, ndim, "median")
    elif footprint is not None:
        pixels = footprint_array(footprint, ndim, "median")
    else:
        pixels = np.ones((3,) * ndim, dtype=bool)
    # Measured at 2048²: OpenCV 0.1 ns a pixel for squares of 3, 1 for 5, 31 beyond; SciPy 6 to 14 per footprint pixel.
    cost = (31.0 if len(pixels) > 5 else 1.0) if _in_opencv(image.dtype, pixels) else 10.0 * int(pixels.sum())
    return map_tiles(median_of, image, reach=reach_of(pixels), cost=cost, user=False, footprint=pixels)


def median_of(array: NDArray[Any], *, footprint: Footprint) -> NDArray[Any]:
    if not _in_opencv(array.dtype, footprint):
        pixels = without_running_window(with_channels(footprint, array), array.dtype)
        return ndi.median_filter(array, footprint=pixels, mode="nearest")
    values = array.view(np.uint8) if array.dtype == np.bool_ else array
    return on_channels(lambda plane: cv2.medianBlur(plane, len(footprint)), values).view(array.dtype)


def _in_opencv(dtype: np.dtype[Any], footprint: Footprint) -> bool:
    """Whether OpenCV has a median of this form: odd squares, above 5 pixels for 8 bits only."""
    if footprint.ndim != 2 or not footprint.all() or len(set(footprint.shape)) > 1 or len(footprint) % 2 == 0:
        return False
    if dtype in (np.uint8, np.bool_):
        return 3 <= len(footprint) <= 255
    return dtype == np.uint16 and len(footprint) in (3, 5)


def _per_axis(sigma: Any, axes: str) -> tuple[float, ...]:
    """One standard deviation per spatial axis."""
    sigmas = list(sigma) if isinstance(sigma, Sequence | np.ndarray) else [sigma] * len(axes)
    if len(sigmas) != len(axes):
        raise InputError(f"gaussian: sigma needs one entry or one per spatial axis ({axes!r}); found {sigma!r}.")
    return tuple(require_number(s, "gaussian: sigma", least=0, most=LARGEST_REACH) for s in sigmas)
