"""Objects of Zarr arrays, encoded in the thread that writes them.

zarr-python encodes all shards of a process on one event loop, reads a shard before it writes it, and holds several
copies of it. Two threads that write 2048² labels then use one and a half processors. The arrays that `create` makes
have one of two plain layouts, a shard of zstd chunks with its index at the end (Zarr v3) or one zstd chunk (v2). So an
object is encoded here, chunk by chunk, by the codec library that zarr-python uses itself. What is put depends on the
pixels alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid, whole

ZSTD_LEVEL = 3
"""Level 1 makes masks 13 % smaller at the same speed, but a smoothed uint16 image twice as large."""
_MISSING = np.uint64(2**64 - 1)
"""Offset and length of a chunk that a shard does not hold."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How an object of an array is laid out; every shape has the stored axes, channels first."""

    unit: tuple[int, ...]
    """Pixels of an object."""
    chunk: tuple[int, ...]
    """Pixels of a chunk in it; as `unit` where the object is one chunk without an index (Zarr v2)."""
    sharded: bool

    def encode(self, pixels: NDArray[Any]) -> Iterator[bytes]:
        """The bytes of one object, piece by piece; `pixels` may end early where the image ends."""
        codec = numcodecs.Zstd(level=ZSTD_LEVEL, checksum=True)
        if not self.sharded:
            yield codec.encode(_filled(pixels, self.unit))
            return
        grid, inside = Grid(self.unit, self.chunk), whole(pixels.shape)
        index = np.full((len(grid), 2), _MISSING, "<u8")
        offset = 0
        for number in range(len(grid)):
            box = grid.core(grid.index(number)).intersect(inside)
            if box.size:
                data = codec.encode(_filled(pixels[box.slices], self.chunk))
                index[number] = offset, len(data)
                offset += len(data)
                yield data
        entries = index.tobytes()
        yield entries + google_crc32c.value(entries).to_bytes(4, "little")


def _filled(pixels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The pixels in one piece, little-endian, with zeros up to `shape`."""
    stored = pixels.dtype.newbyteorder("<")
    if pixels.shape == shape:
        return np.ascontiguousarray(pixels, stored)
    filled = np.zeros(shape, stored)
    filled[Box((0,) * pixels.ndim, pixels.shape).slices] = pixels
    return filled
