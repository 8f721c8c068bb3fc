"""Memory of coordinator and scheduler against the number of planned tiles, with a kernel that does nothing.

A survey over a virtual image (no pixels, no file), with a journal as a stored run has it: what is left is planning, the
window of tasks, the merging of parts and the records. Peak memory of the coordinator, of the scheduler process where
there is one, and the time to the first finished tile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import peak_mb

TILE = 2


@dataclass(frozen=True)
class Load:
    """What planning and running this many tiles took."""

    tiles: int
    where: str
    coordinator_mb: float
    scheduler_mb: float | None
    first_tile_seconds: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Nothing:
    """A source without pixels."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: None = None

    def read(self, box: Any, cache: Any) -> Any:
        return np.zeros(box.shape, self.dtype)

    def identity(self) -> dict[str, Any]:
        return {"nothing": list(self.shape)}


def count(array: Any) -> int:
    return 1


class Clock:
    """Progress that notes when the first tile was done."""

    def __init__(self) -> None:
        self.began, self.first = time.perf_counter(), 0.0

    def start(self, current: Any, done: int) -> None: ...

    def advance(self, tiles: int, pixels: int) -> None:
        self.first = self.first or time.perf_counter() - self.began

    def finish(self) -> None: ...


def load(tiles: int, *, cluster: bool) -> Load:
    """Run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scheduling", str(tiles), "cluster" if cluster else "threads"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def _main(tiles: int, where: str) -> None:
    from tilemask.image import Image, reduce_tiles
    from tilemask.planning.plan import make_plan
    from tilemask.run.engine import Engine
    from tilemask.run.journal import Journal
    from tilemask.run.pools import ThreadPool
    from tilemask.run.scratch import FolderScratch
    from tilemask.run.watch import TileLimit

    clock = Clock()
    rows = int(tiles**0.5)
    shape = (rows * TILE, -(-tiles // rows) * TILE)
    value = reduce_tiles(
        count,
        Image(shape, np.dtype(np.uint8), "yx", Nothing(shape, np.dtype(np.uint8))),
        combine=int.__add__,
        finish=int,
    )
    with tempfile.TemporaryDirectory() as folder, _workers(where, Path(folder)) as (client, process):
        plan = make_plan({"value": value}, tile=TILE)
        if client is None:
            pool: Any = ThreadPool(2, 0, TileLimit())
        else:
            from tilemask.run.cluster import ClusterPool

            pool = ClusterPool(client, 0, Path(folder), TileLimit())
        journal = Journal(Path(folder))
        engine = Engine(list(plan.passes), pool, FolderScratch(Path(folder)), journal, clock, run_length=64)
        engine.run()
        assert engine.resolve(value) == len(plan.passes[0].grid)
        pool.close()
        journal.close()
        scheduler = None if process is None else peak_mb(process)
        seconds = time.perf_counter() - clock.began
    print(json.dumps(asdict(Load(tiles, where, peak_mb(), scheduler, clock.first, seconds))))


@contextmanager
def _workers(where: str, folder: Path) -> Any:
    """A scheduler and two workers in processes of their own, or nothing."""
    if where == "threads":
        yield None, None
        return
    from distributed import Client

    file = folder / "scheduler.json"
    base = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen(
        [*base, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
        stderr=subprocess.DEVNULL,
    )
    worker = [*base, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    workers = [subprocess.Popen([*worker, "--host", "127.0.0.1"], stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        while not file.exists():
            time.sleep(0.05)
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(2)
            yield client, scheduler.pid
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
