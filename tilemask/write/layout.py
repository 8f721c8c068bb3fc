"""What an output looks like on disk: pyramid levels, write units and inner chunks. Integers and names, no I/O.

The write unit of an output is the tile core, stored as one shard, so a tile is exactly one object and has exactly one
writer. Inside the shard lie chunks of at most 1024 pixels a side (256 in a volume), so that a viewer reads what it
shows and not a whole tile. A chunk must divide its shard; where the largest divisor is so small that the shard would
consist of thousands of chunks (a tile side of 2053 is prime), the tile itself is the chunk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tilemask.errors import InputError

Kind = Literal["label", "mask", "image"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LARGEST_CHUNK = {2: 1024, 3: 256}
_SMALLEST_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Level:
    """One pyramid level of an output; every tuple has one entry per spatial axis."""

    shape: tuple[int, ...]
    factor: tuple[int, ...]
    """Pixels of level 0 per pixel of this level."""
    tile: tuple[int, ...]
    """The write unit: the tile, clipped where the level is smaller than a tile."""
    chunk: tuple[int, ...]
    """What a reader decodes at once; divides `tile`."""
    scale: tuple[float, ...]
    """Extent of a pixel of this level in physical units."""
    translation: tuple[float, ...]
    """Physical position of the centre of pixel 0."""


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output of a run: everything that decides its arrays and metadata.

    Attributes
    ----------
    name : str
        Letters, digits, dot, underscore and hyphen, at most 64 characters.
    kind : {"label", "mask", "image"}
        Labels and masks go to ``labels/<name>``, an image is the root of the store. A mask is stored as uint8.
    axes : str
        As of `Image`: ``"yx"`` or ``"zyx"``, with a last ``"c"`` where there are channels; stored channels first.
    dtype : numpy.dtype
        Of the pixels as computed: bool for a mask, an integer for labels, any number for an image.
    levels : tuple of Level
        Made with `make_level`, or by `source_pyramid` where labels are added to an existing image.
    channels : int, optional
        Length of the channel axis where there is one.
    unit : str, optional
        Unit of the levels' scale, as in OME-Zarr.
    """

    name: str
    kind: Kind
    axes: str
    dtype: np.dtype[Any]
    levels: tuple[Level, ...]
    channels: int | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        wanted = {"mask": "b", "label": "iu", "image": "iuf"}[self.kind]
        if self.dtype.kind not in wanted:
            allowed = {"b": "bool", "iu": "integers", "iuf": "integers or floats"}[wanted]
            raise InputError(f"output {self.name!r} is a {self.kind} and needs {allowed}; found {self.dtype}.")
        if ("c" in self.axes) != (self.channels is not None):
            raise InputError(f"output {self.name!r} has axes {self.axes!r} but channels={self.channels}.")

    @property
    def group(self) -> str:
        """Where the output lies in its store; empty for the root."""
        return "" if self.kind == "image" else f"labels/{self.name}"

    @property
    def spatial_axes(self) -> str:
        return self.axes.removesuffix("c")

    @property
    def stored_axes(self) -> str:
        return ("c" if self.channels is not None else "") + self.spatial_axes

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8) if self.kind == "mask" else self.dtype

    def stored(self, spatial: Sequence[int], channels: int | None = None) -> tuple[int, ...]:
        """Put the channel axis, where there is one, in front of a spatial shape; all channels by default."""
        return (*(() if self.channels is None else (channels or self.channels,)), *spatial)

    def key(self, level: int, name: str = "") -> str:
        """Name the key of a level's array in the store, or of an object in it."""
        return "/".join(filter(None, (self.group, str(level), name)))


def check_name(name: str) -> None:
    """Refuse names that are not one plain file name on every system and in every URL."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
        raise InputError(
            f"{name!r} cannot be the name of an output; use 1 to 64 letters, digits, '.', '_' or '-', "
            "starting with a letter or digit, without '..'."
        )


def chunk_side(tile_side: int, ndim: int) -> int:
    """Choose the inner chunk along an axis: the largest divisor of the tile side that is small enough to read."""
    largest = _LARGEST_CHUNK[ndim]
    side = next(d for d in range(min(tile_side, largest), 0, -1) if tile_side % d == 0)
    return side if side >= min(_SMALLEST_CHUNK, tile_side) else tile_side


def make_level(
    shape: Sequence[int],
    factor: Sequence[int],
    tile: Sequence[int],
    scale: Sequence[float],
    translation: Sequence[float],
) -> Level:
    """Make a level whose write unit is `tile`, clipped to whole chunks where the level is smaller.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the level.
    factor : sequence of int
        Pixels of level 0 per pixel of this level.
    tile : sequence of int
        Core of a tile.
    scale : sequence of float
        Extent of a pixel of this level.
    translation : sequence of float
        Position of the centre of pixel 0. Of a new output it is (factor - 1) / 2 pixels of level 0, the centre of the
        cell that the pixel stands for, also where labels take the cell's first pixel: a viewer then draws labels and
        image of one level on the same spot, as other OME-Zarr writers do.

    Notes
    -----
    Without the clip a level of 70 x 50 pixels would be padded to, and encoded as, a whole tile.
    """
    chunk = tuple(min(chunk_side(t, len(shape)), n) for t, n in zip(tile, shape, strict=True))
    clipped = tuple(min(t, -(-n // c) * c) for t, n, c in zip(tile, shape, chunk, strict=True))
    return Level(tuple(shape), tuple(factor), clipped, chunk, tuple(scale), tuple(translation))
