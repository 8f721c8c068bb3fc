"""Writing tiles: whole objects, each encoded from nothing, put once and recorded.

All-zero tiles are put as well, so that presence proves completeness; only what a region of interest leaves out is
recorded without objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np
import zarr
from zarr.storage import LocalStore

from tilemask.boxes import Box, Grid
from tilemask.errors import InputError, PlanError, StorageError
from tilemask.write.encoding import Layout
from tilemask.write.files import put
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import StoredObject

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the tiles of one output. Travels to workers as plain data; safe to use from many threads at once.

    Attributes
    ----------
    path : str
        The store, created by `create`.
    spec : OutputSpec
        The output.
    """

    path: str
    spec: OutputSpec

    def write(self, level: int, box: Box, array: NDArray[Any]) -> list[StoredObject]:
        """Write one tile.

        Parameters
        ----------
        level : int
            Pyramid level.
        box : Box
            Spatial box of the tile: whole write units of the level, cut off only at the image border.
        array : numpy.ndarray
            The pixels of `box`, channels last; dtype of the output, a mask as bool or as uint8 of 0 and 1.

        Returns
        -------
        list of StoredObject
            What was put, in raster order of the write units.

        Raises
        ------
        PlanError
            If the box is not made of whole write units: two writers would share an object.
        InputError
            If shape or dtype differ.
        StorageError
            If the store cannot take the object; carries the `errno` of the system.
        """
        self._check(level, box, array)
        pixels = array.view(np.uint8) if array.dtype == np.bool_ else array
        if self.spec.channels is not None:
            pixels = np.moveaxis(pixels, -1, 0)
        try:
            return [self._put(level, index, part) for index, part in self._objects(level, box, pixels)]
        except OSError as error:
            raise StorageError(
                error.errno,
                f"tile {box} of {self.spec.name!r} cannot be stored in {self.path}: {error.strerror or error}",
            ) from error

    def _objects(self, level: int, box: Box, pixels: NDArray[Any]) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Index and pixels of each write unit of a box."""
        shape = self.spec.levels[level]
        grid = Grid(shape.shape, shape.tile)
        everywhere = (slice(None),) * (pixels.ndim - box.ndim)
        for index in grid.touching(box):
            yield index, pixels[(*everywhere, *grid.core(index).within(box))]

    def _put(self, level: int, index: tuple[int, ...], pixels: NDArray[Any]) -> StoredObject:
        layout, keys = _opened(self.path, self.spec, level)
        first = () if self.spec.channels is None else (0,)
        key = self.spec.key(level, keys.encode_chunk_key((*first, *index)))
        size = checksum = 0

        def pieces() -> Iterator[bytes]:
            nonlocal size, checksum
            for piece in layout.encode(pixels):
                size += len(piece)
                checksum = google_crc32c.extend(checksum, piece)
                yield piece

        put(Path(self.path) / key, pieces())
        return StoredObject(key, size, checksum)

    def _check(self, level: int, box: Box, array: NDArray[Any]) -> None:
        unit, shape = self.spec.levels[level].tile, self.spec.levels[level].shape
        for a, b, t, n in zip(box.start, box.stop, unit, shape, strict=True):
            if a % t or (b % t and b != n) or not 0 <= a < b <= n:
                raise PlanError(
                    f"tile {box} of {self.spec.name!r} level {level} (shape {shape}) is not made of whole write units "
                    f"of {unit}; use a tile that is a multiple of the write unit."
                )
        wanted = box.shape + (() if self.spec.channels is None else (self.spec.channels,))
        dtypes = {self.spec.dtype, self.spec.stored_dtype}
        if array.shape != wanted or array.dtype not in dtypes:
            raise InputError(
                f"tile {box} of {self.spec.name!r} needs {wanted} {self.spec.dtype} pixels; "
                f"found {array.shape} {array.dtype}."
            )


@lru_cache(maxsize=64)
def _opened(path: str, spec: OutputSpec, level: int) -> tuple[Layout, Any]:
    """The layout of a level's array, and what names its objects; read once per process.

    The whole spec is the key, so that a store which was replaced by another layout is not written by the old one.
    """
    array = zarr.open_array(LocalStore(Path(path) / spec.group, read_only=True), path=str(level), mode="r")
    unit = array.chunks if array.shards is None else array.shards
    return Layout(unit, array.chunks, array.shards is not None), array.metadata
