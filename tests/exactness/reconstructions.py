"""Rows of reconstruction, of floods, and of the spanning forest."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import skimage.morphology
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tests.exactness.case import Case
from tilemask.stitch.pixels import neighbour_pairs

PAIRS = (("uint8", "uint8"), ("uint16", "uint8"), ("int16", "int16"), ("uint64", "int64"), ("bool", "bool"))
FLOATS = (("float32", "float32"), ("float64", "float32"), ("float32", "float64"))
GREY = ("uint8", "uint16", "int16", "int32", "uint32", "int64")


def footprint(ndim: int, connectivity: int | None) -> NDArray[np.bool_]:
    return ndimage.generate_binary_structure(ndim, ndim if connectivity is None else connectivity)


def within(seed: Any, limit: Any, *, method: str = "dilation", connectivity: int | None = None) -> Any:
    """A reconstruction whose seed is cut to its limit."""
    cut = np.minimum if method == "dilation" else np.maximum
    return tm.reconstruction(cut(seed, limit), limit, method=method, connectivity=connectivity)


def sk_within(
    seed: NDArray[Any], limit: NDArray[Any], *, method: str = "dilation", connectivity: int | None = None
) -> NDArray[Any]:
    cut = np.minimum if method == "dilation" else np.maximum
    return skimage.morphology.reconstruction(cut(seed, limit), limit, method, footprint(limit.ndim, connectivity))


def _reconstruction(dtypes: tuple[tuple[str, ...], ...], *, may_raise: bool = False, **options: Any) -> Case:
    shown = ", ".join(f"{name}={value}" for name, value in options.items())
    call, reference = partial(within, **options), partial(sk_within, **options)
    return Case("reconstruction", call, reference, dtypes, (2, 3), shown, finite=not may_raise, may_raise=may_raise)


def _extrema(name: str, dtypes: tuple[str, ...], *, h: Any, connectivity: int | None = None) -> Case:
    theirs = getattr(skimage.morphology, name)

    def reference(array: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(theirs(array, h, footprint(array.ndim, connectivity)) == 1)

    call = partial(getattr(tm, name), h=h, connectivity=connectivity)
    return Case(name, call, reference, dtypes, (2, 3), f"{h=}, {connectivity=}", finite=True)


def _flood(dtypes: tuple[str, ...], at: int, *, tolerance: Any = None, connectivity: int | None = None) -> Case:
    def call(image: Any) -> Any:
        return tm.flood(image, (at,) * image.ndim, tolerance=tolerance, connectivity=connectivity)

    def reference(array: NDArray[Any]) -> NDArray[np.bool_]:
        around = footprint(array.ndim, connectivity)
        return np.asarray(skimage.morphology.flood(array, (at,) * array.ndim, footprint=around, tolerance=tolerance))

    shown = f"{at}, {tolerance=}, {connectivity=}"
    return Case("flood", call, reference, dtypes, (2, 3), shown, finite=dtypes[0][0] != "f", may_raise=True)


def _flood_fill(dtypes: tuple[str, ...], **options: Any) -> Case:
    def call(image: Any) -> Any:
        return tm.flood_fill(image, (-1,) * image.ndim, 1, **options)

    def reference(array: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(skimage.morphology.flood_fill(array, (-1,) * array.ndim, 1, **options))

    return Case("flood_fill", call, reference, dtypes, (2, 3), f"{options}", finite=True)


def sparse(markers: Any) -> Any:
    """Every seventh value, and background."""
    return tm.where(markers % 7 == 3, markers, 0)


def forest(elevation: Any, markers: Any, mask: Any = None, *, connectivity: int = 1) -> Any:
    return tm.watershed_forest(elevation, sparse(markers), mask=mask, connectivity=connectivity)


def kruskal(*images: NDArray[Any], connectivity: int) -> NDArray[Any]:
    elevation, markers, *mask = images
    return kruskal_of(elevation, sparse(markers), *mask, connectivity=connectivity)


def kruskal_of(
    elevation: NDArray[Any], markers: NDArray[Any], mask: Any = None, *, connectivity: int = 1
) -> NDArray[Any]:
    """The definition of the spanning forest, edge by edge."""
    inside = np.ones(elevation.shape, np.bool_) if mask is None else mask
    labels = np.where(inside, markers, 0).astype(markers.dtype).ravel()
    trees = list(range(labels.size))

    def root(pixel: int) -> int:
        while trees[pixel] != pixel:
            trees[pixel] = pixel = trees[trees[pixel]]
        return pixel

    for later, earlier in zip(*_pairs(elevation, inside, connectivity), strict=True):
        a, b = root(later), root(earlier)
        if a != b and not (labels[a] and labels[b]):
            trees[b] = a
            labels[a] = labels[a] or labels[b]
    return labels[[root(pixel) for pixel in range(labels.size)]].reshape(elevation.shape)


def _pairs(elevation: NDArray[Any], inside: NDArray[np.bool_], connectivity: int) -> tuple[list[int], list[int]]:
    """The later and the earlier pixel of all pairs of neighbours, in the order of the forest."""
    raster = np.arange(elevation.size).reshape(elevation.shape)
    pairs = [
        np.stack([raster[side][inside[h] & inside[t]] for side in (h, t)])
        for h, t in neighbour_pairs(elevation.ndim, connectivity)
    ]
    first, second = np.concatenate(pairs, axis=1)
    values = elevation.ravel()
    up = values[second] >= values[first]
    later, earlier = np.where(up, second, first), np.where(up, first, second)
    order = np.lexsort((later, earlier, values[earlier], values[later]))
    return later[order].tolist(), earlier[order].tolist()


def _forest(dtypes: tuple[tuple[str, ...], ...], ndim: tuple[int, ...], connectivity: int) -> Case:
    call, reference = (partial(f, connectivity=connectivity) for f in (forest, kruskal))
    masked = "mask, " if len(dtypes[0]) == 3 else ""
    return Case("watershed_forest", call, reference, dtypes, ndim, f"{masked}{connectivity=}", finite=True)


def _extrema_of(name: str) -> list[Case]:
    return [
        _extrema(name, GREY, h=40),
        _extrema(name, ("uint8", "int32"), h=12.5, connectivity=1),
        _extrema(name, ("uint8", "uint16"), h=30.0),
        _extrema(name, ("float32", "float64"), h=25.3),
        _extrema(name, ("float32",), h=np.float64(0.1), connectivity=1),
    ]


CASES: list[Case] = [
    _reconstruction((*PAIRS, *FLOATS)),
    _reconstruction(FLOATS, may_raise=True),
    _reconstruction((*PAIRS, *FLOATS), method="erosion"),
    _reconstruction((PAIRS[0], FLOATS[0]), method="dilation", connectivity=1),
    _reconstruction((PAIRS[0], FLOATS[0]), method="erosion", connectivity=2),
    *_extrema_of("h_maxima"),
    *_extrema_of("h_minima"),
    _flood(("bool", "uint8", "int16", "uint64"), 0),
    _flood(("bool", "uint8", "int16", "int64"), -1, tolerance=60, connectivity=1),
    _flood(("uint16",), 0, tolerance=-20_000, connectivity=2),
    _flood(("float32", "float64"), 0),
    _flood(("float32", "float64"), 0, tolerance=100.1),
    _flood_fill(("bool", "uint8", "int32", "float32")),
    _flood_fill(("uint8", "float32"), tolerance=70, connectivity=1),
    _forest((("float32", "uint8"), ("uint8", "int32"), ("uint16", "uint16"), ("bool", "int64")), (2, 3), 1),
    _forest((("float64", "uint8"), ("uint8", "uint32")), (2, 3), 2),
    _forest((("float32", "uint8"),), (3,), 3),
    _forest((("float32", "uint8", "bool"), ("uint8", "int32", "bool")), (2, 3), 1),
    _forest((("int16", "uint8", "bool"),), (2,), 2),
]
