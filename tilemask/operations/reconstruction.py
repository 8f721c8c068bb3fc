"""Reconstruction and what is made of it: extrema that stand out by a height.

A seed may spread through the whole image, so a halo cannot hold what a tile must know. Each operation is one survey of
perimeters and one kernel, in two passes however long the paths are (see `tilemask.stitch.reconstruct`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import (
    FinishBytes,
    Image,
    Value,
    derive,
    is_number,
    map_tiles,
    operation,
    reduce_tiles,
    require_connectivity,
    require_mask,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.operations.histograms import as_is, find_extent, join_extents
from tilemask.stitch.perimeters import PAIRING_BYTES
from tilemask.stitch.reconstruct import (
    combine_faults,
    finish_perimeters,
    reconstruct,
    survey_perimeter,
    value_type,
)

PIXEL_BYTES = 130
"""The most that the survey or the kernel took beside its inputs, on noise, mazes and flat ground."""
SEAM_BYTES = {False: 90.0, True: 180.0}
"""The most that the perimeters took together, per pixel on a seam, by whether corners count."""


@operation(
    "exact",
    reference="skimage.morphology.reconstruction(seed, limit, method, generate_binary_structure(ndim, connectivity))",
)
def reconstruction(
    seed: Image,
    limit: Image,
    *,
    method: str = "dilation",
    connectivity: int | None = None,
    where: Image | None = None,
) -> Image:
    """Let a seed image spread as far as its limit allows.

    Parameters
    ----------
    seed : Image or array, (rows, columns) or (planes, rows, columns)
        Where it starts; nowhere above the limit (by erosion: nowhere below).
    limit : Image or array
        The largest value (by erosion: the smallest) of each pixel; called mask in scikit-image. Same shape.
    method : {"dilation", "erosion"}, optional
        Whether high values spread or low ones.
    connectivity : int, optional
        Values spread between pixels where at most so many coordinates differ, each by one: 1 (faces) up to the number
        of spatial axes (corners too), which is the default.
    where : Image or array of bool, optional
        Pixels outside neither have nor let through a value, and come out as 0.

    Returns
    -------
    Image, or numpy.ndarray for an array
        float32 where `limit` is, else float64, as in scikit-image. Integers beyond 2⁵³ are rounded first.

    Raises
    ------
    InputError
        For channels, unequal shapes, a mask that is not bool, a method or connectivity that does not exist; and, when
        the survey is done, for NaN and for seeds beyond their limit.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.reconstruction(seed, limit, method)``; -0.0 comes out as 0.0. Infinite pixels
    are values like others.

    Two passes. The survey contracts each tile to its perimeter, the perimeters of all tiles are solved as one graph,
    and the kernel spreads inwards from there. The idea of one summary per tile: Barnes, "Parallel Priority-Flood
    depression filling for trillion cell digital elevation models", Computers & Geosciences 96 (2016). Cost: 0.2 to
    0.7 µs per pixel and pass (twice that with all corners of a volume) and at most 130 bytes; the summaries take 30
    bytes, and solving them 90 or, where corners count, 180, per pixel on a seam.
    """
    for image in (seed, limit):
        require_scalar_pixels(image, "reconstruction")
    _check_where(where, limit, "reconstruction")
    require_one_shape((seed, limit), "reconstruction")
    if method not in ("dilation", "erosion"):
        raise InputError(f"reconstruction: method is 'dilation' or 'erosion'; found {method!r}.")
    hops = require_connectivity(limit, connectivity, "reconstruction", optional=True)
    return _reconstruct(seed, limit, where, "reconstruction", method, hops)


@operation("exact", reference="skimage.morphology.h_maxima(image, h) == 1")
def h_maxima(image: Image, *, h: float | Value, connectivity: int | None = None, where: Image | None = None) -> Image:
    """Find the maxima that stand out by at least `h` from all paths to higher ground.

    Parameters
    ----------
    image : Image or array of integers or floats, (rows, columns) or (planes, rows, columns)
    h : number or Value
        Height, above 0.
    connectivity : int, optional
        As in `reconstruction`.
    where : Image or array of bool, optional
        The pixels that are looked at; paths and extrema end where they do.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape; empty where `h` is more than the range of the image.

    Raises
    ------
    InputError
        For masks, channels, a height that is not above 0, a `where` that is no mask; and, when the survey is done, for
        NaN and infinite pixels.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.h_maxima(image, h)`` up to the dtype, which is uint8 there. It takes the
    range of signed integers in their own type, where it may wrap and nothing is found; here the range is the true one.

    Two passes: the range of the whole image is found beside the perimeters of a reconstruction of the image lowered by
    `h`.
    """
    return _extrema(image, h, where, "dilation", connectivity)


@operation("exact", reference="skimage.morphology.h_minima(image, h) == 1")
def h_minima(image: Image, *, h: float | Value, connectivity: int | None = None, where: Image | None = None) -> Image:
    """Find the minima that lie at least `h` below all paths to lower ground.

    Parameters
    ----------
    image : Image or array of integers or floats, (rows, columns) or (planes, rows, columns)
    h : number or Value
        Depth, above 0.
    connectivity : int, optional
        As in `reconstruction`.
    where : Image or array of bool, optional
        The pixels that are looked at; paths and extrema end where they do.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape; empty where `h` is more than the range of the image.

    Raises
    ------
    InputError
        As in `h_maxima`.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.h_minima(image, h)``, as in `h_maxima`.
    """
    return _extrema(image, h, where, "erosion", connectivity)


def shift(image: NDArray[Any], *, h: Any, method: str, target: str) -> NDArray[Any]:
    """The seed of an extremum of height `h`, as scikit-image makes it.

    Floats are shifted by a little more than `h`, so that rounding cannot leave them nearer than that; integers stop at
    the ends of their type.
    """
    image, h = _one_kind(image, h)
    up = method == "erosion"
    if image.dtype.kind == "f":
        resolution = 2 * np.finfo(image.dtype).resolution * np.abs(image)
        with np.errstate(invalid="ignore"):  # of infinite pixels, which are refused once all are counted
            return np.asarray(image + h + resolution if up else image - h - resolution).astype(target)
    limits = np.iinfo(image.dtype)
    if int(h) > int(limits.max) - int(limits.min):
        return image.astype(target)
    step = np.array(int(h)).astype(image.dtype)  # where it does not fit, sums wrap twice and are right
    if up:
        return np.where(image > limits.max - int(h), limits.max, image + step).astype(target)
    return np.where(image < int(h) + limits.min, limits.min, image - step).astype(target)


def stands_out(
    image: NDArray[Any],
    reconstructed: NDArray[Any],
    where: NDArray[np.bool_] | None = None,
    *,
    h: Any,
    span: Any,
    method: str,
) -> NDArray[np.bool_]:
    """Whether a pixel stands out by `h`; none does where the whole image spans less."""
    if span is None or h > span:
        return np.zeros(image.shape, np.bool_)
    image, h = _one_kind(image, h)
    height = reconstructed - image if method == "erosion" else image - reconstructed
    return np.asarray(height >= h if where is None else (height >= h) & where)


def _extrema(image: Image, h: Any, where: Image | None, method: str, connectivity: int | None) -> Image:
    what = {"dilation": "h_maxima", "erosion": "h_minima"}[method]
    require_scalar_pixels(image, what)
    if image.dtype == np.bool_:
        raise InputError(f"{what} works on grey values; found a mask. For its objects use tilemask.label.")
    _check_where(where, image, what)
    checked = derive(check_height, h, what) if isinstance(h, Value) else check_height(h, what)
    hops = require_connectivity(image, connectivity, what, optional=True)
    looked_at = () if where is None else (where,)
    found = reduce_tiles(find_extent, image, *looked_at, combine=join_extents, finish=as_is, cost=1.0)
    span = derive(span_of, found, image.dtype.str)
    kind = np.result_type(image.dtype, h.dtype if isinstance(h, Value) else h)
    target = kind if image.dtype.kind == "f" else np.dtype(np.float64)
    seed = map_tiles(shift, image, user=False, dtype=target, cost=4.0, h=checked, method=method, target=target.str)
    spread = _reconstruct(seed, image, where, what, method, hops)
    made: Image = map_tiles(
        stands_out, image, spread, *looked_at, user=False, dtype=np.bool_, cost=3.0, h=checked, span=span, method=method
    )
    return made


def _reconstruct(seed: Image, limit: Image, where: Image | None, what: str, method: str, connectivity: int) -> Image:
    images = [seed, limit] if where is None else [seed, limit, where]
    perimeters = reduce_tiles(
        survey_perimeter,
        *images,
        combine=combine_faults,
        finish=finish_perimeters,
        places=True,
        records=True,
        cost=300.0,
        workspace=PIXEL_BYTES,
        finish_bytes=FinishBytes(fixed=PAIRING_BYTES, seam_pixel=SEAM_BYTES[connectivity > 1]),
        what=what,
        method=method,
        connectivity=connectivity,
    )
    made: Image = map_tiles(
        reconstruct,
        *images,
        records=perimeters,
        user=False,
        dtype=value_type(limit.dtype),
        cost=300.0,
        workspace=PIXEL_BYTES,
        method=method,
        connectivity=connectivity,
    )
    return made


def _check_where(where: Image | None, image: Image, what: str) -> None:
    if where is not None:
        require_scalar_pixels(where, f"where= of {what}")
        require_mask(where, f"where= of {what}")
        require_one_shape((image, where), what)


def check_height(h: Any, what: str) -> Any:
    """Refuse heights that no extremum can have; one that is a value is known here first."""
    if not is_number(h) or not h > 0:
        raise InputError(f"{what}: h is a height, a number above 0; found {h!r}.")
    return h


def span_of(part: dict[str, Any], dtype: str) -> Any:
    """The largest value less the smallest, floats in their own type as NumPy's ptp; None where there is none."""
    if part["low"] is None:
        return None
    if np.dtype(dtype).kind == "f":
        kind = np.dtype(dtype).type
        return kind(part["high"]) - kind(part["low"])
    return part["high"] - part["low"]


def _one_kind(image: NDArray[Any], h: Any) -> tuple[NDArray[Any], Any]:
    """An integer image becomes float64 for a height with a fraction; any other height becomes an integer."""
    if image.dtype.kind == "f":
        return image, h
    if isinstance(h, float | np.floating):
        return (image, int(h)) if h % 1 == 0 else (image.astype(np.float64), h)
    return image, h
