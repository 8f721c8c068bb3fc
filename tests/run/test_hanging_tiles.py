"""A tile that takes too long is named, its input is saved, the others are done; nothing is waited for for ever."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.run.cases import calls, count_call, stored
from tests.run.processes import REPOSITORY, Cluster, runs, until
from tests.run.test_engine import run as run_passes
from tilemask.errors import InputError, TileError
from tilemask.image import Growth, Window, map_tiles
from tilemask.run import pools, workers
from tilemask.run.pools import ThreadPool
from tilemask.run.task import TaskResult
from tilemask.run.watch import FIRST_SECONDS, LEAST_SECONDS, TileLimit

TILES = 5 * 7
LIMIT = 3.0
"""Seconds; a tile takes milliseconds, and the first of a process waits for what is imported."""


def sleeps() -> None:
    time.sleep(3600)


def holds_the_lock() -> None:
    ctypes.PyDLL(None).sleep(3600)


def is_stopped() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


WAYS = {f.__name__: f for f in (sleeps, holds_the_lock, is_stopped)}


def stuck(array: NDArray[Any], *, way: str, least: int, mended: str) -> NDArray[np.bool_]:
    if (array >= least).any() and not os.path.exists(mended):
        if way == "is_stopped":
            Path(mended).touch()
        WAYS[way]()
    return array > 100


def outputs(source: Path, folder: Path, way: str, least: int = 255) -> dict[str, tm.Image]:
    function = {"way": way, "least": least, "mended": str(folder / "mended")}
    return {"cells": tm.map_tiles(stuck, tm.open_image(source), dtype=bool, **function)}


def save_on_threads(source: str, folder: str, least: str) -> None:
    """As a program: says what the run says, and ends."""
    try:
        tm.save(
            outputs(Path(source), Path(folder), "sleeps", int(least)),
            f"{folder}/out.ome.zarr",
            tile=32,
            quiet=True,
            tile_seconds=LIMIT,
        )
    except TileError as error:
        print(error, *error.__notes__)
        sys.exit(error.exit_code)


def on_threads(source: Path, folder: Path, least: int) -> str:
    code = f"from {__name__} import save_on_threads; import sys; save_on_threads(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(source), str(folder), str(least)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    assert done.returncode == TileError.exit_code, done
    return done.stdout


def finish(source: Path, folder: Path, way: str, left: int) -> None:
    (folder / "mended").touch()
    run = tm.save(outputs(source, folder, way), folder / "out.ome.zarr", tile=32, quiet=True)
    assert run.tiles_done == left
    assert tm.verify(run.path) == []


def hanging(source: Path, least: int = 255) -> int:
    pixels = tm.open_image(source).compute()
    return sum((pixels[y : y + 32, x : x + 32] >= least).any() for y in range(0, 150, 32) for x in range(0, 210, 32))


@pytest.fixture(autouse=True)
def one_tile_hangs(source: Path) -> None:
    assert hanging(source) == 1


def test_on_threads_the_others_are_done_and_the_process_ends(source: Path, tmp_path: Path) -> None:
    said = on_threads(source, tmp_path, 255)
    assert f"1 of {TILES} tiles failed in pass 1; {TILES - 1} are done:" in said
    assert f"stuck took longer than {LIMIT:g} s" in said
    assert "client=1 (--workers 1)" in said
    assert "time.sleep(3600)" in said
    bundle = Path(said.partition("tilemask replay ")[2].splitlines()[0])
    with np.load(bundle / "inputs.npz") as saved:
        assert saved["image0"].max() == 255
    finish(source, tmp_path, "sleeps", 1)


def test_where_more_tiles_hang_than_there_are_threads_the_rest_is_left(source: Path, tmp_path: Path) -> None:
    """Each keeps the memory of a tile, and that of the others is billed."""
    assert hanging(source, 150) > 2 * pools.processors() + 1
    assert "the rest was not tried" in on_threads(source, tmp_path, 150)


@pytest.mark.parametrize("way", ["sleeps", "holds_the_lock"])
def test_a_worker_that_hangs_is_ended(way: str, source: Path, tmp_path: Path) -> None:
    made = outputs(source, tmp_path, way)
    with pytest.raises(TileError) as told:
        tm.save(made, tmp_path / "out.ome.zarr", tile=32, client=2, quiet=True, tile_seconds=LIMIT)
    said = str(told.value)
    assert f"1 of {TILES} tiles failed in pass 1; {TILES - 1} are done:" in said
    assert f"stuck took longer than {LIMIT:g} s" in said
    assert "once more alone" in said
    assert f"in {way}" in "".join(told.value.__notes__)
    assert (Path(said.partition("tilemask replay ")[2].splitlines()[0]) / "inputs.npz").exists()


def test_workers_without_nannies(source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster]) -> None:
    """One ends with the tile among others, one with the tile alone, and one is left."""
    made, cluster = outputs(source, tmp_path, "holds_the_lock"), start_cluster(3)
    with pytest.raises(TileError, match=f"1 of {TILES} tiles failed"):
        tm.save(made, tmp_path / "out.ome.zarr", tile=32, client=cluster.address, quiet=True, tile_seconds=LIMIT)
    until(lambda: sum(w.poll() is not None for w in cluster.workers) == 2)
    finish(source, tmp_path, "holds_the_lock", 1)


def test_a_frozen_worker_is_replaced(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(workers.SETTINGS, "distributed.scheduler.worker-ttl", "3s")
    monkeypatch.setattr("distributed.scheduler.heartbeat_interval", lambda workers: 0.2)
    made = outputs(source, tmp_path, "is_stopped")
    run = tm.save(made, tmp_path / "out.ome.zarr", tile=32, client=2, quiet=True, tile_seconds=LIMIT)
    assert (tmp_path / "mended").exists()
    assert run.tiles_done == TILES
    assert tm.verify(run.path) == []
    until(lambda: not any(runs(p) and p.status() == psutil.STATUS_STOPPED for p in psutil.Process().children(True)))


def naps(array: NDArray[Any], *, log: str) -> NDArray[Any]:
    count_call(log)
    time.sleep(0.2)
    return array


def save_with_naps(source: str, folder: str) -> None:
    """As a program that may be stopped for a while; no tile takes as long as its limit."""
    pools.AWAY_SECONDS = 1.0
    image = tm.map_tiles(naps, tm.open_image(source), log=f"{folder}/log")
    tm.save(image, f"{folder}/out.ome.zarr", tile=32, quiet=True, tile_seconds=LIMIT)


def test_the_time_that_a_run_was_stopped_does_not_count(source: Path, tmp_path: Path) -> None:
    code = f"from {__name__} import save_with_naps; import sys; save_with_naps(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(source), str(tmp_path)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    until(lambda: calls(tmp_path / "log") > 3)
    process.send_signal(signal.SIGSTOP)
    time.sleep(LIMIT + 0.5)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def grows_slowly(mask: NDArray[np.bool_], *, window: Window) -> tuple[NDArray[np.bool_], list[Any]]:
    from tilemask.image import Unproven

    if window.box.shape == window.shape:
        time.sleep(0.6)
        return mask[window.core.within(window.box)], []
    return mask[window.core.within(window.box)], [Unproven(window.core, 1)]


def test_a_window_that_grows_is_not_timed() -> None:
    limit = TileLimit(0.5)
    image = map_tiles(grows_slowly, tm.from_array(np.ones((16, 8), bool)), reach=1, grows=Growth(1.0), user=False)
    assert run_passes(image, ThreadPool(2, 0, limit)).done_now == 2


def test_the_limit_follows_the_tiles_of_the_pass() -> None:
    limit = TileLimit()
    assert limit.seconds == FIRST_SECONDS
    for seconds, tiles in ((80.0, 2), (90.0, 1), (10.0, 1), (7.0, 0)):
        limit.learn(TaskResult(0, tiles=[(n, []) for n in range(tiles)], seconds=seconds))
    assert limit.seconds == 30 * 40.0
    limit.restart()
    limit.learn(TaskResult(0, tiles=[(0, [])], seconds=1.0))
    assert limit.seconds == LEAST_SECONDS
    assert TileLimit(3).seconds == 3


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan, "60"])
def test_a_limit_that_is_none(seconds: Any, tmp_path: Path) -> None:
    image = tm.open_image(stored(tmp_path))
    with pytest.raises(InputError, match="tile_seconds= takes a number of seconds"):
        tm.save(image > 3, tmp_path / "out.ome.zarr", quiet=True, tile_seconds=seconds)
    assert not (tmp_path / "out.ome.zarr").exists()
