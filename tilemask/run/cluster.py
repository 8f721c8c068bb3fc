"""Worker processes: of this machine, or of a cluster that somebody else started.

The job of a pass is shipped once per worker by a plugin, which the scheduler also gives to workers that join later or are
restarted; tasks carry positions of the walk. No pixels travel. The scheduler sees a window of tasks at a time.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import cloudpickle
import dask
from distributed import Client, Future, KilledWorker, LocalCluster, WorkerPlugin, get_worker

from tilemask.boxes import Grid
from tilemask.errors import ClusterError
from tilemask.read.cache import ChunkCache
from tilemask.run.pools import _limit_opencv
from tilemask.run.task import Failure, Job, TaskResult, run_tiles

HEALTH_SECONDS = 2.0
NO_WORKERS_SECONDS = 60.0
SETTINGS = {
    "distributed.scheduler.work-stealing": False,  # tiles are alike; stealing has open deadlocks
    "distributed.scheduler.worker-saturation": 1.0,  # fewer queued tasks are blamed for a worker's death
    "distributed.deploy.lost-worker-timeout": "1 hour",  # the default gives up on a worker that died twice in 15 s
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.daemon": True,
}


class JobPlugin(WorkerPlugin):  # type: ignore[misc]
    """Holds the job of a pass, and the cache of decoded chunks, on a worker."""

    def __init__(self, job: bytes, cache_bytes: int, stop_file: str) -> None:
        self.job_bytes = job
        self.cache_bytes = cache_bytes
        self.stop_file = Path(stop_file)

    def setup(self, worker: Any) -> None:
        self.job: Job = cloudpickle.loads(self.job_bytes)
        self.cache = ChunkCache(self.cache_bytes)
        _limit_opencv(1)

    def stopped(self) -> bool:
        return self.stop_file.exists()


def run_remotely(name: str, positions: Sequence[int]) -> TaskResult:
    """A task on a worker: find the job that the plugin holds, and run the tiles."""
    plugin: JobPlugin = get_worker().plugins[name]
    return run_tiles(plugin.job, positions, plugin.cache, plugin.stopped)


class ClusterPool:
    """Tasks on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    cache_bytes : int
        Decoded chunks that each worker holds.
    folder : Path
        A folder that every worker sees; holds the file that asks tasks to end.
    """

    def __init__(self, client: Client, cache_bytes: int, folder: Path) -> None:
        self.client = client
        self.pending = 0
        self._cache_bytes = cache_bytes
        self._stop_file = folder / "stop"
        self._stop_file.unlink(missing_ok=True)
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._tasks: dict[str, Sequence[int]] = {}
        self._plugin: str | None = None
        self._threads = 1
        self._asked = 0.0

    @property
    def threads(self) -> int:
        """Threads of all workers, asked for again from time to time: workers come and go."""
        if time.monotonic() - self._asked > HEALTH_SECONDS:
            self._asked = time.monotonic()
            self._threads = max(1, sum(w["nthreads"] for w in self._workers().values()))
        return self._threads

    def load(self, job: Job) -> None:
        self._unload()
        self._grid = job.current.grid
        self._plugin = f"tilemask-{uuid4().hex}"
        plugin = JobPlugin(cloudpickle.dumps(job), self._cache_bytes, str(self._stop_file))
        self.client.register_plugin(plugin, name=self._plugin)

    def submit(self, positions: Sequence[int]) -> None:
        key = f"{self._plugin}-{positions[0]}-{uuid4().hex[:8]}"
        future = self.client.submit(run_remotely, self._plugin, list(positions), key=key, pure=False)
        self._tasks[key] = positions
        self.pending += 1
        future.add_done_callback(self._ended.put)

    def next(self) -> TaskResult:
        future = self._wait()
        self.pending -= 1
        positions = self._tasks.pop(future.key)
        if future.status == "finished":
            return future.result()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return _killed(self._grid, positions, error)
            raise error
        raise self._lost()

    def stop(self) -> None:
        self._stop_file.touch()

    def close(self) -> None:
        self._stop_file.unlink(missing_ok=True)
        if self.client.status == "running":
            self._unload()

    def _unload(self) -> None:
        if self._plugin is not None and self.client.status == "running":
            self.client.unregister_worker_plugin(self._plugin)
        self._plugin = None

    def _workers(self) -> dict[str, Any]:
        # The client keeps this up to date by itself; asking the scheduler would hang where it is gone.
        return dict(self.client.scheduler_info(n_workers=-1)["workers"]) if self.client.status == "running" else {}

    def _wait(self) -> Future:
        alone_since: float | None = None
        while True:
            try:
                return self._ended.get(timeout=HEALTH_SECONDS)
            except Empty:
                if self.client.status != "running":
                    raise self._lost() from None
                if self._workers():
                    alone_since = None
                elif alone_since is None:
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > NO_WORKERS_SECONDS:
                    raise ClusterError(
                        f"the scheduler {self.client.scheduler.address} has had no workers for {NO_WORKERS_SECONDS:g} s. "
                        "Start workers, then run the same command again: done tiles are kept."
                    ) from None

    def _lost(self) -> ClusterError:
        address = getattr(self.client.scheduler, "address", "?")
        return ClusterError(
            f"the scheduler {address} is gone. Done tiles are kept: start a cluster and run the same command again."
        )


def _killed(grid: Grid, positions: Sequence[int], error: KilledWorker) -> TaskResult:
    """A run of tiles that kept killing its workers: most often it needs more memory than they have."""
    reason = (
        f"the worker died {error.allowed_failures + 1} times on this run of {len(positions)} tiles, most often for want of memory "
        "(or a crash in native code); use a smaller tile or workers with more memory"
    )
    indices = [grid.step(p) for p in positions]
    failures = [Failure(grid.number(i), str(grid.core(i)), reason, str(error)) for i in indices]
    return TaskResult(positions[0], failures=failures)


@contextmanager
def local_workers(count: int) -> Iterator[Client]:
    """Worker processes on this machine for one run: loopback only, no dashboard, one thread each.

    The workers are started by command and not by `multiprocessing`, so a script needs no main guard.
    """
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=0, processes=False, host="127.0.0.1", protocol="tcp://", dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        command = [
            *(sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address),
            *("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--death-timeout", "30", "--memory-limit", "0"),
        ]
        workers = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)]
        try:
            try:
                client.wait_for_workers(count, timeout=60)
            except (TimeoutError, asyncio.TimeoutError) as error:
                raise ClusterError(f"{count} worker processes were asked for and did not start within 60 s.") from error
            yield client
        finally:
            client.retire_workers()
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(timeout=30)


@contextmanager
def connect(client: Client | str | int) -> Iterator[Client]:
    """A client for what the user gave: their own, an address, or a number of worker processes.

    Raises
    ------
    ClusterError
        Nothing answers at the address within 10 s.
    """
    if isinstance(client, int):
        with local_workers(client) as started:
            yield started
    elif isinstance(client, str):
        try:
            opened = Client(client, timeout=10)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            raise ClusterError(
                f"no scheduler answers at {client!r} ({type(error).__name__}: {error}). Start one with `dask scheduler`, or "
                "give --workers N for worker processes of this machine."
            ) from error
        with opened:
            yield opened
    else:
        yield client
