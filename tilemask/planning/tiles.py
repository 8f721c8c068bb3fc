"""The core of a tile: what the user asked for, or a good size for the image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image, Value
from tilemask.planning.graph import images_of

PLANE_TILE = (2048, 2048)
"""A tile of 2048² keeps halos small beside cores, Python small beside kernels, and a task in tens of megabytes."""
VOLUME_TILE = (64, 256, 256)
LARGEST_BAND = 8
CACHE_SHARE = 0.8


def choose_tile(
    tile: int | Sequence[int] | None, shape: tuple[int, ...], chunks: tuple[int, ...] | None
) -> tuple[int, ...]:
    """The core per spatial axis.

    Parameters
    ----------
    tile : int, sequence of int or None
        An int means every spatial axis; None chooses.
    shape : tuple of int
        Spatial shape of the image.
    chunks : tuple of int or None
        Chunks of the source; a chosen core is a whole number of them where that is sensible.
    """
    ndim = len(shape)
    if tile is not None:
        sides: list[Any] = list(tile) if isinstance(tile, Sequence) else [tile] * ndim
        if len(sides) != ndim or not all(_is_side(s) for s in sides):
            raise InputError(
                f"tile= takes one whole number of pixels, or one per spatial axis ({ndim} here), each 1 or more; "
                f"found {tile!r}."
            )
        # A core larger than the image is the whole image; what it would cost is not billed.
        return tuple(min(int(s), n) for s, n in zip(sides, shape, strict=True))
    if ndim == 2:
        return _round_to_chunks(PLANE_TILE, chunks)
    return _round_to_chunks(VOLUME_TILE, chunks)


def smaller_tile(tile: tuple[int, ...]) -> tuple[int, ...] | None:
    """The tile with its longest side halved; None where it is too small to be worth a task."""
    longest = tile.index(max(tile))
    return tuple(t // 2 if n == longest else t for n, t in enumerate(tile)) if max(tile) >= 32 else None


def larger_tile(tile: tuple[int, ...], *, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The tile with its shortest side doubled, of those that do not span the image; None where all do."""
    short = [(t, n) for n, t in enumerate(tile) if t < shape[n]]
    return tuple(2 * t if (t, n) == min(short) else t for n, t in enumerate(tile)) if short else None


def _is_side(side: Any) -> bool:
    return isinstance(side, int | np.integer) and not isinstance(side, bool) and bool(side >= 1)


def choose_band(tile: tuple[int, ...], images: Iterable[Image], cache_bytes: int) -> int:
    """Rows of tiles to walk together, so that the cache still holds a chunk when the next column of tiles needs it.

    A column of `band` tiles touches its own chunks and a ring of halo around them; the two columns of chunks that it
    shares with the next column are used again one whole column later. Beyond that, a taller band decodes less: the
    chunks at its upper and lower edge are decoded once more by the bands beside it.
    """
    band = LARGEST_BAND
    for image in images:
        chunks = getattr(image.step, "chunks", None)
        if chunks is not None and len(chunks) == len(tile):
            rows, columns = (t / c for t, c in zip(tile[-2:], chunks[-2:], strict=True))
            planes = math.prod(t / c + 2 for t, c in zip(tile[:-2], chunks[:-2], strict=True))
            ring = planes * (columns + 2) * math.prod(chunks) * image.pixel_bytes
            while band > 1 and (band * rows + 2) * ring > CACHE_SHARE * cache_bytes:
                band -= 1
    return band


def _round_to_chunks(sides: tuple[int, ...], chunks: tuple[int, ...] | None) -> tuple[int, ...]:
    """A whole number of chunks near the wanted size, unless chunks are larger than four times that."""
    if chunks is None or len(chunks) != len(sides):
        return sides
    return tuple(c * max(1, round(s / c)) if c <= 4 * s and s % c else s for s, c in zip(sides, chunks, strict=True))


def largest_shape(outputs: Mapping[str, Image | Value]) -> tuple[int, ...]:
    """The spatial shape of the largest image that the outputs are made from.

    Raises
    ------
    InputError
        There is no image, or an empty one, or there are planes beside volumes: one tile cuts all images of a run.
    """
    images = images_of(outputs)
    if not images:
        raise InputError("nothing to compute: no image, and no value that is made from one.")
    for image in images:
        if not math.prod(image.shape):
            raise InputError(f"an image is empty: {image!r}.")
        if len(image.spatial_axes) != len(images[0].spatial_axes):
            raise InputError(
                f"planes and volumes cannot be computed together; found {images[0]!r} and {image!r}. Compute them "
                "apart, and call compute() on a value that one takes from the other."
            )
    return max((i.spatial_shape for i in images), key=math.prod)
