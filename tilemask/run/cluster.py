"""Tasks on the workers of a Dask cluster.

The job of a pass is shipped once per worker by a plugin, which the scheduler also gives to workers that join later or
are restarted; tasks carry positions of the walk. No pixels travel. The scheduler sees a window of tasks at a time.

A run whose client was killed leaves tasks behind that still write. They are of the same plan and write the same bytes,
unless the output was meanwhile begun anew by another plan; so each task looks, before each tile and before it writes,
whether the folder still belongs to its run.

A worker that a tile has ended (for want of memory, or because it took too long) is the fault of one of the tiles that
it had in hand, so they are done again one by one, with nothing beside them; what ends a worker then has failed.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import cloudpickle
from distributed import Client, Future, KilledWorker, WorkerPlugin, get_worker

from tilemask.errors import ClusterError
from tilemask.read.cache import ChunkCache
from tilemask.run.journal import replace_file
from tilemask.run.pools import limit_opencv
from tilemask.run.task import Job, TaskResult, run_tiles, unfinished
from tilemask.run.watch import WATCHDOG, TileLimit
from tilemask.run.workers import ask, gone

HEALTH_SECONDS = 2.0
NO_WORKERS_SECONDS = 60.0


class JobPlugin(WorkerPlugin):  # type: ignore[misc]
    """Holds the job of a pass, and the cache of decoded chunks, on a worker."""

    def __init__(self, job: bytes, cache_bytes: int, owner: Path, run: str) -> None:
        self.job_bytes = job
        self.cache_bytes = cache_bytes
        self.owner = owner
        self.run = run

    def setup(self, worker: Any) -> None:
        self.job: Job = cloudpickle.loads(self.job_bytes)
        self.cache = ChunkCache(self.cache_bytes)
        limit_opencv(1)

    def stopped(self) -> bool:
        return self._owner() != self.run

    def owned(self) -> bool:
        return self._owner().startswith(self.run)

    def _owner(self) -> str:
        try:
            return self.owner.read_text()
        except FileNotFoundError:
            return ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A task as it is sent to a worker."""

    positions: Sequence[int]
    seconds: float
    """That a tile may take."""
    mark: Path
    """Where it is written that, and where, the task has hung."""
    alone: bool = False


def run_remotely(name: str, attempt: Attempt) -> TaskResult:
    """A task on a worker: find the job that the plugin holds, and run the tiles, unless a worker was ended by them."""
    plugin: JobPlugin = get_worker().plugins[name]
    with open(attempt.mark, "ab") as mark:
        if mark.tell():
            return TaskResult(attempt.positions[0], hung=attempt.mark.read_text(errors="replace"))
        with WATCHDOG.watching(attempt.seconds, mark.fileno()) as hand:
            stops = plugin.stopped, plugin.owned
            result = run_tiles(plugin.job, attempt.positions, plugin.cache, hand, *stops, careful=attempt.alone)
    attempt.mark.unlink(missing_ok=True)
    return result


