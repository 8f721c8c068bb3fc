"""The passes that make the lower levels of an output, each reading the level above through the store.

A level is a pass of its own on purpose: fused into the pass that writes level 0, a tile of a lower level would have to
wait for all the tiles above it, or several tasks would write one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tilemask.boxes import Box, Grid
from tilemask.image import Image, Step
from tilemask.image.region import Region
from tilemask.planning.passes import Pass, Write
from tilemask.planning.pyramid import LevelShape
from tilemask.planning.tiles import LARGEST_BAND
from tilemask.read.cache import ChunkCache


@dataclass(frozen=True, eq=False)
class PlannedLevel:
    """A resolution level that the run itself writes, read by the pass that makes the next one."""

    name: str
    level: int
    shape: tuple[int, ...]
    dtype: Any
    chunks: tuple[int, ...] | None
    factor: tuple[int, ...]
    """Pixels of level 0 per pixel of it."""
    within: Region | None
    """Where level 0 is not 0."""

    def read(self, box: Box, cache: ChunkCache) -> Any:
        raise AssertionError("a planned level is read through the store")

    def identity(self) -> dict[str, Any]:
        return {"output": self.name, "level": self.level}


def level_passes(
    name: str,
    output: Image,
    levels: Sequence[LevelShape],
    tile: tuple[int, ...],
    first: int,
    sources: dict[Image, tuple[str, int]],
    *,
    labels: bool,
) -> list[Pass]:
    """One pass per lower level, numbered from `first`; `sources` is told which level each of them reads."""
    from tilemask.operations.compose import downsample  # here, so that planning without a pyramid loads no kernels

    passes = []
    dtype = np.dtype(np.uint8) if output.dtype == bool else output.dtype
    within = output.step.within if isinstance(output.step, Step) else None
    planned = PlannedLevel(name, 0, output.shape, dtype, tile, levels[0][1], within)
    above = replace(output, dtype=dtype, step=planned, region=None)
    for level, (shape, factor) in enumerate(levels[1:], 1):
        sources[above] = (name, level - 1)
        step = tuple(f // g for f, g in zip(factor, levels[level - 1][1], strict=True))
        image = downsample(above, factor=step, labels=labels)
        if image.spatial_shape != shape:  # a source that rounds its levels down
            image = image[tuple(slice(0, n) for n in shape)]
        passes.append(
            Pass(
                first + level - 1,
                Grid(shape, tile, LARGEST_BAND),
                writes=(Write(name, level, image),),
                stored={above: name},
            )
        )
        above = replace(image, step=PlannedLevel(name, level, image.shape, dtype, tile, factor, within))
    return passes
