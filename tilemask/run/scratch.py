"""Scratch: what is kept between passes, raw, one object per tile.

Raw files cost a tenth of an encoded store, and only the run itself ever reads them; masks take a bit a pixel. A tile is
written to a temporary name and renamed, so a killed worker leaves no half tile under a name that anybody reads. The
folder lies beside the output.
"""

from __future__ import annotations

import math
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgpack
import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.errors import StorageError
from tilemask.read.cache import ChunkCache
from tilemask.write.files import put

BLOCK = 1000
"""Files of a folder: some file systems are slow with many."""


class Scratch(Protocol):
    """Tiles by name and number, and records by name and number."""

    def put(self, name: str, number: int, array: NDArray[Any]) -> None: ...
    def get(self, name: str, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]: ...
    def put_record(self, name: str, number: int, record: Any) -> None: ...
    def get_record(self, name: str, number: int) -> Any: ...
    def release(self, name: str) -> None: ...


@dataclass
class MemoryScratch:
    """Scratch of a computation that ends in memory."""

    arrays: dict[tuple[str, int], NDArray[Any]] = field(default_factory=dict)
    records: dict[tuple[str, int], Any] = field(default_factory=dict)

    def put(self, name: str, number: int, array: NDArray[Any]) -> None:
        self.arrays[name, number] = array if array.base is None else array.copy()

    def get(self, name: str, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        return self.arrays[name, number]

    def put_record(self, name: str, number: int, record: Any) -> None:
        self.records[name, number] = record

    def get_record(self, name: str, number: int) -> Any:
        return self.records[name, number]

    def release(self, name: str) -> None:
        for kept in (self.arrays, self.records):
            for key in [k for k in kept if k[0] == name]:
                del kept[key]


@dataclass(frozen=True)
class FolderScratch:
    """Scratch in a folder that every worker sees."""

    folder: Path

    def _path(self, name: str, number: int) -> Path:
        return self.folder / name / str(number // BLOCK) / str(number)

    def put(self, name: str, number: int, array: NDArray[Any]) -> None:
        plain = (
            np.packbits(array) if array.dtype == np.bool_ else np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        )
        put(self._path(name, number), (plain.data,))

    def get(self, name: str, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        path, wanted = self._path(name, number), kept_bytes(shape, dtype)
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            raise _gone(path, "is missing") from None
        if found != wanted:
            raise _gone(path, f"has {found} bytes, {wanted} were written")
        if dtype == np.bool_:
            packed = np.fromfile(path, np.uint8)
            return np.unpackbits(packed, count=math.prod(shape)).view(np.bool_).reshape(shape)
        return np.memmap(path, dtype=dtype, mode="r", shape=shape)

    def put_record(self, name: str, number: int, record: Any) -> None:
        data = pack(record)
        put(self._path(name, number), (zlib.crc32(data).to_bytes(4, "big"), data))

    def get_record(self, name: str, number: int) -> Any:
        path = self._path(name, number)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise _gone(path, "is missing") from None
        if zlib.crc32(data[4:]).to_bytes(4, "big") != data[:4]:
            path.unlink(missing_ok=True)  # the next run shall find it missing
            raise _gone(path, "is not as it was written")
        return unpack(data[4:])

    def lost(self, name: str, numbers: Iterable[int], nbytes: Callable[[int], int] | None = None) -> Iterator[int]:
        """Those of the numbers, in rising order, of which nothing is there, or not as many bytes as were written."""
        for block, members in groupby(numbers, lambda number: number // BLOCK):
            sizes = self._sizes(name, block)
            for number in members:
                found = sizes.get(number, 0)
                if (nbytes is None and not found) or (nbytes is not None and found != nbytes(number)):
                    yield number

    def count(self, name: str) -> int:
        """How many of this name there are, the empty ones left out."""
        with suppress(FileNotFoundError):
            blocks = [self._sizes(name, int(block)) for block in os.listdir(self.folder / name)]
            return sum(size > 0 for sizes in blocks for size in sizes.values())
        return 0

    def _sizes(self, name: str, block: int) -> dict[int, int]:
        with suppress(FileNotFoundError), os.scandir(self.folder / name / str(block)) as files:
            return {int(f.name): f.stat().st_size for f in files if f.name.isdigit()}
        return {}

    def release(self, name: str) -> None:
        # Renamed first: what is half deleted must not be taken for what is held.
        leaving = self.folder / f"{name}.{uuid4().hex}.partial"
        with suppress(FileNotFoundError):
            os.replace(self.folder / name, leaving)
            shutil.rmtree(leaving, ignore_errors=True)


def kept_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """What an array takes in a folder."""
    pixels = math.prod(shape)
    return -(-pixels // 8) if dtype == np.bool_ else pixels * dtype.itemsize


def _gone(path: Path, what: str) -> StorageError:
    return StorageError(
        f"{path}, which an earlier pass has kept, {what}. Run the same command again: its tile is done anew."
    )


@dataclass(frozen=True, eq=False)
class ScratchSource:
    """The source of an image that a pass has kept."""

    scratch: Scratch
    name: str
    grid: Grid
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blank: Callable[[Box], bool]
    """Whether a tile is known to be 0, and was not stored."""
    chunks: None = None

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        indices = list(self.grid.touching(box))
        channels = self.shape[box.ndim :]
        if len(indices) == 1:
            return self._tile(indices[0])[box.within(self.grid.core(indices[0]))]
        result = np.empty(box.shape + channels, self.dtype)
        for index in indices:
            core = self.grid.core(index)
            part = core.intersect(box)
            result[part.within(box)] = self._tile(index)[part.within(core)]
        return result

    def _tile(self, index: tuple[int, ...]) -> NDArray[Any]:
        core = self.grid.core(index)
        shape = core.shape + self.shape[core.ndim :]
        if self.blank(core):
            return np.zeros(shape, self.dtype)
        return self.scratch.get(self.name, self.grid.number(index), shape, self.dtype)

    def identity(self) -> dict[str, Any]:
        return {"scratch": self.name}


@dataclass(frozen=True)
class Records:
    """The records of a survey, by tile number of its grid."""

    scratch: Scratch
    name: str
    grid: Grid

    def __getitem__(self, number: int) -> Any:
        return self.scratch.get_record(self.name, number)


@dataclass(frozen=True)
class Pieces:
    """The pieces of a stream, read one by one."""

    scratch: Scratch
    name: str
    count: int

    def __iter__(self) -> Iterator[Any]:
        return (self.scratch.get_record(self.name, n) for n in range(self.count))


_ARRAY, _BIG, _TUPLE = 1, 2, 3


def pack(data: Any) -> bytes:
    """Plain data (numbers, strings, lists, tuples, dicts, NumPy arrays and scalars) as bytes; no pickle."""
    return msgpack.packb(data, default=_encode, strict_types=True, use_bin_type=True)


def unpack(data: bytes) -> Any:
    """What `pack` has packed."""
    return msgpack.unpackb(data, ext_hook=_decode, strict_map_key=False)


def _encode(thing: Any) -> Any:
    if isinstance(thing, np.ndarray | np.generic):
        array = np.asarray(thing)
        header = msgpack.packb([array.dtype.str, list(array.shape), isinstance(thing, np.generic)])
        return msgpack.ExtType(_ARRAY, header + np.ascontiguousarray(array).tobytes())
    if isinstance(thing, int):
        return msgpack.ExtType(_BIG, hex(thing).encode())
    if isinstance(thing, tuple):
        return msgpack.ExtType(_TUPLE, pack(list(thing)))
    raise TypeError(f"a part, note or record must be plain data; found {type(thing).__module__}.{type(thing).__name__}")


def _decode(code: int, data: bytes) -> Any:
    if code == _ARRAY:
        unpacker = msgpack.Unpacker()
        unpacker.feed(data)
        dtype, shape, scalar = unpacker.unpack()
        array = np.frombuffer(data, np.dtype(dtype), offset=unpacker.tell()).reshape(shape)
        return array[()] if scalar else array.copy()
    if code == _BIG:
        return int(data, 16)
    return tuple(unpack(data))
