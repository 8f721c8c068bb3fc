"""Dask arrays: read through their Zarr array where they are nothing else, else computed box by box.

A Dask array that is exactly one `from_zarr` layer stands for chunks that can be read and cached directly. Any other one
is a computation: a box of it is computed in the thread that asks, by the synchronous scheduler, so that it neither
starts a pool inside a pool nor waits for a cluster that waits for it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import dask.array
import numpy as np
import zarr
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image import Image, check_dtype
from tilemask.read.axes import Layout, Selection, arrange
from tilemask.read.cache import ChunkCache


@dataclass(frozen=True, eq=False)
class DaskSource:
    """Pixels of a Dask array; its graph travels with it."""

    array: dask.array.Array
    layout: Layout
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: None = None

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        """Compute the pixels of a box; read-only."""
        index: list[Any] = [slice(None)] * self.array.ndim
        for axis, at in self.layout.picks:
            index[axis] = slice(at, at + 1)
        for axis, span in zip(self.layout.order, box.slices, strict=False):
            index[axis] = span
        found = np.asarray(self.array[tuple(index)].compute(scheduler="synchronous"))
        part = self.layout.cut(found, [(axis, 0) for axis, _ in self.layout.picks]).astype(self.dtype, copy=False)
        view = np.ascontiguousarray(part).view()
        view.flags.writeable = False
        return view

    def identity(self) -> dict[str, Any]:
        return {
            "dask": self.array.name,
            "shape": list(self.shape),
            "dtype": self.dtype.str,
            "order": list(self.layout.order),
            "picks": [list(p) for p in self.layout.picks],
        }


def zarr_of(array: dask.array.Array) -> zarr.Array[Any] | None:
    """The Zarr array that a Dask array stands for, if it is exactly one `from_zarr` (or `from_array`) layer."""
    original = f"original-{array.name}"
    if set(array.dask.layers) != {array.name, original}:
        return None
    found = array.dask.layers[original].get(original)
    if isinstance(found, zarr.Array) and found.shape == array.shape and found.dtype == array.dtype:
        return found
    return None


def open_dask(array: dask.array.Array, selection: Selection) -> Image:
    """The image of a Dask array that is a computation."""
    what = f"the Dask array {array.name}"
    if any(np.isnan(n) for n in array.shape):
        raise InputError(f"{what} has unknown lengths (shape {array.shape}). Call compute_chunk_sizes() on it first.")
    check_dtype(array.dtype, what)
    if _holds_futures(array):
        raise InputError(
            f"{what} is persisted on a cluster: its pixels are in the memory of workers, where tiles cannot be read "
            "from. Write it with to_zarr and open the store, or pass the array from before persist()."
        )
    layout = arrange(array.shape, selection, what)
    dtype = array.dtype.newbyteorder("=")
    return Image(layout.of(array.shape), dtype, layout.axes, DaskSource(array, layout, layout.of(array.shape), dtype))


def _holds_futures(array: dask.array.Array) -> bool:
    """Whether results on a cluster are in the graph; without distributed loaded there can be none."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and bool(distributed.futures_of(array))
