"""From what a user has of a region (a mask at some level, a path, outlines) to the region of one image.

A mask of up to 2^28 pixels is held, a bit a pixel, and travels to workers; a larger one stays where it is stored, and
only its table of cells is made, by reading it once. The level is told from the shapes (or the pixel sizes where both
are known): mask and image show the same field.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, no_reach
from tilemask.errors import InputError
from tilemask.image import Image, Step, as_image, require_scalar_pixels
from tilemask.image.region import Region, coverage_of, enclose
from tilemask.read.addresses import TIFF_MAGIC

if TYPE_CHECKING:
    from tilemask.read.cache import ChunkCache

HELD_PIXELS = 1 << 28
"""32 MB as bits."""
CELLS = 1 << 18
"""Cells of the tables that say where a region is: 2 MB. A cell of a slide is then about 200 pixels wide."""


@dataclass(frozen=True, eq=False)
class BitMask:
    """A mask in memory, a bit a pixel; `bits` is packed along the last axis."""

    bits: NDArray[np.uint8]
    shape: tuple[int, ...]
    dtype: np.dtype[Any] = field(default=np.dtype(np.bool_), init=False)
    chunks: None = field(default=None, init=False)

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        *leading, columns = box.slices
        first = columns.start // 8
        bits = self.bits[(*leading, slice(first, -(-columns.stop // 8)))]
        pixels = np.unpackbits(bits, axis=-1).view(np.bool_)
        return pixels[..., columns.start - 8 * first : columns.stop - 8 * first]

    def identity(self) -> dict[str, Any]:
        return {"mask": hashlib.sha256(np.ascontiguousarray(self.bits).data).hexdigest(), "shape": list(self.shape)}


def within_region(image: Image, roi: Any, what: str) -> Image:
    """The image with a region of interest; see `tilemask.within`."""
    if image.region is not None:
        raise InputError(f"{what}: the image has a region of interest already. Give one mask that is the & of both.")
    region = _of_polygons(image, roi, what) if _holds_polygons(roi) else _of_mask(image, roi, what)
    return enclose(image, region)


def _of_mask(image: Image, roi: Any, what: str) -> Region:
    mask = _flat(_as_mask(roi, what), image)
    scale, stride = _levels(mask, image, what)
    cell = _cell(mask.spatial_shape)
    if math.prod(mask.shape) <= HELD_PIXELS:
        pixels = np.asarray(mask.compute())
        source: Any = BitMask(np.packbits(pixels, axis=-1), pixels.shape)
        coverage = coverage_of(mark_cells(pixels, factor=cell), cell)
    else:
        if isinstance(mask.step, Step):
            raise InputError(
                f"{what}: a mask of {math.prod(mask.shape):,} pixels that is not stored is too large to be a region. "
                "Save it first and give its path, or make it at a lower level."
            )
        source, coverage = mask.step, coverage_of(_marked(mask, cell).compute(), cell)
    return Region(source, coverage, image.spatial_shape, scale, stride, (0,) * len(scale))


def _holds_polygons(roi: Any) -> bool:
    """Whether a region is given as outlines; what is not known is opened as an image."""
    if isinstance(roi, str | os.PathLike):
        path = Path(roi)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) not in TIFF_MAGIC
    outlines = isinstance(roi, Mapping | list | tuple) or hasattr(roi, "geometry") or hasattr(roi, "to_shapely")
    return outlines or type(roi).__module__.partition(".")[0] == "shapely"


def _of_polygons(image: Image, roi: Any, what: str) -> Region:
    """The region of the pixels whose centres lie in polygons, in pixels of the image."""
    from tilemask.read.polygons import open_polygons  # here, so that other regions do not load shapely
    from tilemask.read.scanlines import polygon_source

    if len(image.spatial_shape) != 2:
        raise InputError(
            f"{what}: polygons are a region of a plane; found axes {image.axes!r}. Give a mask, whose plane counts for "
            "every plane of a volume, or choose one: z=0."
        )
    shapes = open_polygons(replace(roi, scale=(1.0, 1.0)).to_shapely() if hasattr(roi, "to_shapely") else roi)
    _refuse_polygons_beside(shapes.geometries, image, what)
    inside = np.ones(len(shapes.geometries), np.bool_)
    source = polygon_source(shapes.geometries, inside, image.spatial_shape, (1.0, 1.0))
    cell = _cell(image.spatial_shape)
    marked = _cells_of(shapes.geometries, image.spatial_shape, cell)
    return Region(source, coverage_of(marked, cell), image.spatial_shape, (1, 1), (1, 1), (0, 0))


def _refuse_polygons_beside(geometries: NDArray[np.object_], image: Image, what: str) -> None:
    """Refuse polygons that all lie beside the image: their coordinates are of something else.

    To have none is legal, as an empty mask is: an image may hold nothing of interest.
    """
    import shapely

    rows, columns = image.spatial_shape
    left, top, right, bottom = shapely.bounds(geometries).reshape(-1, 4).T
    near = (left < columns) & (right > 0) & (top < rows) & (bottom > 0)
    if near.any() or not len(geometries):
        return
    raise InputError(
        f"{what}: none of {len(geometries)} polygons overlaps the image, which has rows 0 to {rows} and columns 0 to "
        f"{columns}; they lie in rows {top.min():g} to {bottom.max():g} and columns {left.min():g} to {right.max():g}. "
        "Give them in pixels of the image as it is opened, x (column) first; scale those of another level, or in "
        "micrometres."
    )


def _cells_of(geometries: NDArray[np.object_], shape: tuple[int, ...], cell: tuple[int, ...]) -> NDArray[np.uint8]:
    """Which cells polygons touch (1), and which one of them covers (2); no pixel is drawn."""
    import shapely

    top, left = (np.arange(0, n, c) for n, c in zip(shape, cell, strict=True))
    bottom, right = (np.minimum(a + c, n) for a, c, n in zip((top, left), cell, shape, strict=True))
    corners = np.broadcast_arrays(left, top[:, np.newaxis], right, bottom[:, np.newaxis])
    marked = np.zeros(corners[0].shape, np.uint8)
    tree = shapely.STRtree(shapely.box(*(c.ravel() for c in corners)))
    for value, relation in ((1, "intersects"), (2, "covers")):
        marked.reshape(-1)[tree.query(geometries, predicate=relation)[1]] = value
    return marked


def mark_cells(pixels: NDArray[np.bool_], *, factor: Sequence[int]) -> NDArray[np.uint8]:
    """Per cell 0 where none of its pixels is true, 2 where all are, else 1."""
    low = high = pixels.view(np.uint8)
    for axis, cell in enumerate(factor):
        starts = np.arange(0, pixels.shape[axis], cell)
        low, high = np.minimum.reduceat(low, starts, axis), np.maximum.reduceat(high, starts, axis)
    return low + high


def _marked(mask: Image, cell: tuple[int, ...]) -> Image:
    ndim = len(cell)
    step = Step(mark_cells, (mask,), {"factor": cell}, no_reach(ndim), cell, (0,) * ndim, None, 1.0, False)
    shape = tuple(-(-n // c) for n, c in zip(mask.shape, cell, strict=True))
    return replace(mask, shape=shape, dtype=np.dtype(np.uint8), step=step)


def _as_mask(roi: Any, what: str) -> Image:
    """The mask that a user gives, as an image or as whatever can be opened as one; of labels, what is not 0."""
    from tilemask.read.opening import open_image  # here, because it takes a region too

    mask = open_image(roi)
    require_scalar_pixels(mask, f"the region of {what}")
    if mask.dtype.kind == "f":
        raise InputError(
            f"{what}: a region is a mask (bool) or labels (integers); found {mask.dtype}. Compare first, as in "
            "image > level."
        )
    return mask if mask.dtype == np.bool_ else mask != 0


def _flat(mask: Image, image: Image) -> Image:
    """A plane as the region of every plane of a volume."""
    if len(mask.spatial_axes) == 2 and len(image.spatial_axes) == 3 and math.prod(mask.shape) <= HELD_PIXELS:
        return as_image(mask.compute()[np.newaxis])
    return mask


def _cell(shape: Sequence[int]) -> tuple[int, ...]:
    """Sides of cells that are few enough for a table."""
    side = 1
    while math.prod(-(-n // side) for n in shape) > CELLS:
        side += 1
    return tuple(min(side, n) for n in shape)


def _levels(mask: Image, image: Image, what: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pixels of the finer of the two per pixel of the mask, and per pixel of the image."""
    pairs = list(zip(image.spatial_shape, mask.spatial_shape, strict=False))
    if len(mask.spatial_shape) == len(image.spatial_shape):
        finer = [(max(n, m), min(n, m)) for n, m in pairs]
        found = [_factors(*p) for p in finer]
        if all(found):
            sizes = _size_ratios(mask, image)
            if all(a % b == 0 for a, b in finer) and sizes[0] is None:
                found = [[a // b] for a, b in finer]
            both = set.intersection(*(set(f) for f in found if f != [1])) if any(f != [1] for f in found) else {1}
            factors = [_best(f, both, p, s) for f, p, s in zip(found, finer, sizes, strict=True)]
            scale = tuple(f if n >= m else 1 for f, (n, m) in zip(factors, pairs, strict=True))
            return scale, tuple(1 if n >= m else f for f, (n, m) in zip(factors, pairs, strict=True))
    raise InputError(
        f"{what}: the region has shape {mask.spatial_shape}, which is no level of an image of shape "
        f"{image.spatial_shape}: each side must be a whole fraction, rounded up or down. Make the mask at a level of "
        "the image, open_image(path, level=…), or resize it to one."
    )


def _factors(fine: int, coarse: int) -> list[int]:
    """The whole factors by which one side may be the other, rounded up or down; ascending."""
    if fine == coarse:
        return [1]
    near = range(max(1, fine // (coarse + 1)), -(-fine // max(coarse - 1, 1)) + 1)
    return [f for f in near if coarse in (-(-fine // f), fine // f)]


def _size_ratios(mask: Image, image: Image) -> list[float | None]:
    """How many pixels of one make a pixel of the other, by their pixel sizes."""
    if mask.pixel_size is None or image.pixel_size is None or mask.unit != image.unit:
        return [None] * len(image.spatial_shape)
    return [max(a / b, b / a) for a, b in zip(mask.pixel_size, image.pixel_size, strict=True)]


def _best(factors: list[int], both: set[int], sides: tuple[int, int], size: float | None) -> int:
    """Of the factors that a side allows: by pixel size, else a power of two for all axes, else the nearest."""
    if size is not None and round(size) in factors:
        return round(size)
    shared = [f for f in factors if f in both] or factors
    twos = [f for f in shared if f & (f - 1) == 0]
    return twos[0] if twos else min(shared, key=lambda f: abs(sides[0] / sides[1] - f))
