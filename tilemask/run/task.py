"""A task: a run of neighbouring tiles of one pass, evaluated, checked and stored on one worker.

What a task needs is a `Job`, shipped once per worker; the task itself carries positions of the walk only. It returns
one record per tile and one combined part per survey, never pixels.
"""

from __future__ import annotations

import errno
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Image, Place, Source, Survey, Value
from tilemask.planning import Pass
from tilemask.planning.regions import is_blank
from tilemask.read.cache import ChunkCache
from tilemask.run.evaluate import Context, evaluate
from tilemask.run.failures import Bundle, find_bundle, forget_bundle, save_bundle, saved_reason
from tilemask.run.kernel import KernelError
from tilemask.run.scratch import Records, Scratch
from tilemask.run.watch import Hand

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Writer(Protocol):
    """Stores tiles of one output; every core is a whole number of write units, so each object has one writer."""

    def write(self, level: int, box: Box, array: NDArray[Any]) -> Sequence[tuple[str, int, int]]:
        """Store the core and return (key, bytes, checksum) of each object."""


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that the tasks of one pass share."""

    key: str
    current: Pass
    scratch: Scratch
    stored: Mapping[Image, Source]
    values: Mapping[Value, Any]
    records: Mapping[Value, Records]
    """The records that kernels of this pass take."""
    notes: Mapping[Value, str]
    """Names under which surveys of this pass leave their notes."""
    writers: Mapping[str, Writer]
    """By name of the output."""
    failures: str | None
    """Folder for the inputs of failing tiles."""
    growth_bytes: float = math.inf
    """What the window of a kernel that grows may take."""


@dataclass
class Failure:
    """One tile that could not be done."""

    tile: int
    box: str
    reason: str
    trace: str
    bundle: str | None = None
    disk_full: bool = False


@dataclass
class TaskResult:
    """What a task returns."""

    position: int
    tiles: list[tuple[int, list[tuple[str, int, int]]]] = field(default_factory=list)
    """Tiles done, each with the objects (key, bytes, checksum) that it stored."""
    parts: list[Any] | None = None
    """One combined part per survey of the pass; None where no tile was done."""
    failures: list[Failure] = field(default_factory=list)
    pixels: int = 0
    seconds: float = 0.0
    user_seconds: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    """Numbers of the chunks that sources did not have, by the name of the array."""
    hung: str | None = None
    """Where the worker was that had the task before, and was ended because a tile took too long."""


def run_tiles(
    job: Job,
    positions: Sequence[int],
    cache: ChunkCache,
    hand: Hand,
    stopped: Callable[[], bool] = lambda: False,
    owned: Callable[[], bool] = lambda: True,
    *,
    careful: bool = False,
) -> TaskResult:
    """Do the tiles at these positions of the walk.

    Stops between two tiles where asked to, and before it writes where the output has meanwhile gone to another run.
    With `careful`, the inputs of each kernel are saved before it runs: these tiles may end the process.
    """
    began = time.perf_counter()
    context = context_of(job, cache, hand)
    result = TaskResult(positions[0])
    for position in positions:
        if stopped():
            break
        index = job.current.grid.step(position)
        number, core = job.current.grid.number(index), job.current.grid.core(index)
        hand.saves = partial(_save_ahead, job, number, core) if careful else None
        hand.take(position)
        try:
            arrays, parts = _evaluate_tile(job, context, number, core)
            if not owned():
                break
            objects = _store_tile(job, number, core, arrays)
        except Exception as error:
            failure = _failure(job, number, core, error)
            result.failures.append(failure)
            if failure.disk_full:
                break
            continue
        finally:
            hand.put_down()
        if result.parts is None:
            result.parts = parts
        else:
            result.parts = [
                _survey(v).combine(a, b) for v, a, b in zip(job.current.surveys, result.parts, parts, strict=True)
            ]
        result.tiles.append((number, objects))
        result.pixels += core.size
    result.user_seconds = context.user_seconds
    result.missing = cache.take_missing()
    result.seconds = time.perf_counter() - began
    return result


def context_of(job: Job, cache: ChunkCache, hand: Hand) -> Context:
    """What the evaluation of one task needs."""
    return Context(cache, job.stored, job.values, job.records, growth_bytes=job.growth_bytes, hand=hand)


def _survey(value: Value) -> Survey:
    assert isinstance(value.step, Survey)
    return value.step


def _evaluate_tile(job: Job, context: Context, number: int, core: Box) -> tuple[dict[Image, NDArray[Any]], list[Any]]:
    """The images that the pass evaluates, and the parts of its surveys; their notes are left in scratch."""
    images = job.current.evaluated
    arrays = dict(zip(images, evaluate([(i, core) for i in images], context, number), strict=True))
    parts = []
    for value in job.current.surveys:
        survey = _survey(value)
        arguments = {n: context.values[a] if isinstance(a, Value) else a for n, a in survey.arguments.items()}
        if survey.places:
            arguments["place"] = Place(number, core, job.current.grid.tile, job.current.grid.shape)
        inputs = [arrays[i] for i in survey.images]
        try:
            with context.hand.calling(KernelError(f"survey {survey.name}", survey.tile, None, inputs, arguments)):
                part = survey.tile(*inputs, **arguments)
        except Exception as error:
            reason = f"survey {survey.name} raised {type(error).__name__}: {error}"
            raise KernelError(reason, survey.tile, None, inputs, arguments) from error
        if survey.noted:
            part, note = part
            job.scratch.put_record(job.notes[value], number, note)
        parts.append(part)
    return arrays, parts


def _store_tile(job: Job, number: int, core: Box, arrays: Mapping[Image, NDArray[Any]]) -> list[tuple[str, int, int]]:
    """Store what the pass keeps and writes, unless a region says that it is 0; return the objects of the outputs."""
    for keep in job.current.keeps:
        if not is_blank(keep.image, core):
            job.scratch.put(keep.name, number, arrays[keep.image])
    objects: list[tuple[str, int, int]] = []
    for write in job.current.writes:
        if is_blank(write.image, core):
            continue
        array = arrays[write.image]
        array = array.view(np.uint8) if array.dtype == np.bool_ else array
        objects += job.writers[write.name].write(write.level, core, array)
    return objects


def _failure(job: Job, number: int, core: Box, error: Exception) -> Failure:
    origin: BaseException = error.__cause__ if isinstance(error, KernelError) and error.__cause__ else error
    trace = "".join(traceback.format_exception(origin))
    reason = str(error) if isinstance(error, KernelError) else f"{type(error).__name__}: {error}"
    failure = Failure(number, str(core), reason, trace)
    failure.disk_full = isinstance(error, OSError) and error.errno in DISK_FULL
    if isinstance(error, KernelError) and not failure.disk_full:
        failure.bundle = _save(job, number, core, trace, error)
    return failure


def _save(job: Job, number: int, core: Box, trace: str, error: KernelError) -> str | None:
    return job.failures and save_bundle(Bundle(job.current.number, number, core, trace, error), job.failures)


def _save_ahead(job: Job, number: int, core: Box, call: KernelError) -> Callable[[], None]:
    """Save a call that may end the process; gives what deletes it when it has returned."""
    return partial(forget_bundle, _save(job, number, core, "", call))


def unfinished(job: Job, position: int, why: str, trace: str, call: KernelError | None) -> Failure:
    """A tile that has not come to an end, with the inputs of the call that it was in; a worker has saved them ahead."""
    grid, number = job.current.grid, job.current.number
    index = grid.step(position)
    tile, core = grid.number(index), grid.core(index)
    if call is not None:
        bundle = _save(job, tile, core, trace, call)
    else:
        bundle = job.failures and find_bundle(number, tile, job.failures)
    what = str(call) if call is not None else saved_reason(bundle) if bundle else "the tile"
    return Failure(tile, str(core), f"{what} {why}", trace, bundle)
