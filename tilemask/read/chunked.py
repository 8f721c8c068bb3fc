"""A box assembled from whole decoded chunks: the one source behind every file format.

A format contributes a *place* (a small frozen value that travels to workers and says where the array is) and a *reader*
(what opening the place gives: shape, chunks, and one decoded chunk at a time). Everything else is common and lives
here: the cache of decoded chunks, the axes, missing chunks, and errors that name file, chunk and pixels. Readers are
kept per process, never pickled, and dropped after any error, because one bad chunk can leave a handle in a state in
which every later read fails too.
"""

from __future__ import annotations

import itertools
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.errors import InputError
from tilemask.read.addresses import without_secrets_in
from tilemask.read.axes import Layout
from tilemask.read.cache import ChunkCache


class Reader(Protocol):
    """An open array."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Any
    """Value of the pixels whose chunk is missing."""

    def chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        """One chunk with all array axes, at least as large as its part of the image; None where it is missing."""


class Place(Protocol):
    """Where an array is; hashable, picklable."""

    @property
    def name(self) -> str:
        """Path or URL for messages, without secrets."""

    def open(self) -> Reader:
        """Open it anew."""

    def identity(self) -> dict[str, Any]:
        """What must be unchanged for a run to resume."""


READERS = 64
"""Open arrays kept per process; a gigapixel pyramid with ten channels fits."""
_readers: OrderedDict[Place, Reader] = OrderedDict()
_lock = Lock()


def opened(place: Place) -> Reader:
    """The reader of a place, opened once per process."""
    with _lock:
        if place in _readers:
            _readers.move_to_end(place)
            return _readers[place]
    reader = place.open()
    with _lock:
        _readers[place] = reader
        while len(_readers) > READERS:
            _readers.popitem(last=False)
    return reader


def forget(place: Place) -> None:
    """Open this place anew at the next read."""
    with _lock:
        _readers.pop(place, None)


@dataclass(frozen=True, eq=False)
class ChunkedSource:
    """Pixels of a chunked array.

    Attributes
    ----------
    place : Place
        Where the array is.
    layout : Layout
        How its axes become those of the image.
    array_shape : tuple of int
        Shape of the array, with all its axes.
    array_chunks : tuple of int
        Shape of a chunk, per array axis.
    dtype : numpy.dtype
        In the byte order of the machine.
    mask : bool
        Whether stored integers are brought back as bool.
    strict : bool
        Whether a missing chunk is an error instead of fill value.
    """

    place: Place
    layout: Layout
    array_shape: tuple[int, ...]
    array_chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    mask: bool = False
    strict: bool = False
    shape: tuple[int, ...] = field(init=False)
    chunks: tuple[int, ...] = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.layout.of(self.array_shape))
        object.__setattr__(self, "chunks", self.layout.of(self.array_chunks)[: len(self.layout.axes.removesuffix("c"))])
        object.__setattr__(self, "key", json.dumps([self.identity(), self.strict], sort_keys=True))

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        """The pixels of a box: a read-only view of one chunk, or a new array where several are touched."""
        start, stop = box.start, box.stop
        if self.layout.axes.endswith("c"):
            start, stop = (*start, 0), (*stop, self.shape[-1])
        sizes = self.layout.of(self.array_chunks)
        spans = [range(a // c, -(-b // c)) if b > a else range(0) for a, b, c in zip(start, stop, sizes, strict=True)]
        if all(len(s) == 1 for s in spans):
            index = tuple(s[0] for s in spans)
            within = [slice(a - i * c, b - i * c) for a, b, i, c in zip(start, stop, index, sizes, strict=True)]
            return self._held(index, cache)[tuple(within)]
        out = np.empty([b - a for a, b in zip(start, stop, strict=True)], self.dtype)
        for index in itertools.product(*spans):
            target, part = [], []
            for a, b, i, c in zip(start, stop, index, sizes, strict=True):
                low, high = max(a, i * c), min(b, i * c + c)
                target.append(slice(low - a, high - a))
                part.append(slice(low - i * c, high - i * c))
            out[tuple(target)] = self._held(index, cache)[tuple(part)]
        return out

    def identity(self) -> dict[str, Any]:
        """Where the array is, what it is and what of it is read; plain JSON data."""
        return {
            **self.place.identity(),
            "shape": list(self.array_shape),
            "dtype": self.dtype.str,
            "chunks": list(self.array_chunks),
            "axes": self.layout.axes,
            "order": list(self.layout.order),
            "picks": [list(p) for p in self.layout.picks],
        }

    def _held(self, index: tuple[int, ...], cache: ChunkCache) -> NDArray[Any]:
        return cache.get((self.key, index), lambda: self._load(index, cache))

    def _load(self, index: tuple[int, ...], cache: ChunkCache) -> NDArray[Any]:
        """Decode a chunk (index per image axis) and keep what the image has of it."""
        full = [0] * len(self.array_chunks)
        for axis, at in zip(self.layout.order, index, strict=True):
            full[axis] = at
        for axis, at in self.layout.picks:
            full[axis] = at // self.array_chunks[axis]
        chunk, fill = self._decode(tuple(full))
        if chunk is None:
            if self.strict:
                raise InputError(
                    f"{self.place.name}: {self._where(tuple(full))} is missing, and strict=True was asked for. "
                    "Complete the array, or open it with strict=False to read missing chunks as fill value."
                )
            grid = Grid(self.array_shape, self.array_chunks)
            cache.note_missing(self.place.name, grid.number(full))
            shape = self.layout.of(self.array_chunks)
            return np.full(shape, bool(fill) if self.mask else fill, self.dtype)
        picks = [(axis, at % self.array_chunks[axis]) for axis, at in self.layout.picks]
        part = self.layout.cut(chunk, picks)
        if self.mask:
            return np.ascontiguousarray(part != 0)
        # A part of a larger chunk is copied, so that the cache holds what it counts.
        kept = part if part.size == chunk.size and part.flags.c_contiguous else np.array(part, order="C")
        return kept.astype(self.dtype, copy=False)

    def _decode(self, index: tuple[int, ...]) -> tuple[NDArray[Any] | None, Any]:
        try:
            reader = opened(self.place)
            return reader.chunk(index), reader.fill
        except MemoryError:
            forget(self.place)
            raise
        except Exception as error:
            forget(self.place)
            raise InputError(
                f"{self.place.name}: {self._where(index)} cannot be read ({type(error).__name__}: "
                f"{without_secrets_in(error)}). "
                "The file may be truncated or damaged, or the storage not answering; restore it and run again."
            ) from error

    def _where(self, index: tuple[int, ...]) -> str:
        start = [i * c for i, c in zip(index, self.array_chunks, strict=True)]
        stop = [min(a + c, n) for a, c, n in zip(start, self.array_chunks, self.array_shape, strict=True)]
        return f"chunk {'/'.join(map(str, index))} (pixels {Box(tuple(start), tuple(stop))} of the array)"
