"""The region of interest: a mask, at any level, outside of which an image is background.

A region is exact and coarse at once. Exact: `read` gives it pixel by pixel, by a rule of integers, so that masks can be
cut to it. Coarse: two tables of sums over the mask say of any box, in a few look-ups and without reading a pixel,
whether it holds something of the region and whether it holds nothing else. The first is why a tile far from the region
costs next to nothing, the second why a tile well inside costs no cutting.

What is cut, and what is not: masks and labels always (`is_labels`, and of any integers what `NAMES` names); grey images
where an operation sees all of the image (its reach depends on pixels, or it takes records) or just the pixel that it
writes; grey images that a kernel reads with a reach are not, since a filter at the border of the region should see the
true neighbours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, no_reach
from tilemask.errors import InputError
from tilemask.image.nodes import Image, Source, Step, Value

if TYPE_CHECKING:
    from tilemask.read.cache import ChunkCache

Output = TypeVar("Output", Image, Value, Image | Value)


@dataclass(frozen=True)
class Coverage:
    """Which cells of a mask hold something, and which hold nothing else, as sums over all cells before.

    Attributes
    ----------
    some, full : ndarray of int32
        Summed tables of the cells with a pixel that is true, and of those without one that is false; one entry more
        per axis than there are cells.
    cell : tuple of int
        Pixels of the mask per cell.
    """

    some: NDArray[np.int32]
    full: NDArray[np.int32]
    cell: tuple[int, ...]

    def count(
        self, table: NDArray[np.int32], low: Sequence[NDArray[np.int64]], high: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.int32]:
        """How many marked cells lie in each of a grid of boxes, given per axis by their first and last-plus-one."""
        for axis, (a, b) in enumerate(zip(low, high, strict=True)):
            table = np.take(table, b, axis) - np.take(table, a, axis)
        return table


def coverage_of(cells: NDArray[np.uint8], cell: tuple[int, ...]) -> Coverage:
    """The tables of cells that are marked 0 (none of its pixels), 1 (some) or 2 (all)."""
    tables = []
    for marked in (cells > 0, cells == 2):
        table = marked.astype(np.int32)
        for axis in range(table.ndim):
            table = np.cumsum(table, axis, dtype=np.int32)
        tables.append(np.pad(table, [(1, 0)] * table.ndim))
    return Coverage(tables[0], tables[1], cell)


@dataclass(frozen=True, eq=False)
class Region:
    """Where an image is not background; itself the source of a mask of the image's shape.

    Pixel `p` of the image is in the region where pixel ``(p * stride + offset) // scale`` of the mask is true, per
    axis and with the last pixel standing for what a pyramid has rounded away.

    Attributes
    ----------
    mask : Source
        Pixels of bool, spatial axes only.
    coverage : Coverage
        Of the mask.
    shape : tuple of int
        Spatial shape of the image.
    scale : tuple of int
        Pixels of full resolution per pixel of the mask.
    stride : tuple of int
        Pixels of full resolution per pixel of the image.
    offset : tuple of int
        Where pixel 0 of the image lies at full resolution.
    """

    mask: Source
    coverage: Coverage
    shape: tuple[int, ...]
    scale: tuple[int, ...]
    stride: tuple[int, ...]
    offset: tuple[int, ...]
    dtype = np.dtype(np.bool_)
    chunks: None = None

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        """Whether each pixel of a box is in the region."""
        places = [
            self._place(np.arange(a, b), axis) for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True))
        ]
        coarse = Box(tuple(int(p[0]) for p in places), tuple(int(p[-1]) + 1 for p in places))
        pixels = self.mask.read(coarse, cache)
        for axis, place in enumerate(places):
            if len(place) != pixels.shape[axis] or place[-1] - place[0] + 1 != len(place):
                pixels = np.take(pixels, place - place[0], axis)
        return pixels

    def holds_some(self, start: Sequence[Any], stop: Sequence[Any]) -> NDArray[np.bool_]:
        """Whether boxes may hold a pixel of the region; never false of one that does.

        Parameters
        ----------
        start, stop : sequence of array of int
            Per axis, the ends of the intervals that make the boxes: all combinations of them.

        Returns
        -------
        ndarray of bool
            One axis per spatial axis.
        """
        low, high = self._cells(start, stop)
        return self.coverage.count(self.coverage.some, low, high) > 0

    def holds_all(self, box: Box) -> bool:
        """Whether every pixel of a box is in the region; may be false of one where it is."""
        low, high = self._cells([[a] for a in box.start], [[b] for b in box.stop])
        cells = np.prod([b - a for a, b in zip(low, high, strict=True)])
        return bool(self.coverage.count(self.coverage.full, low, high).item() == cells)

    def cut(self, array: NDArray[Any], box: Box, cache: ChunkCache) -> NDArray[Any]:
        """The pixels of a box, 0 outside the region; channels last."""
        if self.holds_all(box):
            return array
        inside = self.read(box, cache)
        if array.dtype == np.bool_ and array.ndim == inside.ndim:
            return array & inside
        result = np.zeros(array.shape, array.dtype)
        np.copyto(result, array, where=inside if array.ndim == inside.ndim else inside[..., np.newaxis])
        return result

    def crop(self, start: Sequence[int], shape: Sequence[int]) -> Region:
        """The region of a part of the image."""
        offset = tuple(o + a * s for o, a, s in zip(self.offset, start, self.stride, strict=True))
        return replace(self, offset=offset, shape=tuple(shape))

    def thin(self, factor: Sequence[int], shape: Sequence[int]) -> Region:
        """The region of an image that has one pixel for `factor` of this one: that of the first of them."""
        stride = tuple(s * f for s, f in zip(self.stride, factor, strict=True))
        return replace(self, stride=stride, shape=tuple(shape))

    def identity(self) -> dict[str, Any]:
        return {
            "region": self.mask.identity(),
            "shape": list(self.shape),
            "scale": list(self.scale),
            "stride": list(self.stride),
            "offset": list(self.offset),
        }

    @cached_property
    def key(self) -> str:
        """Equal for equal regions."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    def _place(self, pixels: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
        """Pixels of the mask that stand for pixels of the image."""
        fine = pixels.astype(np.int64) * self.stride[axis] + self.offset[axis]
        return np.minimum(fine // self.scale[axis], self.mask.shape[axis] - 1)

    def _cells(
        self, start: Sequence[Any], stop: Sequence[Any]
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """The cells that intervals touch, per axis; none for an empty interval."""
        low, high = [], []
        for axis, cell in enumerate(self.coverage.cell):
            first, after = np.asarray(start[axis]), np.asarray(stop[axis])
            low.append(self._place(first, axis) // cell)
            high.append(np.where(after > first, self._place(after - 1, axis) // cell + 1, low[-1]))
        return low, high


def is_labels(image: Image) -> bool:
    """Whether pixels are names, not amounts: masks, and the integer types that `label` gives."""
    return image.dtype == bool or (image.dtype.kind in "iu" and image.dtype.itemsize >= 4)


def same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def enclose(image: Image, region: Region) -> Image:
    """The image with a region that images made of it inherit; masks and labels are cut to it at once."""
    made = replace(image, region=region)
    return cut_to(made, region) if is_labels(image) else made


def cut_to(image: Image, region: Region | None) -> Image:
    """The image with 0 outside the region; itself where there is none, or where it is cut to it already."""
    if region is None:
        return image
    step = image.step
    if isinstance(step, Step) and step.within is not None and step.within.key == region.key:
        return image
    ndim = len(image.spatial_axes)
    unit = Step(same, (image,), {}, no_reach(ndim), (1,) * ndim, (0,) * ndim, None, 0.5, False, within=region)
    return replace(image, step=unit, region=region)


def enclosed(made: Image, region: Region) -> Image:
    """An image just made of others, with the region that they have: cut to it, or made of what is cut to it."""
    step = made.step
    assert isinstance(step, Step)
    within = region if is_labels(made) else None
    if step.records is not None or step.growth is not None or (step.local and within is not None):
        step = replace(step, images=tuple(cut_to(i, region) for i in step.images))
    return replace(made, step=replace(step, within=within), region=region)


def cut_outputs(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """What is computed or saved: 0 outside the region that it has."""
    return {n: cut_to(o, o.region) if isinstance(o, Image) else o for n, o in outputs.items()}


def common_region(images: Sequence[Image], what: str) -> Region | None:
    """The region that the result of several images has; those without one do not count.

    Raises
    ------
    InputError
        Two of them have regions that differ.
    """
    found = [i.region for i in images if i.region is not None]
    if any(r.key != found[0].key for r in found[1:]):
        raise InputError(
            f"{what}: its images have regions of interest that differ. Give all of them the same roi=, such as one "
            "mask that is the & of both."
        )
    return found[0] if found else None


COUNTING = ("where", "mask")
"""Parameters of operations that may be left out and say which pixels count, or are flooded."""


NAMES = ("labels", "markers", "mask")
"""Parameters of operations whose pixels are names, not amounts, whatever their dtype."""


def cut_names(arguments: dict[str, Any], names: Sequence[str], what: str) -> None:
    """Let these arguments of an operation be 0 outside the region that its images have, also of 8 and 16 bits."""
    region = common_region([a for a in arguments.values() if isinstance(a, Image)], what) if names else None
    for name in names:
        if isinstance(arguments.get(name), Image):
            arguments[name] = cut_to(arguments[name], region)


def count_in_region(arguments: dict[str, Any], names: Sequence[str], what: str) -> None:
    """Let these arguments of an operation, given or left out, keep to the region that its images have."""
    images = [a for a in arguments.values() if isinstance(a, Image)]
    region = common_region(images, what) if names else None
    if region is not None:
        first, axes = images[0], images[0].spatial_axes
        mask = Image(region.shape, region.dtype, axes, region, first.pixel_size, first.unit, label="region")
        for name in names:
            given = arguments.get(name)
            arguments[name] = mask if given is None else cut_to(given, region)
