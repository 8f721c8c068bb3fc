"""Compute into memory: `Image.compute`, `Value.compute`, `Image.to_dask` and every eager call.

The same passes, tasks and kernels as for a store; what differs is that outputs are kept as scratch in memory and put
together at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import whole
from tilemask.errors import InputError
from tilemask.image import Image, Value
from tilemask.planning import cut
from tilemask.planning.graph import everything
from tilemask.planning.tiles import choose_tile
from tilemask.read.cache import ChunkCache
from tilemask.run.engine import Engine
from tilemask.run.ledger import NoLedger
from tilemask.run.pools import ThreadPool, processors
from tilemask.run.progress import Silent
from tilemask.run.scratch import MemoryScratch

CACHE_BYTES = 128 << 20


def compute(
    outputs: Mapping[str, Image | Value], *, tile: int | Sequence[int] | None = None, client: Any = None
) -> dict[str, Any]:
    """Compute images as NumPy arrays and values as what they are."""
    shape = largest_shape(outputs)
    passes = cut(outputs, choose_tile(tile, shape, chunks_of(outputs)), band=4, write=False)
    tiles = max((len(p.grid) for p in passes), default=0)
    pool = ThreadPool(min(processors(), max(tiles, 1)), CACHE_BYTES)
    try:
        engine = Engine(passes, pool, MemoryScratch(), NoLedger(), Silent(), run_length=1)
        engine.run()
        return {
            name: engine.resolve(o) if isinstance(o, Value) else _assemble(engine, o) for name, o in outputs.items()
        }
    finally:
        pool.close()


def _assemble(engine: Engine, image: Image) -> NDArray[Any]:
    array = engine.stored[image].read(whole(image.spatial_shape), ChunkCache(0))
    return array if array.flags.writeable and array.base is None else np.array(array)


def largest_shape(outputs: Mapping[str, Image | Value]) -> tuple[int, ...]:
    """The spatial shape of the largest image that the outputs are made from."""
    images, _ = everything(
        [o for o in outputs.values() if isinstance(o, Image)], [o for o in outputs.values() if isinstance(o, Value)]
    )
    if not images:
        raise InputError("nothing to compute: no image and no value that is made from one.")
    return max((i.spatial_shape for i in images), key=np.prod)


def chunks_of(outputs: Mapping[str, Image | Value]) -> tuple[int, ...] | None:
    """Chunks of the first chunked source."""
    images, _ = everything(
        [o for o in outputs.values() if isinstance(o, Image)], [o for o in outputs.values() if isinstance(o, Value)]
    )
    return next((c for i in images if (c := getattr(i.step, "chunks", None)) is not None), None)


def to_dask(image: Image, *, tile: int | Sequence[int] | None = None) -> Any:
    raise InputError("not yet")
