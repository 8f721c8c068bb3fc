"""Global levels: one number for the whole image, however many tiles it takes.

An Otsu level per tile is another level per tile; so each of these is a survey (counts, sums or ranks, merged exactly)
and a pure function of what was counted. Compare with the image to get a mask: ``image > otsu(image)``.

All take ``where=`` (a mask of the pixels that count) and ``nodata=`` (a value that never counts); with either of them
NaN never counts. Without, an image with NaN is an error that says how many. Of an image with channels all values
count together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image, Value, derive, operation, reduce_tiles, require_mask, require_scalar_pixels
from tilemask.operations import levels, means, ranks
from tilemask.operations.footprints import whole_number
from tilemask.operations.histograms import Histogram, as_is, histogram

_LI_LEVELS = 65536
"""Levels between the extremes that Li's iteration runs on for floats."""


@operation("exact", reference="skimage.filters.threshold_otsu")
def otsu(image: Image, *, where: Image | None = None, nodata: Any = None, nbins: int = 256) -> Value:
    """Compute the level that separates two classes with the largest variance between them.

    Parameters
    ----------
    image : Image or array
        Integers (of 32 and 64 bits: values within a range of 2^24) or floats, finite.
    where : Image or array of bool, optional
        Pixels that count.
    nodata : number or Value, optional
        A value that does not count.
    nbins : int, optional
        Bins between the extremes, for floats; integers have one bin per value.

    Returns
    -------
    Value, or a NumPy scalar for an array
        int64 for integer images, else the image's dtype. Pixels *above* it are foreground.

    Raises
    ------
    InputError
        For a mask, and, when it is computed, for NaN or infinite pixels, and where no pixel is left.

    Notes
    -----
    Exactness: exact. Reference: `skimage.filters.threshold_otsu`, its float32 counts included. One pass for integers
    of 8 and 16 bits, else two.
    """
    return _level(levels.otsu_level, image, where, nodata, nbins, "otsu")


@operation("exact", reference="skimage.filters.threshold_yen")
def yen(image: Image, *, where: Image | None = None, nodata: Any = None, nbins: int = 256) -> Value:
    """Compute Yen's level, by maximum correlation of the two classes.

    Parameters
    ----------
    image : Image or array
        Integers (of 32 and 64 bits: values within a range of 2^24) or floats, finite.
    where, nodata, nbins
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        int64 for integer images, else the image's dtype.

    Raises
    ------
    InputError
        As in `otsu`.

    Notes
    -----
    Exactness: exact. Reference: `skimage.filters.threshold_yen`.
    """
    return _level(levels.yen_level, image, where, nodata, nbins, "yen")


@operation("exact", reference="skimage.filters.threshold_isodata")
def isodata(image: Image, *, where: Image | None = None, nodata: Any = None, nbins: int = 256) -> Value:
    """Compute the lowest level midway between the means of its two classes (Ridler and Calvard).

    Parameters
    ----------
    image : Image or array
        Integers (of 32 and 64 bits: values within a range of 2^24) or floats, finite.
    where, nodata, nbins
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        int64 for integer images, else the image's dtype.

    Raises
    ------
    InputError
        As in `otsu`; also where no such level exists, as in a constant float image.

    Notes
    -----
    Exactness: exact. Reference: `skimage.filters.threshold_isodata`.
    """
    return _level(levels.isodata_level, image, where, nodata, nbins, "isodata")


@operation("exact", reference="skimage.filters.threshold_triangle")
def triangle(image: Image, *, where: Image | None = None, nodata: Any = None, nbins: int = 256) -> Value:
    """Compute the level where the histogram lies farthest below the line from its peak to its far end.

    Parameters
    ----------
    image : Image or array
        Integers (of 32 and 64 bits: values within a range of 2^24) or floats, finite.
    where, nodata, nbins
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        int64 for integer images, else the image's dtype.

    Raises
    ------
    InputError
        As in `otsu`.

    Notes
    -----
    Exactness: exact. Reference: `skimage.filters.threshold_triangle`.
    """
    return _level(levels.triangle_level, image, where, nodata, nbins, "triangle")


