"""Where tasks run. A pool is told the job of a pass, takes tasks, and hands back results as they end.

Threads of this process are the default: no ports, no serialisation, one cache of decoded chunks for all of them; the
kernels release the GIL. `cluster.py` has the pool of worker processes.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import Protocol

from tilemask.read.cache import ChunkCache
from tilemask.read.heap import give_back_memory
from tilemask.run.task import Job, TaskResult, run_tiles


class Pool(Protocol):
    """A place for tasks."""

    pending: int
    """Tasks submitted and not yet handed back."""

    @property
    def threads(self) -> int:
        """Tasks that run at the same moment; may change as workers come and go."""

    def load(self, job: Job) -> None:
        """The job of the tasks that follow."""

    def submit(self, positions: Sequence[int]) -> None: ...

    def next(self) -> TaskResult:
        """Wait for a task to end; raises what broke it."""

    def stop(self) -> None:
        """Ask the tasks to end after the tile in hand."""

    def close(self) -> None: ...


TRIM_SECONDS = 5.0
"""Freed memory goes back so often: arrays of many sizes leave holes in a heap."""


class ThreadPool:
    """Threads of this process; with one thread, tasks run where they are asked for."""

    def __init__(self, threads: int, cache_bytes: int) -> None:
        self._threads = threads
        self.pending = 0
        self._cache_bytes = cache_bytes
        self._stopped = Event()
        self._waiting: deque[Sequence[int]] = deque()
        self._ended: SimpleQueue[Future[TaskResult]] = SimpleQueue()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tilemask") if threads > 1 else None
        self._opencv_threads = limit_opencv(1) if threads > 1 else None

    @property
    def threads(self) -> int:
        return self._threads

    def load(self, job: Job) -> None:
        self.job = job
        # Anew for each pass: chunks of the last one would only stand in the way of its pixels.
        self.cache = ChunkCache(self._cache_bytes)
        self._give_back()

    def submit(self, positions: Sequence[int]) -> None:
        self.pending += 1
        if self._executor is None:
            self._waiting.append(positions)
        else:
            future = self._executor.submit(run_tiles, self.job, positions, self.cache, self._stopped.is_set)
            future.add_done_callback(self._ended.put)

    def next(self) -> TaskResult:
        self.pending -= 1
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._give_back()
        if self._executor is None:
            return run_tiles(self.job, self._waiting.popleft(), self.cache, self._stopped.is_set)
        return self._ended.get().result()

    def _give_back(self) -> None:
        give_back_memory()
        self._trimmed = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        if self._opencv_threads is not None:
            limit_opencv(self._opencv_threads)


def limit_opencv(threads: int) -> int:
    """One thread per kernel inside a worker: the tiles are what runs side by side. Returns the number before."""
    import cv2

    before: int = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    return before


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