class ClusterPool:
    """Tasks on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    cache_bytes : int
        Decoded chunks that each worker holds.
    folder : Path
        A folder that every worker sees; holds the name of the run that owns it.
    limit : TileLimit
        Of the time that a tile may take.
    """

    def __init__(self, client: Client, cache_bytes: int, folder: Path, limit: TileLimit) -> None:
        self.client = client
        self.pending = 0
        self._cache_bytes = cache_bytes
        self._owner, self._run = folder / "owner", uuid4().hex
        self._marks = folder / "hung"
        shutil.rmtree(self._marks, ignore_errors=True)
        self._marks.mkdir()
        replace_file(self._owner, self._run.encode())
        self._limit = limit
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._tasks: dict[str, tuple[Future, Sequence[int]]] = {}
        self._suspects: deque[int] = deque()
        self._alone: str | None = None
        self._deserted_since: float | None = None
        self._stopping = False
        self._plugin: str | None = None
        self._threads = 1
        self._asked = 0.0

    @property
    def threads(self) -> int:
        """Threads of all workers, asked for again from time to time: workers come and go."""
        if time.monotonic() - self._asked > HEALTH_SECONDS:
            self._asked = time.monotonic()
            self._threads = max(1, sum(ask(self.client, "nthreads").values()))
        return self._threads

    def load(self, job: Job) -> None:
        self._unload()
        self._job = job
        self._limit.restart()
        self._plugin = f"tilemask-{uuid4().hex}"
        plugin = JobPlugin(cloudpickle.dumps(job), self._cache_bytes, self._owner, self._run)
        try:
            ask(self.client, "register_plugin", plugin, name=self._plugin)
        except ClusterError:
            raise
        except Exception as error:
            raise ClusterError(
                f"the workers cannot load the run ({type(error).__name__}: {error}). Make the modules of your "
                "functions importable on every worker, or define them in the script itself."
            ) from error

    def submit(self, positions: Sequence[int]) -> None:
        self.pending += 1
        self._start(positions)

    def next(self) -> TaskResult:
        while True:
            if not self._tasks:
                suspect = [self._suspects.popleft()]
                if self._stopping:
                    self.pending -= 1
                    return TaskResult(suspect[0])
                self._alone = self._start(suspect, alone=True)
            future = self._wait()
            positions = self._tasks.pop(future.key)[1]
            try:
                result = self._result(future)
                ended = None if result.hung is None else (_took_longer(self._limit), result.hung)
            except KilledWorker as error:
                ended = _died(error), str(error)
            if ended is not None and future.key != self._alone:
                self._suspects.extend(positions)
                self.pending += len(positions) - 1
                continue
            if ended is not None:
                failure = unfinished(self._job, positions[0], *ended, None)
                result = TaskResult(positions[0], failures=[failure])
            self._limit.learn(result)
            self.pending -= 1
            return result

    def stop(self) -> None:
        self._stopping = True
        replace_file(self._owner, f"{self._run} stops".encode())

    def close(self) -> None:
        # What ended the run is what must be told, not that the scheduler does not answer to the cleaning either.
        with suppress(ClusterError, OSError):
            replace_file(self._owner, b"")
            ask(self.client, "cancel", [future for future, _ in self._tasks.values()])
            self._unload()
        shutil.rmtree(self._marks, ignore_errors=True)

    def _start(self, positions: Sequence[int], *, alone: bool = False) -> str:
        key = f"{self._plugin}-{positions[0]}-{uuid4().hex[:8]}"
        if self.client.status != "running":
            raise gone(self.client)
        attempt = Attempt(list(positions), self._limit.seconds, self._marks / key, alone)
        future = self.client.submit(run_remotely, self._plugin, attempt, key=key, pure=False)
        self._tasks[key] = future, positions
        future.add_done_callback(self._ended.put)
        return key

    def _result(self, future: Future) -> TaskResult:
        """What a task returned; where its worker died meanwhile, the scheduler has it done again."""
        while True:
            try:
                found: TaskResult = future.result(timeout=HEALTH_SECONDS)
                return found
            except TimeoutError:
                self._check()
            except KilledWorker:
                raise
            except (CancelledError, OSError) as error:
                raise gone(self.client, error) from error
            except Exception as error:  # not of a tile: those are caught on the worker
                raise ClusterError(
                    f"a worker could not run its task ({type(error).__name__}: {error}). Done tiles are kept: look at "
                    "the worker's log, then run the same command again."
                ) from error

    def _unload(self) -> None:
        if self._plugin is not None:
            with suppress(ValueError):  # asked twice, it is not there any more
                ask(self.client, "unregister_worker_plugin", self._plugin)
        self._plugin = None

    def _wait(self) -> Future:
        while True:
            try:
                return self._ended.get(timeout=HEALTH_SECONDS)
            except Empty:
                self._check()

    def _check(self) -> None:
        """Whether there still is somebody to wait for."""
        if ask(self.client, "nthreads"):
            self._deserted_since = None
        elif self._deserted_since is None:
            self._deserted_since = time.monotonic()
        elif time.monotonic() - self._deserted_since > NO_WORKERS_SECONDS:
            raise ClusterError(
                f"the scheduler {self.client.scheduler.address} has had no workers for {NO_WORKERS_SECONDS:g} s. "
                "Start workers, then run the same command again: done tiles are kept."
            )


def _took_longer(limit: TileLimit) -> str:
    return (
        f"took longer than {limit.seconds:g} s (tile_seconds=, --tile-seconds), among other tiles and once more alone; "
        "its workers were ended"
    )


def _died(error: KilledWorker) -> str:
    """Why a worker ends by itself: most often it needs more memory than it has."""
    return (
        f"was in hand when the worker died, {error.allowed_failures + 1} times on this tile alone, most often for want "
        "of memory (or of a crash in native code); use a smaller tile or workers with more memory"
    )
