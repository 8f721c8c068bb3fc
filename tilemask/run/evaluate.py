"""Evaluate boxes of images: the heart of every task.

Given which box of which image is asked for, walk the graph once downstream to learn what box of every image is needed
(grown by the reaches, clipped at the image border), then once upstream to run each kernel exactly once and trim.
Nothing is padded: at the true border the kernel's own rule acts, and what it invents at an artificial edge lies in the
discarded halo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.image import Image, Source, Step, Value
from tilemask.planning.graph import boxes_needed, inputs_of
from tilemask.planning.regions import is_blank
from tilemask.read.cache import ChunkCache
from tilemask.run.growing import run_growing
from tilemask.run.kernel import Call
from tilemask.run.watch import Hand


@dataclass
class Context:
    """What a task needs beside the graph."""

    cache: ChunkCache
    stored: Mapping[Image, Source] = field(default_factory=dict)
    """Images that are read instead of computed."""
    values: Mapping[Value, Any] = field(default_factory=dict)
    records: Mapping[Value, Any] = field(default_factory=dict)
    """Per survey with records, the mapping of tile numbers to records."""
    user_seconds: dict[str, list[float]] = field(default_factory=dict)
    """Wall and processor seconds that the user's own functions took, by name."""
    growth_bytes: float = math.inf
    """What the window of a kernel that grows may take."""
    hand: Hand = field(default_factory=Hand)
    """Where the task says what it is about."""


def evaluate(requests: Sequence[tuple[Image, Box]], context: Context, tile: int = 0) -> list[NDArray[Any]]:
    """The pixels of each requested box; `tile` is the number whose records kernels get."""
    blank: set[Image] = set()

    def known(image: Image, box: Box) -> bool:
        if is_blank(image, box):
            blank.add(image)
        return image in blank

    needed = boxes_needed(requests, context.stored, known)
    readers = dict.fromkeys(needed, 0)
    for image in needed:
        if image not in context.stored and image not in blank:
            for source in inputs_of(image):
                readers[source] += 1
    for image, _ in requests:
        readers[image] += 1
    arrays: dict[Image, NDArray[Any]] = {}
    for image in reversed(needed):
        box = needed[image]
        if image in blank:
            arrays[image] = np.zeros(box.shape + image.shape[box.ndim :], image.dtype)
        elif image in context.stored:
            arrays[image] = _checked(context.stored[image].read(box, context.cache), image, box)
        elif isinstance(image.step, Step):
            result = _run_kernel(image, image.step, box, needed, arrays, context, tile)
            within = image.step.within
            arrays[image] = result if within is None else within.cut(result, box, context.cache)
            for source in image.step.images:  # let go of what nobody reads any more
                readers[source] -= 1
                if not readers[source]:
                    del arrays[source]
        else:
            arrays[image] = _checked(image.step.read(box, context.cache), image, box)
    # In one piece, since surveys and scratch both need them so; two requests for one box share the copy.
    made = {(i, b): np.ascontiguousarray(arrays[i][b.within(needed[i])]) for i, b in requests}
    return [made[request] for request in requests]


def arguments_of(step: Step, context: Context, tile: int) -> dict[str, Any]:
    """The keyword arguments of a kernel, with values and the tile's record filled in."""
    arguments = {n: context.values[a] if isinstance(a, Value) else a for n, a in step.arguments.items()}
    if step.records is not None:
        records = context.records[step.records]
        arguments |= {"record": records[tile]} if step.growth is None else {"records": records}
    return arguments


def _run_kernel(
    image: Image,
    step: Step,
    box: Box,
    needed: Mapping[Image, Box],
    arrays: Mapping[Image, NDArray[Any]],
    context: Context,
    tile: int,
) -> NDArray[Any]:
    def read(part: Box) -> list[NDArray[Any]]:
        asked = [(i, step.request(part, i)) for i in step.images]
        return [arrays[i][r.within(needed[i])] for i, r in asked]

    call = Call(image, step, arguments_of(step, context, tile), context.user_seconds, context.hand)
    if step.cells is not None:
        return _run_cells(call, box, read)
    if step.growth is not None:

        def read_again(asked: Box) -> list[NDArray[Any]]:
            return evaluate([(i, asked) for i in step.images], context, tile)

        return run_growing(call, box, read(box), read_again, context.growth_bytes)
    return _run_trimmed(call, box, read(box))


def _run_trimmed(call: Call, box: Box, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The pixels of `box`, of a kernel that writes all that it reads or, where it changes the scale, just the box."""
    step = call.step
    grid = step.request(box, step.images[0]) if set(step.scale) == {1} else box
    result = call(inputs, grid)
    if grid.shape == box.shape:
        return result
    return result[box.shift(step.offset).within(grid)]


def _run_cells(call: Call, box: Box, read: Callable[[Box], list[NDArray[Any]]]) -> NDArray[Any]:
    """The pixels of `box`, of a kernel that runs on the cells of a grid of its own."""
    image, cells = call.image, call.step.cells
    assert cells is not None
    grid = Grid(image.spatial_shape, cells)
    result = np.empty(box.shape + image.shape[box.ndim :], image.dtype)
    for index in grid.touching(box):
        cell = grid.core(index)
        part = cell.intersect(box)
        result[part.within(box)] = _run_trimmed(call, cell, read(cell))[part.within(cell)]
    return result


def _checked(array: NDArray[Any], image: Image, box: Box) -> NDArray[Any]:
    expected = box.shape + image.shape[box.ndim :]
    if array.shape != expected or array.dtype != image.dtype:
        raise ValueError(f"read {array.shape} {array.dtype} where {expected} {image.dtype} was declared, box {box}")
    return array
