"""Evaluate boxes of images: the heart of every task.

Given which box of which image is asked for, walk the graph once downstream to learn what box of every image is needed
(grown by the reaches, clipped at the image border), then once upstream to run each kernel exactly once and trim.
Nothing is padded: at the true border the kernel's own rule acts, and what it invents at an artificial edge lies in the
discarded halo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Image, Source, Step, Value
from tilemask.planning.graph import boxes_needed, inputs_of
from tilemask.read.cache import ChunkCache


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


class KernelError(Exception):
    """A kernel raised, or broke its contract; carries what is needed to repeat it alone."""

    def __init__(
        self,
        reason: str,
        function: Callable[..., Any],
        wanted: tuple[tuple[int, ...], np.dtype[Any]] | None,
        arrays: Sequence[NDArray[Any]],
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__(reason)
        self.function = function
        self.wanted = wanted
        self.arrays = arrays
        self.arguments = arguments


def evaluate(requests: Sequence[tuple[Image, Box]], context: Context, tile: int = 0) -> list[NDArray[Any]]:
    """The pixels of each requested box; `tile` is the number whose records kernels get."""
    needed = boxes_needed(requests, context.stored)
    readers = dict.fromkeys(needed, 0)
    for image in needed:
        if image not in context.stored:
            for source in inputs_of(image):
                readers[source] += 1
    for image, _ in requests:
        readers[image] += 1
    arrays: dict[Image, NDArray[Any]] = {}
    for image in reversed(needed):
        box = needed[image]
        if image in context.stored:
            arrays[image] = _checked(context.stored[image].read(box, context.cache), image, box)
        elif isinstance(image.step, Step):
            arrays[image] = _run_kernel(image, image.step, box, needed, arrays, context, tile)
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
        arguments["record"] = context.records[step.records][tile]
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
    read = [step.request(box, i) for i in step.images]
    inputs = [_read_only(arrays[i][r.within(needed[i])]) for i, r in zip(step.images, read, strict=True)]
    arguments = arguments_of(step, context, tile)
    wall, processor = time.perf_counter(), time.thread_time()
    grid = read[0] if set(step.scale) == {1} else box
    wanted = (grid.shape + image.shape[box.ndim :], image.dtype)
    try:
        result = step.function(*inputs, **arguments)
    except Exception as error:
        reason = f"{step.name} raised {type(error).__name__}: {error}"
        if step.user and "read-only" in str(error):
            reason += " (a function must not change its inputs: copy first)"
        raise KernelError(reason, step.function, wanted, inputs, arguments) from error
    if step.user:
        seconds = context.user_seconds.setdefault(step.name, [0.0, 0.0])
        seconds[0] += time.perf_counter() - wall
        seconds[1] += time.thread_time() - processor
    if breach := breach_of(step.name, result, *wanted):
        raise KernelError(breach, step.function, wanted, inputs, arguments)
    if grid.shape == box.shape:
        return result
    return result[box.shift(step.offset).within(grid)]


def breach_of(name: str, result: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
    """What is wrong with the result of a kernel, in words; None where it is as declared."""
    if not isinstance(result, np.ndarray):
        found = type(result).__name__
    elif result.shape != shape or result.dtype != dtype:
        found = f"an array of shape {result.shape}, dtype {result.dtype}"
    else:
        return None
    return f"{name} must return an array of shape {shape}, dtype {dtype}; it returned {found}"


def _checked(array: NDArray[Any], image: Image, box: Box) -> NDArray[Any]:
    expected = box.shape + image.shape[box.ndim :]
    if array.shape != expected or array.dtype != image.dtype:
        raise ValueError(f"read {array.shape} {array.dtype} where {expected} {image.dtype} was declared, box {box}")
    return array


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
