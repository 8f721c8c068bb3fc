"""Surveys that count pixel values: what every global level is computed from.

Integers of 8 and 16 bits are counted in one pass, one bin per value. Wider integers need their extent first, because a
table of all values is only bounded if their range is; their parts hold the values that occur. Floats need their extent
too: `numpy.histogram` of a tile with the *image's* range, in the image's own dtype, puts every pixel into the bin
where the whole-image call puts it (Python floats as range would move some float32 pixels). Counts are added as
integers, so the order of tiles can't matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Image, Value, derive, reduce_tiles

WIDEST_RANGE = 1 << 24
"""Values of wide integers that a histogram may span: 128 MiB of counts."""

_COUNTED_AT_ONCE = 1 << 24
"""OpenCV counts in float32, exact up to this many pixels."""


@dataclass(frozen=True)
class Histogram:
    """Counts per bin as scikit-image computes them over an image."""

    counts: NDArray[np.int64]
    centers: NDArray[Any]
    constant: Any
    """The only value of a constant image, of the dtype of `centers`; else None."""


@dataclass(frozen=True)
class Extent:
    """Smallest and largest value, of the image's dtype, and how many values there are."""

    low: Any
    high: Any
    count: int


def histogram(image: Image, where: Image | None, nodata: Any, nbins: int, what: str) -> Value:
    """The histogram of an image as a value; `nbins` counts for floats only."""
    images = (image,) if where is None else (image, where)
    if image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        counts = reduce_tiles(count_levels, *images, combine=add_counts, finish=as_is, cost=0.4, nodata=nodata)
        return derive(histogram_of_levels, counts, image.dtype.str, what)
    extent = extent_of(images, nodata, what)
    if image.dtype.kind in "iu":
        checked = derive(bounded, extent, what)
        found = reduce_tiles(
            count_values, *images, combine=add_values, finish=as_is, cost=10.0, extent=checked, nodata=nodata
        )
        return derive(histogram_of_values, found, checked)
    edges = derive(bin_edges, extent, nbins, what)
    counts = reduce_tiles(
        count_bins, *images, combine=add_counts, finish=as_is, cost=8.0, extent=extent, edges=edges, nodata=nodata
    )
    return derive(histogram_of_bins, counts, edges, extent)


def select(array: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, nodata: Any = None) -> NDArray[Any]:
    """The values that count: inside the mask, not `nodata`, and, with either of them, not NaN."""
    if mask is None and nodata is None:
        return array
    values = array if mask is None else array[mask]
    if nodata is not None:
        values = values[values != nodata]
    if values.dtype.kind == "f":
        values = values[~np.isnan(values)]
    return values


def as_is(part: Any) -> Any:
    return part


