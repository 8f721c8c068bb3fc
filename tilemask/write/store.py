"""Writing tiles: whole shards, each encoded from nothing, put once and recorded.

zarr-python reads a shard before it writes it, even where every pixel is replaced. That costs a read on a resumed run,
and after a damaged write it fails on the checksum of the very object that is being repaired, on every retry. So pixels
go through a store that shows no object to the writer: what is put depends on the tile alone. All-zero tiles are put as
well, so that presence proves completeness.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np
import zarr
from zarr.storage import LocalStore, WrapperStore

from tilemask.boxes import Box, Grid
from tilemask.errors import InputError, PlanError, StorageError
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import StoredObject

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zgroup")


class RecordingStore(WrapperStore[LocalStore]):
    """A store to which chunks can be put but from which none is read; remembers what was put until asked."""

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store)
        self._put: dict[str, tuple[int, int]] = {}

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        if key.rpartition("/")[2] not in _DOCUMENTS:
            return None
        return await self._store.get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        # In a thread: zarr runs all codecs and stores of a process on one event loop.
        checksum = await asyncio.to_thread(_checksum, value)
        await self._store.set(key, value)
        self._put[key] = (len(value), checksum)

    def take(self, key: str) -> tuple[int, int]:
        """Bytes and crc32c of the object last put under `key`; forgotten here."""
        return self._put.pop(key)


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
            If shape or dtype differ: Zarr would crop, repeat or wrap without a word.
        StorageError
            If the store cannot take the object; carries the `errno` of the system.
        """
        self._check(level, box, array)
        stored, recorder = _open(self.path, self.spec, level)
        pixels = array.view(np.uint8) if array.dtype == np.bool_ else array
        everywhere: tuple[slice, ...] = ()
        if self.spec.channels is not None:
            pixels, everywhere = np.moveaxis(pixels, -1, 0), (slice(None),)
        try:
            stored[(*everywhere, *box.slices)] = pixels
        except OSError as error:
            raise StorageError(
                error.errno,
                f"tile {box} of {self.spec.name!r} cannot be stored in {self.path}: {error.strerror or error}",
            ) from error
        return [
            StoredObject(self.spec.key(level, name), *recorder.take(f"{level}/{name}"))
            for name in self._names(stored, level, box)
        ]

    def _names(self, stored: zarr.Array[Any], level: int, box: Box) -> Iterator[str]:
        first = () if self.spec.channels is None else (0,)
        shape = self.spec.levels[level]
        for index in Grid(shape.shape, shape.tile).touching(box):
            yield stored.metadata.encode_chunk_key((*first, *index))

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
def _open(path: str, spec: OutputSpec, level: int) -> tuple[zarr.Array[Any], RecordingStore]:
    """Open an array and its store once per process: reading the metadata costs as much as writing a small tile.

    The whole spec is the key, so that a store which was replaced by another layout is not written by the old one.
    """
    recorder = RecordingStore(LocalStore(Path(path) / spec.group))
    array = zarr.open_array(recorder, path=str(level), mode="r+")
    return array.with_config({"write_empty_chunks": True}), recorder


def _checksum(value: Buffer) -> int:
    content = value.as_numpy_array().view()
    # google_crc32c takes read-only buffers alone; the view shares the bytes.
    content.flags.writeable = False
    return int(google_crc32c.value(content))
