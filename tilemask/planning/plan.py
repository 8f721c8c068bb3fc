"""The plan: passes, tiles, bytes, memory and time, known before anything runs and refused where it cannot fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tilemask.boxes import no_reach
from tilemask.errors import PlanError
from tilemask.image import OPERATIONS, Image, Value
from tilemask.image.region import cut_outputs, is_labels
from tilemask.planning.bill import RESERVED_BYTES, Bill, bill
from tilemask.planning.cut import cut, image_name, scratch_bytes
from tilemask.planning.figures import human_bytes, human_seconds
from tilemask.planning.graph import images_of, sources_of
from tilemask.planning.identity import identity
from tilemask.planning.levels import level_passes
from tilemask.planning.merge import merge
from tilemask.planning.passes import Pass
from tilemask.planning.pyramid import LevelShape, level_shapes
from tilemask.planning.tiles import choose_band, choose_tile, larger_tile, largest_shape, smaller_tile
from tilemask.planning.whole import check_whole

CACHE_BYTES = 192 << 20
"""Decoded chunks that a worker holds."""


@dataclass(frozen=True)
class Plan:
    """What a run will do; a value that can be printed, compared and refused.

    Attributes
    ----------
    outputs : mapping of str to Image or Value
        What is asked for.
    passes : tuple of Pass
        Sweeps over tiles, in order.
    bills : tuple of Bill
        The cost of each pass.
    tile : tuple of int
        Core of a tile per spatial axis; also the write unit of new outputs.
    levels : mapping of str to list of (shape, factor)
        Resolution levels of each output image.
    threads : int
        Tasks that run at the same moment on one worker.
    workers : int
        Worker processes; 1 for threads of this process.
    identity : dict
        What must be the same for a run to resume.
    unstable : tuple of str
        What has no stable digest; where there is any, the run cannot resume.
    """

    outputs: Mapping[str, Image | Value]
    passes: tuple[Pass, ...]
    bills: tuple[Bill, ...]
    tile: tuple[int, ...]
    levels: Mapping[str, Sequence[LevelShape]]
    threads: int
    workers: int
    identity: Mapping[str, Any]
    unstable: tuple[str, ...]
    level_sources: Mapping[Image, tuple[str, int]]
    growth_bytes: int | None = None
    """What one tile of a worker may take beyond `memory_bytes` where objects reach far; None is no limit."""

    @property
    def tiles(self) -> int:
        return sum(len(p.grid) for p in self.passes)

    @property
    def approximate(self) -> list[str]:
        """Operations behind the outputs that do not give what the whole image gives."""
        names = {image.label for image in images_of(self.outputs)}
        return sorted(n for n in names if n in OPERATIONS and OPERATIONS[n].exactness == "approximate")

    @property
    def memory_bytes(self) -> int:
        """Peak of one worker: libraries, cache, and a task per thread, or the finish of a survey where that is more.

        Where workers are processes of their own, this one finishes surveys, and is allowed as much as one of them.
        """
        peaks = [max(self.threads * b.task_bytes, b.finish_bytes) for b in self.bills]
        return RESERVED_BYTES + CACHE_BYTES + max(peaks, default=0)

    @property
    def disk_bytes(self) -> int:
        """Outputs before compression plus the most scratch that lies beside them at one time."""
        return sum(b.written_bytes for b in self.bills) + self.scratch_bytes

    @property
    def scratch_bytes(self) -> int:
        peak = held = 0
        sizes = {
            k.name: math.ceil(scratch_bytes(k.image) * b.tiles / max(len(p.grid), 1))
            for p, b in zip(self.passes, self.bills, strict=True)
            for k in p.keeps
        }
        for current in self.passes:
            held += sum(sizes[k.name] for k in current.keeps)
            peak = max(peak, held)
            held -= sum(sizes[n] for n in current.release)
        return peak

    @property
    def seconds(self) -> float:
        """A rough estimate of the wall time."""
        return sum(b.processor_seconds for b in self.bills) / (self.threads * self.workers)

    def __str__(self) -> str:
        rows = [("pass", "what", "tiles", "halo", "read", "scratch", "write", "memory per task")]
        rows += [
            (
                str(p.number + 1),
                describe(p),
                f"{b.tiles:,}" + (f" of {len(p.grid):,}" if b.tiles < len(p.grid) else ""),
                _halo_text(b),
                human_bytes(b.read_bytes),
                human_bytes(b.scratch_bytes),
                human_bytes(b.written_bytes),
                human_bytes(b.task_bytes),
            )
            for p, b in zip(self.passes, self.bills, strict=True)
        ]
        widths = [max(len(r[c]) for r in rows) for c in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(w) if c == 1 else cell.rjust(w) for c, (cell, w) in enumerate(zip(r, widths, strict=True))
            )
            for r in rows
        ]
        where = f"{self.workers} workers × {self.threads}" if self.workers > 1 else f"{self.threads}"
        lines.append(
            f"tile {' × '.join(map(str, self.tile))}, {where} thread{'s' if self.threads > 1 else ''}; "
            f"memory up to {human_bytes(self.memory_bytes)} a worker; "
            f"disk up to {human_bytes(self.disk_bytes)} ({human_bytes(self.scratch_bytes)} of it scratch); "
            f"about {human_seconds(self.seconds)}"
        )
        most = max((p.growth_bytes for p in self.passes), default=0.0)
        if self.growth_bytes is not None and most:
            more = human_bytes(int(min(self.growth_bytes, most)))
            lines.append(f"where objects reach far beyond a tile, one tile at a time may take up to {more} more")
        late = max(self.bills, key=lambda b: b.finish_bytes, default=None)
        if late is not None and late.finish_bytes > self.threads * late.task_bytes:
            more = human_bytes(late.finish_bytes)
            lines.append(f"putting tiles together takes up to {more}, when the tiles of a pass are done")
        if self.approximate:
            lines.append("approximate, by its windows and halo: " + ", ".join(self.approximate))
        if self.unstable:
            lines.append("cannot resume: " + "; ".join(self.unstable))
        return "\n".join(lines)


def make_plan(
    outputs: Mapping[str, Image | Value],
    *,
    tile: int | Sequence[int] | None = None,
    pyramid: bool = True,
    threads: int = 1,
    workers: int = 1,
    memory_bytes: int | None = None,
    levels: Mapping[str, Sequence[LevelShape]] | None = None,
) -> Plan:
    """Plan the outputs; pure: reads no pixels and writes nothing.

    Parameters
    ----------
    outputs : mapping of str to Image or Value
    tile : int, sequence of int or None
        Core of a tile; None chooses the largest good one that fits.
    pyramid : bool
        Add lower resolution levels to each output image.
    threads, workers : int
        What will run at the same time.
    memory_bytes : int or None
        The limit of one worker; None does not refuse.
    levels : mapping of str to list of (shape, factor), optional
        Resolution levels per output, where they are not the planner's to choose.

    Raises
    ------
    PlanError
        A worker would need more memory than the limit; names the largest tile that would fit.
    """
    outputs = merge(cut_outputs(outputs))
    chunks = next((s.chunks for s in sources_of(outputs) if s.chunks is not None), None)
    sides = choose_tile(tile, largest_shape(outputs), chunks)
    draft = partial(_draft, outputs, pyramid, threads, workers, levels or {})
    plan = draft(sides)
    if memory_bytes is None:
        return plan
    if plan.memory_bytes > memory_bytes:
        fitting = _fitting(draft, plan, memory_bytes)
        if tile is not None or fitting is None:
            raise PlanError(_refusal(plan, fitting, memory_bytes))
        plan = fitting
    check_whole(plan.passes, memory_bytes, left=memory_bytes - plan.memory_bytes)
    return replace(plan, growth_bytes=memory_bytes - plan.memory_bytes)


def _draft(
    outputs: Mapping[str, Image | Value],
    pyramid: bool,
    threads: int,
    workers: int,
    levels: Mapping[str, Sequence[LevelShape]],
    tile: tuple[int, ...],
) -> Plan:
    passes = cut(outputs, tile, band=choose_band(tile, images_of(outputs), CACHE_BYTES))
    shapes = {
        n: levels.get(n) or level_shapes(o.spatial_shape, o.pixel_size, full=pyramid)
        for n, o in outputs.items()
        if isinstance(o, Image)
    }
    sources: dict[Image, tuple[str, int]] = {}
    for name, output in outputs.items():
        if isinstance(output, Image):
            passes += level_passes(name, output, shapes[name], tile, len(passes), sources, labels=is_labels(output))
    described, unstable = identity(outputs, tile, pyramid)
    return Plan(
        outputs=dict(outputs),
        passes=tuple(passes),
        bills=tuple(bill(p) for p in passes),
        tile=tile,
        levels=shapes,
        threads=threads,
        workers=workers,
        identity=described,
        unstable=tuple(unstable),
        level_sources=sources,
    )


def _fitting(draft: Callable[[tuple[int, ...]], Plan], plan: Plan, memory_bytes: int) -> Plan | None:
    """The first plan that fits: with smaller tiles where tasks need too much, with larger ones where seams do."""
    halve = RESERVED_BYTES + CACHE_BYTES + plan.threads * max(b.task_bytes for b in plan.bills) > memory_bytes
    step = smaller_tile if halve else partial(larger_tile, shape=largest_shape(plan.outputs))
    tile = step(plan.tile)
    while tile is not None:
        plan = draft(tile)
        if plan.memory_bytes <= memory_bytes:
            return plan
        tile = step(tile)
    return None


def _refusal(plan: Plan, fitting: Plan | None, memory_bytes: int) -> str:
    """What does not fit into the limit, and which tile does."""
    sides = " × ".join(map(str, plan.tile))
    number, worst = max(enumerate(plan.bills), key=lambda b: max(plan.threads * b[1].task_bytes, b[1].finish_bytes))
    if plan.threads * worst.task_bytes >= worst.finish_bytes:
        needs = (
            f"a tile of {sides} with halo {_halo_text(worst)} needs {human_bytes(worst.task_bytes)} per task; "
            f"{plan.threads} tasks need"
        )
    else:
        needs = (
            f"{describe(plan.passes[number])} on {worst.tiles:,} tiles of {sides} needs, when it puts them together,"
        )
    fixed = human_bytes(RESERVED_BYTES + CACHE_BYTES)
    advice = f"No tile fits; libraries and cache alone take {fixed}. Give it more memory."
    if fitting is not None:
        advice = f"Use tile={list(fitting.tile)} ({human_bytes(fitting.memory_bytes)})."
    return (
        f"{needs} {human_bytes(plan.memory_bytes)} with libraries and cache, the limit is {human_bytes(memory_bytes)}. "
        f"{advice}"
    )


def describe(current: Pass) -> str:
    """What a pass does, in a few words."""
    words = [f"survey {v.label or v.step.name}" for v in current.surveys]
    words += [f"write {w.name}" + (f" level {w.level}" if w.level else "") for w in current.writes]
    words += [f"keep {image_name(k.image)}" for k in current.keeps]
    return ", ".join(words)


def _halo_text(b: Bill) -> str:
    return " × ".join(str(lo) if lo == hi else f"{lo}+{hi}" for lo, hi in b.halo) if b.halo else str(no_reach(0))