def count_levels(
    array: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, nodata: Any = None
) -> NDArray[np.int64]:
    """Pixels per value of an 8- or 16-bit integer type, from its smallest value up; 5 times faster than bincount."""
    values = np.ascontiguousarray(select(array, mask, nodata=nodata)).reshape(1, -1)
    bins = 1 << 8 * values.dtype.itemsize
    unsigned = values.view(f"u{values.dtype.itemsize}")
    counts = np.zeros(bins, np.int64)
    for start in range(0, unsigned.size, _COUNTED_AT_ONCE):
        some = unsigned[:, start : start + _COUNTED_AT_ONCE]
        counts += cv2.calcHist([some], [0], None, [bins], [0, bins]).reshape(-1).astype(np.int64)
    return np.roll(counts, bins // 2) if values.dtype.kind == "i" else counts


def add_counts(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    return a + b


def histogram_of_levels(counts: NDArray[np.int64], dtype: str, what: str) -> Histogram:
    """The counts between the smallest and the largest value that occur."""
    present = np.flatnonzero(counts)
    if not present.size:
        raise InputError(nothing_left(what))
    lowest = int(np.iinfo(np.dtype(dtype)).min)
    start, stop = int(present[0]), int(present[-1]) + 1
    return _of_integers(counts[start:stop], lowest + start)


def _of_integers(counts: NDArray[np.int64], low: int) -> Histogram:
    centers = np.arange(low, low + len(counts), dtype=np.int64)
    return Histogram(counts, centers, centers[0] if len(counts) == 1 else None)


def extent_of(images: tuple[Image, ...], nodata: Any, what: str) -> Value:
    """Smallest and largest value, as an `Extent`; NaN or infinite values are an error that counts them."""
    found = reduce_tiles(find_extent, *images, combine=join_extents, finish=as_is, cost=1.0, nodata=nodata)
    return derive(checked_extent, found, images[0].dtype.str, what)


def find_extent(array: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, nodata: Any = None) -> dict[str, Any]:
    values = select(array, mask, nodata=nodata)
    part: dict[str, Any] = {"count": int(values.size), "nan": 0, "infinite": 0, "low": None, "high": None}
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        part["nan"] = int(np.isnan(values).sum())
        part["infinite"] = int(np.isinf(values).sum())
        values = values[np.isfinite(values)]
    if values.size:
        # Adding 0 turns -0.0 into 0.0: which of the two zeros is the smaller depends on the order of tiles.
        zero = values.dtype.type(0)
        part["low"], part["high"] = (values.min() + zero).item(), (values.max() + zero).item()
    return part


def join_extents(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    lows = [p["low"] for p in (a, b) if p["low"] is not None]
    highs = [p["high"] for p in (a, b) if p["high"] is not None]
    return {
        **{n: a[n] + b[n] for n in ("count", "nan", "infinite")},
        "low": min(lows, default=None),
        "high": max(highs, default=None),
    }


def checked_extent(part: dict[str, Any], dtype: str, what: str) -> Extent:
    if part["nan"] or part["infinite"]:
        raise InputError(not_numbers(what, part["nan"], part["infinite"], part["count"]))
    if not part["count"]:
        raise InputError(nothing_left(what))
    kind = np.dtype(dtype).type
    return Extent(kind(part["low"]), kind(part["high"]), part["count"])


def bounded(extent: Extent, what: str) -> Extent:
    """The extent, if a table of all its values has a bounded size."""
    span = int(extent.high) - int(extent.low)
    if span >= WIDEST_RANGE or int(extent.high) > np.iinfo(np.int64).max:
        raise InputError(
            f"{what} counts every value of an integer image, which needs a range below 2^24; "
            f"found values from {extent.low} to {extent.high}. Use image.astype('float64'), counted in nbins bins."
        )
    return extent


def count_values(
    array: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, extent: Extent, nodata: Any = None
) -> dict[str, NDArray[np.int64]]:
    """Which values occur and how often, as distances from the smallest of the image."""
    offsets = (select(array, mask, nodata=nodata) - extent.low).astype(np.int64)
    if not offsets.size:
        return {"values": offsets.reshape(-1), "counts": np.zeros(0, np.int64)}
    first, span = offsets.min(), int(np.ptp(offsets))
    if span < max(offsets.size, 1 << 16):  # a table as large as the tile; sorting takes 20 times longer
        counts = np.bincount((offsets - first).reshape(-1))
        values = np.flatnonzero(counts)
        return {"values": values + first, "counts": counts[values].astype(np.int64)}
    values, counts = np.unique(offsets, return_counts=True)
    return {"values": values, "counts": counts.astype(np.int64)}


def add_values(a: dict[str, NDArray[np.int64]], b: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    values, places = np.unique(np.concatenate((a["values"], b["values"])), return_inverse=True)
    counts = np.zeros(len(values), np.int64)
    np.add.at(counts, places, np.concatenate((a["counts"], b["counts"])))
    return {"values": values, "counts": counts}


def histogram_of_values(found: dict[str, NDArray[np.int64]], extent: Extent) -> Histogram:
    counts = np.zeros(int(found["values"][-1]) + 1, np.int64)
    counts[found["values"]] = found["counts"]
    return _of_integers(counts, int(extent.low))


def bin_edges(extent: Extent, nbins: int, what: str) -> NDArray[Any]:
    """The edges that `numpy.histogram` lays between two values of the image's dtype."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # edges that overflow are refused below, in our words
            edges = np.histogram_bin_edges(np.empty(0, type(extent.low)), bins=nbins, range=(extent.low, extent.high))
        reason = "the edges of the bins overflow"
    except ValueError as error:
        edges, reason = np.full(1, np.nan), str(error)
    if not np.isfinite(edges).all():
        raise InputError(
            f"{what} cannot lay {nbins} bins between {extent.low} and {extent.high} in {np.dtype(type(extent.low))}: "
            f"{reason}. Rescale the image, use float64, or leave outliers out with where=."
        )
    return edges


def count_bins(
    array: NDArray[Any],
    mask: NDArray[np.bool_] | None = None,
    *,
    extent: Extent,
    edges: NDArray[Any],
    nodata: Any = None,
) -> NDArray[np.int64]:
    """Pixels per bin of equal width between the extremes of the image."""
    values = select(array, mask, nodata=nodata)
    counts, _ = np.histogram(values, bins=len(edges) - 1, range=(extent.low, extent.high))
    return counts.astype(np.int64)


def histogram_of_bins(counts: NDArray[np.int64], edges: NDArray[Any], extent: Extent) -> Histogram:
    centers = (edges[:-1] + edges[1:]) / 2.0
    return Histogram(counts, centers, extent.low if extent.low == extent.high else None)


def nothing_left(what: str) -> str:
    return (
        f"{what}: no pixel is left to measure; where=, nodata= or the region of interest leave out all of them. Check "
        "the mask and the value."
    )


def not_numbers(what: str, nan: int, infinite: int, count: int) -> str:
    found = " and ".join(f"{n} {name}" for n, name in ((nan, "NaN"), (infinite, "infinite")) if n)
    remedy = "where= a mask of the pixels that count" + (", or nodata= a value (NaN then never counts)" if nan else "")
    return f"{what} of an image with {found} of {count} values is not defined. Pass {remedy}."
