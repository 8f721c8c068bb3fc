"""Where tasks run. A pool is told the job of a pass, takes tasks, and hands back results as they end.

Threads of this process are the default: no ports, no serialisation, one cache of decoded chunks for all of them; the
kernels release the GIL. They are daemons, which the executors of the standard library are not, since one that never
returns would keep the process from ending. `cluster.py` has the pool of worker processes.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread, current_thread
from typing import Protocol

from tilemask.read.cache import ChunkCache
from tilemask.read.heap import give_back_memory
from tilemask.run.task import Job, TaskResult, run_tiles, unfinished
from tilemask.run.watch import Hand, TileLimit


class Pool(Protocol):
    """A place for tasks."""

    pending: int
    """Tasks submitted and not yet handed back."""

    @property
    def threads(self) -> int:
        """Tasks that run at the same moment; may change as workers come and go; 0 where the pool has given up."""

    def load(self, job: Job) -> None:
        """The job of the tasks that follow."""

    def submit(self, positions: Sequence[int]) -> None: ...

    def next(self) -> TaskResult:
        """Wait for a task to end, or for a tile that takes too long; raises what broke it."""

    def stop(self) -> None:
        """Ask the tasks to end after the tile in hand."""

    def close(self) -> None: ...


TRIM_SECONDS = 5.0
"""Freed memory goes back so often: arrays of many sizes leave holes in a heap."""
LOOK_SECONDS = 0.5
"""So often a pool that waits looks for tiles that take too long."""
AWAY_SECONDS = 60.0
"""Who has not looked for as long was stopped himself, and his threads with him: that time does not count."""
END_SECONDS = 5.0
"""How long threads are waited for at the end, where they have a tile in hand that nobody wants any more."""


class ThreadPool:
    """Threads of this process; with one thread and no limit, tasks run where they are asked for.

    Parameters
    ----------
    threads : int
    cache_bytes : int
        Decoded chunks to hold.
    limit : TileLimit, optional
        Of the time that a tile may take.
    """

    def __init__(self, threads: int, cache_bytes: int, limit: TileLimit | None = None) -> None:
        self._threads = threads
        self.pending = 0
        self._cache_bytes = cache_bytes
        self._limit = limit
        self._stopped = Event()
        self._here: deque[_Task] | None = deque() if threads == 1 and limit is None else None
        self._waiting: SimpleQueue[_Task | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[_Task, TaskResult | BaseException]] = SimpleQueue()
        self._tasks: set[_Task] = set()
        self._crew: set[Thread] = set()
        self._lost = 0
        self._looked = time.monotonic()
        self._opencv_threads = limit_opencv(1) if threads > 1 else None

    @property
    def threads(self) -> int:
        """Threads; 0 once more of them hang than there were, since each keeps the memory of its tile."""
        return 0 if self._lost > self._threads else self._threads

    def load(self, job: Job) -> None:
        self.job = job
        # Anew for each pass: chunks of the last one would only stand in the way of its pixels.
        self.cache = ChunkCache(self._cache_bytes)
        if self._limit is not None:
            self._limit.restart()
        self._give_back()

    def submit(self, positions: Sequence[int]) -> None:
        self.pending += 1
        task = _Task(positions)
        if self._here is not None:
            self._here.append(task)
            return
        self._tasks.add(task)
        self._waiting.put(task)
        if len(self._crew) < self._threads:
            self._begin_thread()

    def next(self) -> TaskResult:
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._give_back()
        if self._here is not None:
            self.pending -= 1
            return self._run(self._here.popleft())
        while True:
            late = self._late()
            if late is not None:
                return self._give_up(*late)
            with suppress(Empty):
                task, result = self._ended.get(timeout=LOOK_SECONDS)
                if task in self._tasks:
                    return self._hand_back(task, result)

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()
        for task in self._tasks:
            task.hand.given_up = True
        for _ in self._crew:
            self._waiting.put(None)
        end = time.monotonic() + END_SECONDS
        for thread in self._crew:
            thread.join(max(0.0, end - time.monotonic()))
        if self._opencv_threads is not None:
            limit_opencv(self._opencv_threads)

    def _hand_back(self, task: _Task, result: TaskResult | BaseException) -> TaskResult:
        self._tasks.remove(task)
        self.pending -= 1
        if isinstance(result, BaseException):
            raise result
        if self._limit is not None:
            self._limit.learn(result)
        return result

    def _begin_thread(self) -> None:
        thread = Thread(target=self._work, name="tilemask", daemon=True)
        self._crew.add(thread)
        thread.start()

    def _work(self) -> None:
        """What a thread does: tasks, until there is none, or until nobody waits for the one that it had."""
        while (task := self._waiting.get()) is not None:
            task.thread = current_thread()
            self._ended.put((task, self._outcome(task)))
            if task.hand.given_up:
                return

    def _outcome(self, task: _Task) -> TaskResult | BaseException:
        try:
            return self._run(task)
        except BaseException as error:
            return error

    def _run(self, task: _Task) -> TaskResult:
        def given_up() -> bool:
            return task.hand.given_up

        return run_tiles(
            self.job,
            task.positions,
            self.cache,
            task.hand,
            lambda: self._stopped.is_set() or given_up(),
            lambda: not given_up(),
        )

    def _late(self) -> tuple[_Task, int] | None:
        """A task whose tile takes too long, and the position of that tile."""
        now = time.monotonic()
        away, self._looked = now - self._looked > AWAY_SECONDS, now
        if self._limit is None:
            return None
        for task in self._tasks:
            hand = task.hand
            position, since = hand.position, hand.since
            if position is None or since is None:
                continue
            if away:
                hand.restart()
            elif now - since > self._limit.seconds:
                return task, position
        return None

    def _give_up(self, task: _Task, position: int) -> TaskResult:
        """A tile that has failed; the others of its task are tasks anew, on a thread that takes the place of this."""
        assert self._limit is not None
        assert task.thread is not None
        task.hand.given_up = True
        self._tasks.remove(task)
        self._crew.discard(task.thread)
        self._lost += 1
        self.pending -= 1
        if not self.threads:
            self.stop()
        why = (
            f"took longer than {self._limit.seconds:g} s (tile_seconds=, --tile-seconds); a thread cannot be ended, so "
            "it goes on until this process ends. Worker processes can: client=1 (--workers 1)"
        )
        frame = sys._current_frames().get(task.thread.ident or 0)
        trace = "".join(traceback.format_stack(frame)) if frame is not None else ""
        failure = unfinished(self.job, position, why, trace, task.hand.call)
        others = [p for p in task.positions if p != position]
        if others:
            self.submit(others)
        if len(self._crew) < self._threads:
            self._begin_thread()
        return TaskResult(task.positions[0], failures=[failure])

    def _give_back(self) -> None:
        give_back_memory()
        self._trimmed = time.monotonic()


@dataclass(eq=False)
class _Task:
    """A task of a pool of threads."""

    positions: Sequence[int]
    hand: Hand = field(default_factory=Hand)
    thread: Thread | None = None
    """That has it."""


def limit_opencv(threads: int) -> int:
    """One thread per kernel inside a worker: the tiles are what runs side by side. Returns the number before."""
    import cv2

    before: int = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    return before


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
