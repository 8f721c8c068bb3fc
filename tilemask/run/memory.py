"""Compute into memory: `Image.compute`, `Value.compute`, `Image.to_dask` and every eager call.

The same passes, tasks and kernels as for a store; what differs is that outputs are kept as scratch and put together at
the end.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, whole
from tilemask.image import Image, Value
from tilemask.image.region import cut_outputs
from tilemask.planning.cut import cut
from tilemask.planning.graph import images_of, sources_of
from tilemask.planning.merge import merge
from tilemask.planning.plan import CACHE_BYTES
from tilemask.planning.tiles import choose_band, choose_tile, largest_shape
from tilemask.read.cache import ChunkCache
from tilemask.run.checks import MEMORY_SHARE, available_memory
from tilemask.run.engine import Engine
from tilemask.run.evaluate import evaluate
from tilemask.run.ledger import NoLedger
from tilemask.run.pools import Pool, ThreadPool, processors
from tilemask.run.progress import Silent
from tilemask.run.scratch import FolderScratch, MemoryScratch, Scratch
from tilemask.run.task import Job, context_of
from tilemask.run.watch import Hand, TileLimit

if TYPE_CHECKING:
    import dask.array


def compute(
    outputs: Mapping[str, Image | Value], *, tile: int | Sequence[int] | None = None, client: Any = None
) -> dict[str, Any]:
    """Compute images as NumPy arrays and values as what they are."""
    outputs = merge(cut_outputs(outputs))
    with _engine(outputs, tile, client) as engine:
        engine.run()
        return {
            name: engine.resolve(o) if isinstance(o, Value) else _assemble(engine, o) for name, o in outputs.items()
        }


def to_dask(image: Image, *, tile: int | Sequence[int] | None = None) -> dask.array.Array:
    """A Dask array of an image: its surveys are computed now, what is left is one task per tile."""
    import dask.array

    image = merge(cut_outputs({"image": image}))["image"]
    with _engine({"image": image}, tile, None) as engine:
        *surveys, last = engine.passes
        engine.passes = surveys
        engine.run()
        reader = TileReader(engine.job(last), image)
        sides = last.grid.tile + image.shape[len(last.grid.tile) :]
        meta = np.empty((0,) * image.ndim, image.dtype)
        return dask.array.from_array(reader, chunks=sides, asarray=False, inline_array=True, meta=meta)


@dataclass(frozen=True, eq=False)
class TileReader:
    """An array-like of the last pass of an image: slicing it evaluates the tiles that the slice touches."""

    job: Job
    image: Image

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    @property
    def ndim(self) -> int:
        return self.image.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.image.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        keys += (slice(None),) * (self.ndim - len(keys))
        spans = [_span(k, n) for k, n in zip(keys, self.image.spatial_shape, strict=False)]
        box = Box(tuple(s[0] for s in spans), tuple(s[1] for s in spans))
        return self._read(box)[(*(s[2] for s in spans), *keys[box.ndim :])]

    def _read(self, box: Box) -> NDArray[Any]:
        grid = self.job.current.grid
        context = context_of(self.job, ChunkCache(CACHE_BYTES), Hand())
        result = np.empty(box.shape + self.shape[box.ndim :], self.dtype)
        for index in grid.touching(box):
            core = grid.core(index)
            part = core.intersect(box)
            tile = evaluate([(self.image, core)], context, grid.number(index))[0]
            result[part.within(box)] = tile[part.within(core)]
        return result


def _span(key: Any, n: int) -> tuple[int, int, Any]:
    """The pixels of an axis that an index needs, and the index in them: Dask fuses any indexing into the reading."""
    if isinstance(key, slice):
        start, stop, step = key.indices(n)
        if step == 1:
            return start, max(start, stop), slice(None)
    return 0, n, key


@contextmanager
def _engine(outputs: Mapping[str, Image | Value], tile: int | Sequence[int] | None, client: Any) -> Iterator[Engine]:
    chunks = next((s.chunks for s in sources_of(outputs) if s.chunks is not None), None)
    sides = choose_tile(tile, largest_shape(outputs), chunks)
    passes = cut(outputs, sides, band=choose_band(sides, images_of(outputs), CACHE_BYTES), write=False)
    tiles = max((len(p.grid) for p in passes), default=1)
    with ExitStack() as stack:
        pool, scratch = _place(stack, client, tiles)
        try:
            length = max(1, tiles // (16 * pool.threads))
            engine = Engine(passes, pool, scratch, NoLedger(), Silent(), run_length=length)
            engine.growth_bytes = MEMORY_SHARE * (available_memory() or math.inf)
            yield engine
        finally:
            pool.close()


def _place(stack: ExitStack, client: Any, tiles: int) -> tuple[Pool, Scratch]:
    """Threads with scratch in memory, or a cluster with scratch in a folder."""
    if client is None:
        return ThreadPool(min(processors(), tiles), CACHE_BYTES), MemoryScratch()
    from tilemask.run.checks import check_workers
    from tilemask.run.cluster import ClusterPool
    from tilemask.run.workers import connect

    opened = stack.enter_context(connect(client))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tilemask-")))
    check_workers(opened, folder, [])
    return ClusterPool(opened, CACHE_BYTES, folder, TileLimit(math.inf)), FolderScratch(folder / "scratch")


def _assemble(engine: Engine, image: Image) -> NDArray[Any]:
    array = engine.stored[image].read(whole(image.spatial_shape), ChunkCache(0))
    # A single tile is handed over as it is; views of the user's own memory and of files are copied.
    return array if array.flags.writeable and array.base is None else np.array(array)
