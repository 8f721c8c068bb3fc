"""Run passes: submit tasks through a sliding window, merge what comes back, finish surveys, go on to the next pass.

The coordinator holds a window of tasks, the merged state of the surveys and one byte per tile; nothing else grows with
the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Any

import numpy as np

from tilemask.errors import Interrupted
from tilemask.image import Formula, Image, Source, Survey, Value
from tilemask.planning import Pass
from tilemask.planning.graph import downstream_first
from tilemask.planning.regions import is_blank
from tilemask.run.endings import AGAIN, undone
from tilemask.run.interrupts import orderly_interrupt
from tilemask.run.ledger import Ledger
from tilemask.run.missing import add_missing
from tilemask.run.pools import Pool
from tilemask.run.progress import Progress
from tilemask.run.scratch import Pieces, Records, Scratch, ScratchSource
from tilemask.run.task import Failure, Job, TaskResult, Writer

WINDOW = 2
"""Tasks in flight per thread: one running, one waiting."""
HOPELESS = 20
"""A run stops where this many tiles have failed and none has been done: it is the function, not a tile."""


@dataclass
class Swept:
    """How far a pass is."""

    done: bytearray
    parts: list[Any] | None
    """Combined parts of the surveys over exactly the tiles that are done."""
    failures: list[Failure] = field(default_factory=list)
    sound: bool = True
    """Whether `parts` and `done` agree."""
    mends: bool = False
    """Whether these tiles were done before, and the surveys have their parts."""


@dataclass
class Engine:
    """One execution of a list of passes."""

    passes: list[Pass]
    pool: Pool
    scratch: Scratch
    ledger: Ledger
    progress: Progress
    writers: Mapping[str, Writer] = field(default_factory=dict)
    failures: str | None = None
    run_length: int = 1
    growth_bytes: float = math.inf
    values: dict[Value, Any] = field(default_factory=dict)
    levels: Mapping[Image, Source] = field(default_factory=dict)
    """Resolution levels that a pass writes and the next one reads."""
    stored: dict[Image, ScratchSource] = field(default_factory=dict)
    done_before: int = 0
    done_now: int = 0
    user_seconds: dict[str, list[float]] = field(default_factory=dict)
    asked: bool = False
    """Whether an interrupt has asked the run to stop."""
    missing: dict[str, bytearray] = field(default_factory=dict)
    """A byte per chunk, 1 where a source did not have it, by the name of the array."""

    def run(self) -> None:
        """Run every pass that is not finished."""
        for current in self.passes:
            parts = self.ledger.finished(current)
            self._mend(current, parts is not None)
            if parts is None:
                parts = self._sweep(current)
                self.ledger.finish(current, parts)
                for value in current.surveys:  # only now: a run killed before would need them again
                    self.scratch.release(notes_of(current, value))
            else:
                self.done_before += len(current.grid)
            for value, part in zip(current.surveys, parts, strict=True):
                self.values[value] = self._finished(value, part, current)
            for keep in current.keeps:
                image = keep.image
                self.stored[image] = ScratchSource(
                    self.scratch, keep.name, current.grid, image.shape, image.dtype, partial(is_blank, image)
                )
            for name in current.release:
                self.scratch.release(name)
            self.stored = {i: s for i, s in self.stored.items() if s.name not in current.release}

    def resolve(self, value: Value) -> Any:
        """The number (or table) behind a value whose surveys are done."""
        if value not in self.values:
            assert isinstance(value.step, Formula)
            operands = [self.resolve(o) if isinstance(o, Value) else o for o in value.step.operands]
            self.values[value] = _typed(value, value.step.function(*operands))
        found, step = self.values[value], value.step
        if isinstance(step, Survey) and step.pieces is not None:
            return step.pieces.gather(found)
        return found

    def pieces(self, value: Value) -> Pieces:
        """The pieces of a stream whose survey is done, to be read one by one."""
        found = self.values[value]
        assert isinstance(found, Pieces)
        return found

    def _mend(self, current: Pass, finished: bool) -> None:
        """Do the tiles again whose data are gone."""
        lost = self.ledger.mending(current)
        if lost is not None:
            self.done_before -= lost.count(1)
            swept = Swept(bytearray(1 - n for n in lost), None, mends=True)
            self._do(mended(current) if finished else current, swept)

    def _sweep(self, current: Pass) -> list[Any]:
        swept = Swept(*self.ledger.begun(current))
        self.done_before += swept.done.count(1)
        self._do(current, swept)
        parts, remains = swept.parts or [], []
        for value, part in zip(current.surveys, parts, strict=True):
            if _survey(value).noted:
                remains.append(self._write_remains(value, part, current))
            else:
                remains.append(part)
        return remains

    def _do(self, current: Pass, swept: Swept) -> None:
        """Do all tiles of a pass that are not done."""
        if self.asked:  # during the last tile of the pass before
            before = f"pass {current.number} of {len(self.passes)}"
            raise Interrupted(f"stopped after {before}; {AGAIN}")
        self.pool.load(self.job(current))
        self.progress.start(current, swept.done.count(1))
        try:
            with orderly_interrupt(self.pool.stop) as asked:
                self._tasks(current, swept, asked)
            self.asked = asked.is_set()
        except BaseException:
            self._save(current, swept)
            raise
        finally:
            self.progress.finish()
        if 0 in swept.done:
            self._save(current, swept)
            with suppress(OSError):
                self.ledger.failed(current, swept.failures)
            raise undone(current, len(self.passes), swept.failures, swept.done, self.asked, self.ledger.durable)

    def _tasks(self, current: Pass, swept: Swept, asked: Event) -> None:
        """Keep the window full until the pass, the disk, the user's patience or all hope is at an end."""
        waiting = self._runs(current, swept.done)
        self._fill(waiting)
        while self.pool.pending:
            result = self.pool.next()
            swept.sound = False
            self._merge(current, result, swept)
            swept.sound = True
            hopeless = len(swept.failures) >= HOPELESS and 1 not in swept.done
            if asked.is_set() or hopeless or any(f.disk_full for f in result.failures):
                waiting = iter(())
            self._fill(waiting)

    def _save(self, current: Pass, swept: Swept) -> None:
        """Keep what the surveys have gathered; not where the merging itself broke, which may have left half a merge."""
        if swept.sound and not swept.mends:
            with suppress(OSError):  # the run stops for a reason of its own, often the same full disk
                self.ledger.interrupted(current, swept.done, swept.parts)

    def _fill(self, waiting: Iterator[list[int]]) -> None:
        while self.pool.pending < WINDOW * self.pool.threads:
            positions = next(waiting, None)
            if positions is None:
                return
            self.pool.submit(positions)

    def _runs(self, current: Pass, done: bytearray) -> Iterator[list[int]]:
        """Runs of neighbouring tiles that are still to do."""
        grid, total = current.grid, len(current.grid)
        fresh = not any(done)
        for start in range(0, total, self.run_length):
            positions = range(start, min(start + self.run_length, total))
            todo = list(positions) if fresh else [p for p in positions if not done[grid.number(grid.step(p))]]
            if todo:
                yield todo

    def _merge(self, current: Pass, result: TaskResult, swept: Swept) -> None:
        self.ledger.record(current, result)
        for number, _ in result.tiles:
            swept.done[number] = 1
        self.done_now += len(result.tiles)
        if result.parts is not None and not swept.mends:
            if swept.parts is None:
                swept.parts = result.parts
            else:
                pairs = zip(current.surveys, swept.parts, result.parts, strict=True)
                swept.parts = [_survey(v).combine(a, b) for v, a, b in pairs]
            if current.surveys:
                self.ledger.gathered(current, swept.done, swept.parts)
        swept.failures += result.failures
        add_missing(self.missing, result.missing)
        for name, seconds in result.user_seconds.items():
            total = self.user_seconds.setdefault(name, [0.0, 0.0])
            total[0] += seconds[0]
            total[1] += seconds[1]
        self.progress.advance(len(result.tiles), result.pixels)

    def job(self, current: Pass) -> Job:
        """What the tasks of a pass need; every earlier pass must be done."""
        images = downstream_first(current.evaluated, current.stored)
        computed = [i for i in images if i not in current.stored]
        records = {r: self.values[r] for i in computed if (r := getattr(i.step, "records", None)) is not None}
        plain = {v for v in current.values if v not in records}
        return Job(
            key=f"pass-{current.number}",
            current=current,
            scratch=self.scratch,
            stored={i: self.stored[i] if i in self.stored else self.levels[i] for i in images if i in current.stored},
            values={v: self.resolve(v) for v in plain},
            records=records,
            notes={v: notes_of(current, v) for v in current.surveys if _survey(v).noted},
            writers={w.name: self.writers[w.name] for w in current.writes},
            failures=self.failures,
            growth_bytes=self.growth_bytes,
        )

    def _write_remains(self, value: Value, part: Any, current: Pass) -> int:
        """Finish a survey whose tiles left notes, and count what remains of it: the records or pieces, in scratch."""
        survey, notes = _survey(value), notes_of(current, value)
        finished = survey.finish(part, lambda n: self.scratch.get_record(notes, n), current.grid)
        name, count = remains_of(current, value), 0
        for number, remains in finished if survey.records else enumerate(finished):
            self.scratch.put_record(name, number, remains)
            count += 1
        return count

    def _finished(self, value: Value, part: Any, current: Pass) -> Any:
        """What is known of a survey whose pass is done."""
        survey = _survey(value)
        if survey.records:
            return Records(self.scratch, remains_of(current, value), current.grid)
        if survey.pieces is not None:
            return Pieces(self.scratch, remains_of(current, value), part)
        return _typed(value, survey.finish(part))


def mended(current: Pass) -> Pass:
    """What is done of the tiles of a finished pass whose data are gone: all but the surveys, which have their parts."""
    return replace(current, surveys=())


def remains_of(current: Pass, value: Value) -> str:
    """The name in scratch of the records or pieces that a survey leaves."""
    return f"{'records' if _survey(value).records else 'pieces'}-{_label(current, value)}"


def notes_of(current: Pass, value: Value) -> str:
    """The name in scratch of the notes that tiles leave for a survey."""
    return f"notes-{_label(current, value)}"


def _label(current: Pass, value: Value) -> str:
    return f"{current.number}-{next(n for n, v in enumerate(current.surveys) if v is value)}"


def _survey(value: Value) -> Survey:
    assert isinstance(value.step, Survey)
    return value.step


def _typed(value: Value, result: Any) -> Any:
    return result if value.dtype is None else np.asarray(result, value.dtype)[()]