@operation("rounded", reference="skimage.filters.threshold_li")
def li(image: Image, *, where: Image | None = None, nodata: Any = None) -> Value:
    """Compute the level of minimum cross entropy (Li and Tam).

    Parameters
    ----------
    image : Image or array
        Integers (of 32 and 64 bits: values within a range of 2^24) or floats, finite.
    where, nodata
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        float64 for integer images, else the image's dtype.

    Raises
    ------
    InputError
        As in `otsu`.

    Notes
    -----
    Exactness: rounded. Reference: `skimage.filters.threshold_li`. Of integers the level is the reference's to the bit,
    unless the reference overflows (signed images that span more than their type's maximum). Of floats it is iterated on
    65 536 levels between the extremes, until it moves by less than half of one; the reference needs the smallest
    difference of any two pixels, and means in an order that tiles do not have.
    """
    dtype = np.float64 if image.dtype.kind in "iu" else image.dtype
    return _level(levels.li_level, image, where, nodata, _LI_LEVELS, "li", dtype=dtype)


@operation("rounded", reference="skimage.filters.threshold_mean")
def threshold_mean(image: Image, *, where: Image | None = None, nodata: Any = None) -> Value:
    """Compute the mean.

    Parameters
    ----------
    image : Image or array
        Any dtype; of a mask, the mean is the fraction that is true.
    where, nodata
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        float64 for integers and masks, else the image's dtype; infinite if a pixel is.

    Raises
    ------
    InputError
        When it is computed, for NaN pixels, and where no pixel is left.

    Notes
    -----
    Exactness: rounded. Reference: `numpy.mean`; of integers equal to it while the sum stays below 2^53, beyond that
    and of floats the exact sum divided once, which is the more accurate of the two.
    """
    images = _images(image, where, "threshold_mean")
    cost = 20.0 if image.dtype.kind == "f" else 1.0
    part = reduce_tiles(
        means.add_up, *images, combine=means.add_sums, finish=as_is, cost=cost, nodata=_nodata(nodata, "threshold_mean")
    )
    return derive(means.mean_of, part, image.dtype.str, dtype=image.dtype if image.dtype.kind == "f" else np.float64)


@operation("exact", reference="numpy.percentile(method='linear')")
def percentile(image: Image, q: float | Value, *, where: Image | None = None, nodata: Any = None) -> Value:
    """Compute the value below which `q` percent of the pixels lie.

    Parameters
    ----------
    image : Image or array
        Integers or floats; infinite pixels are the smallest and largest of all.
    q : float or Value
        From 0 to 100.
    where, nodata
        As in `otsu`.

    Returns
    -------
    Value, or a NumPy scalar for an array
        float64 for integers, else the image's dtype.

    Raises
    ------
    InputError
        For a mask or a `q` out of range, and, when it is computed, for NaN pixels, and where no pixel is left.

    Notes
    -----
    Exactness: exact. Reference: `numpy.percentile` with ``method="linear"`` and a Python number as `q`. One pass for
    8 and 16 bits, two for 32, four for 64: the bits of the pixels on both sides are found 16 at a time.
    """
    _refuse_mask(image, "percentile")
    _images(image, where, "percentile")
    if not isinstance(q, Value):
        q = ranks.check_percentage(q)
    return ranks.percentile_value(image, q, where, _nodata(nodata, "percentile"))


def _level(
    function: Callable[[Histogram], Any],
    image: Image,
    where: Image | None,
    nodata: Any,
    nbins: int,
    what: str,
    *,
    dtype: Any = None,
) -> Value:
    _refuse_mask(image, what)
    _images(image, where, what)
    bins = whole_number(nbins, f"{what}: nbins", least=2)
    if dtype is None:
        dtype = np.int64 if image.dtype.kind in "iu" else image.dtype
    return derive(function, histogram(image, where, _nodata(nodata, what), bins, what), dtype=dtype)


def _images(image: Image, where: Image | None, what: str) -> tuple[Image, ...]:
    """The inputs of a survey."""
    if where is None:
        return (image,)
    require_mask(where, f"{what}: where=")
    require_scalar_pixels(where, f"{what}: where=")
    if where.spatial_shape != image.spatial_shape:
        raise InputError(
            f"{what}: where= must have the spatial shape of the image, {image.spatial_shape}; "
            f"found {where.spatial_shape}. Slice or downsample one of them."
        )
    return image, where


def _nodata(nodata: Any, what: str) -> Any:
    if (
        nodata is None
        or isinstance(nodata, Value)
        or (isinstance(nodata, int | float | np.number) and not isinstance(nodata, bool))
    ):
        return nodata
    raise InputError(f"{what}: nodata= must be a number; found {nodata!r}.")


def _refuse_mask(image: Image, what: str) -> None:
    if image.dtype == np.bool_:
        raise InputError(
            f"{what} of a mask is not defined: a mask has two values already. Use the image it was made from."
        )
