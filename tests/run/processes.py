"""Real schedulers, workers and runs in processes of their own, ended by their process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

REPOSITORY = Path(__file__).parents[2]


def launch(*command: str, environment: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """A Python process that finds tilemask and these tests, in a process group of its own."""
    path = os.pathsep.join(filter(None, [(environment or {}).pop("PYTHONPATH", ""), str(REPOSITORY)]))
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **(environment or {}), "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until the condition is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")


def runs(process: psutil.Process) -> bool:
    """Whether a process is there, and not only its entry in the table."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a process and what it has started, wherever it is."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@dataclass
class Cluster:
    """A `dask scheduler` and `dask worker` processes on the loopback."""

    folder: Path
    threads: int = 1
    nanny: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    scheduler: subprocess.Popen[str] | None = None
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    port: int = 0

    def start(self, workers: int = 2) -> Cluster:
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        where = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        self.scheduler = self._serve("dask_scheduler", *where, "--port", str(self.port), "--scheduler-file", str(file))
        until(lambda: file.exists() and file.read_text().endswith("}"))
        with Client(scheduler_file=str(file)) as client:
            self.address = client.scheduler.address
        self.port = int(self.address.rpartition(":")[2])
        for _ in range(workers):
            self.add()
        with Client(self.address) as client:
            client.wait_for_workers(workers, timeout=60)
        return self

    def add(self) -> subprocess.Popen[str]:
        nanny = "--nanny" if self.nanny else "--no-nanny"
        where = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--nthreads", str(self.threads), nanny)
        limits = ("--memory-limit", "0", "--death-timeout", "20")
        self.workers.append(
            self._serve("dask_worker", self.address, *where, *limits, environment=dict(self.environment))
        )
        return self.workers[-1]

    def _serve(self, command: str, *options: str, **others: Any) -> subprocess.Popen[str]:
        """Into a file: nobody reads a pipe while tests run, and a process that writes to a full one stands still."""
        with open(self.folder / "log", "ab") as log:
            return launch(f"distributed.cli.{command}", *options, stdout=log, stderr=log, **others)

    def worker_pids(self) -> list[int]:
        """Process ids of what runs tasks: with a nanny, of its child."""
        with Client(self.address) as client:
            return sorted(client.run(os.getpid).values())

    def stop(self) -> None:
        for process in [*self.workers, *filter(None, [self.scheduler])]:
            end(process)
        self.workers, self.scheduler = [], None
