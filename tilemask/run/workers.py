"""Clients: of worker processes on this machine, or of a cluster that somebody else started.

Nothing here waits for ever: a question to a scheduler has a limit, and one that is not answered is a `ClusterError`,
since a scheduler that is gone, cut off or frozen looks the same from outside.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, rpc

from tilemask.errors import ClusterError, InputError

ANSWER_SECONDS = 30.0
"""A scheduler that is silent for as long is taken for gone."""
CONNECT_SECONDS = 10.0
AGAIN_SECONDS = 0.5
START_SECONDS = 60.0
END_SECONDS = 10.0
SETTINGS = {
    "distributed.scheduler.work-stealing": False,  # tiles are alike; stealing has open deadlocks
    "distributed.scheduler.worker-saturation": 1.0,  # fewer queued tasks are blamed for a worker's death
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.daemon": True,
    "distributed.scheduler.worker-ttl": "15 minutes",  # a kernel that holds the lock keeps a worker silent, too
}


def ask(client: Client, method: str, *args: Any, seconds: float | None = None, **options: Any) -> Any:
    """Call a method of a client, and give up after a time: by itself it would wait for ever for a frozen scheduler.

    The call is repeated where a connection breaks, so it must be one that can be.

    Raises
    ------
    ClusterError
        No answer, or no connection.
    """

    async def call() -> Any:
        return await getattr(client, method)(*args, **options)

    limit = time.monotonic() + (ANSWER_SECONDS if seconds is None else seconds)
    while client.status == "running":
        try:
            return client.sync(call, callback_timeout=limit - time.monotonic())
        except TimeoutError as error:
            raise gone(client, error) from error
        except OSError as error:  # a worker that dies while it is asked breaks the answer of all
            if time.monotonic() > limit - AGAIN_SECONDS:
                raise gone(client, error) from error
            time.sleep(AGAIN_SECONDS)
    raise gone(client)


def gone(client: Client, error: BaseException | None = None) -> ClusterError:
    """What to say where a scheduler does not answer."""
    address = getattr(client.scheduler, "address", "?")
    reason = "" if error is None else f" ({type(error).__name__}: {error})".replace(": )", ")")
    return ClusterError(
        f"the scheduler {address} is gone or does not answer{reason}. Done tiles are kept: start a cluster and run the "
        "same command again."
    )


@contextmanager
def local_workers(count: int) -> Iterator[Client]:
    """Worker processes on this machine for one run: loopback only, no dashboard, one thread each.

    The workers are started by command and not by `multiprocessing`, so a script needs no main guard. They are no part
    of the terminal's process group: an interrupt is for this process, which lets their tiles end.
    """
    if count < 1:
        raise InputError(f"client={count} asks for that many worker processes; give 1 or more.")
    # Without an address the library opens the port of its dashboard even where there is none, and on all interfaces.
    inward = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    options: dict[str, Any] = {"host": "127.0.0.1", "protocol": "tcp://", "silence_logs": 50}
    with (
        dask.config.set(SETTINGS),
        LocalCluster(n_workers=0, processes=False, scheduler_kwargs=inward, **options) as cluster,
        Client(cluster) as client,
    ):
        workers = [_start_worker(cluster.scheduler_address) for _ in range(count)]
        try:
            _wait_for_workers(client, count)
            yield client
        finally:
            _end(workers)


def _start_worker(address: str) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--memory-limit", "0"),
        *("--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1", "--death-timeout", "30"),
    ]
    # Functions of the user's modules are loaded by name: workers look where this process does.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _wait_for_workers(client: Client, count: int) -> None:
    if len(ask(client, "nthreads")) >= count:  # a frozen scheduler is found here, in less time than workers are given
        return
    try:
        ask(client, "wait_for_workers", count, timeout=START_SECONDS, seconds=START_SECONDS + ANSWER_SECONDS)
    except ClusterError as error:
        if not isinstance(error.__cause__, TimeoutError):
            raise
        found = len(ask(client, "nthreads"))
        raise ClusterError(
            f"{count} workers were waited for and {found} came within {START_SECONDS:g} s. Start workers (`dask worker "
            f"{client.scheduler.address}`) and run the same command again."
        ) from error


@contextmanager
def connect(client: Client | str | int) -> Iterator[Client]:
    """A client with at least one worker, for what the user gave: their own, an address, or a number of processes.

    Raises
    ------
    ClusterError
        Nothing answers at the address within 10 s, or no worker comes within a minute.
    InputError
        It is none of these.
    """
    if isinstance(client, int):
        with local_workers(client) as started:
            yield started
    elif isinstance(client, str):
        with _opened(client) as opened:
            _wait_for_workers(opened, 1)
            yield opened
    elif isinstance(client, Client) and not client.asynchronous:
        _wait_for_workers(client, 1)
        yield client
    else:
        raise InputError(
            "client= takes a number of worker processes, the address of a scheduler, or a distributed.Client that is "
            f"not asynchronous; found {type(client).__module__}.{type(client).__name__}."
        )


def _opened(address: str) -> Client:
    """A client of the scheduler at an address, if it answers.

    It is asked before there is a client: Dask's waits for ever for one that takes a connection and then says nothing.
    """
    try:
        with ThreadPoolExecutor(1) as other:  # in this thread an event loop may run already, as in Jupyter
            other.submit(asyncio.run, _greet(address)).result()
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no scheduler answers at {address!r} ({type(error).__name__}: {error}). Start one with `dask "
            "scheduler`, or give --workers N for worker processes of this machine."
        ) from error


async def _greet(address: str) -> None:
    secured = Security().get_connection_args("client")
    async with asyncio.timeout(CONNECT_SECONDS), rpc(address, connection_args=secured) as scheduler:
        await scheduler.identity()
