"""Kill anything at a random moment, run again: the same bytes, and little done twice.

30 kills by default (a failure rate below 10 % at 95 % confidence where none fails), 300 with ``--long`` (1 %).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import tilemask as tm
from tests.run.cases import SLOW, calls, contents
from tests.run.processes import Cluster, end, launch, runs, until
from tilemask.errors import ClusterError
from tilemask.run.journal import read_lines
from tilemask.run.outputs import state_folder

TILES = 5 * 7
WRITES = {"slow_mask": 1, "slow_labels": 2}
"""The pass whose every recorded tile counts, because nothing is surveyed in it."""
WINDOW_TILES = 2 * 2 * 2
"""Two tasks per thread, two threads, two tiles a task."""


class Trial:
    """One output that is killed and resumed."""

    def __init__(self, folder: Path, source: Path, case: str, client: str | None = None, nap: float = 0.03) -> None:
        self.folder, self.source, self.case, self.client, self.nap = folder, source, case, client, nap
        self.folder.mkdir(parents=True, exist_ok=True)
        self.output, self.log = folder / "out.ome.zarr", folder / "calls"
        self.kills = 0

    def start(self) -> subprocess.Popen[str]:
        client = [f"client={self.client}"] if self.client else []
        paths = map(str, (self.source, self.output, self.log))
        process = launch("tests.run.drive", self.case, *paths, f"nap={self.nap}", *client)
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        return process

    def kill_after(self, seconds: float, *, group: bool = False) -> int:
        """Start, kill; the exit code."""
        process = self.start()
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
            self.kills += 1
        process.communicate()
        return process.returncode

    def recorded(self) -> int:
        """Tiles of which an earlier run has left a usable record."""
        lines = [line for journal in state_folder(self.output).glob("*/journal.jsonl") for line in read_lines(journal)]
        finished = {line["finished"] for line in lines if "finished" in line}
        writes = WRITES.get(self.case)
        written = {line["tile"] for line in lines if writes is not None and line.get("pass") == writes}
        return TILES * len(finished) + len(written) * (writes not in finished)

    def finish(self, expected: dict[str, bytes]) -> None:
        """Resume here, and compare."""
        before = self.recorded()
        outputs = SLOW[self.case](tm.open_image(self.source), self.log, self.nap)
        run = tm.save(outputs, self.output, tile=32, client=self.client, quiet=True)
        assert run.tiles_before >= before
        self.compare(expected)
        again = tm.save(outputs, self.output, tile=32, quiet=True)
        assert again.tiles_done == 0

    def compare(self, expected: dict[str, bytes]) -> None:
        assert contents(self.output) == expected
        assert tm.verify(self.output) == []
        if self.case == "slow_mask":
            assert calls(self.log) <= TILES + self.kills * WINDOW_TILES


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    found = {}
    for case, make in SLOW.items():
        folder = tmp_path_factory.mktemp("whole")
        tm.save(make(tm.open_image(source), folder / "calls", 0.0), folder / "out.ome.zarr", tile=32, quiet=True)
        found[case] = contents(folder / "out.ome.zarr")
    return found


@pytest.fixture(scope="module")
def orphans() -> Iterator[list[psutil.Process]]:
    """Worker processes whose run was killed; they end by themselves, at the latest after 30 s without it."""
    left: list[psutil.Process] = []
    yield left
    until(lambda: not any(map(runs, left)), 90)


def seeds(count: int, long: int) -> list:
    return [*range(count), *(pytest.param(s, marks=pytest.mark.long) for s in range(count, long))]


@pytest.mark.parametrize("seed", seeds(9, 90))
def test_the_process_of_a_run_on_threads(seed: int, source: Path, tmp_path: Path, expected: dict) -> None:
    chance = random.Random(seed)
    trial = Trial(tmp_path, source, chance.choice(list(SLOW)))
    for _ in range(chance.choice((1, 1, 2))):
        assert trial.kill_after(chance.uniform(0.0, 1.2)) in (-signal.SIGKILL, 0)
    trial.finish(expected[trial.case])


@pytest.mark.parametrize("seed", seeds(4, 50))
def test_the_process_group_of_a_run_with_worker_processes(
    seed: int, source: Path, tmp_path: Path, expected: dict, orphans: list[psutil.Process]
) -> None:
    chance = random.Random(100 + seed)
    trial = Trial(tmp_path, source, chance.choice(list(SLOW)), client="2")
    process = trial.start()
    wait = chance.uniform(0.5, 3.0)
    try:
        process.wait(timeout=wait)
    except subprocess.TimeoutExpired:
        workers = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        trial.kills += 1
        trial.client = None
        trial.finish(expected[trial.case])  # at once: its workers may still be writing
        orphans += workers
    end(process)


@pytest.mark.parametrize("seed", seeds(5, 60))
def test_the_client_of_a_cluster(seed: int, source: Path, tmp_path: Path, cluster: Cluster, expected: dict) -> None:
    chance = random.Random(200 + seed)
    trial = Trial(tmp_path, source, chance.choice(list(SLOW)), client=cluster.address)
    for _ in range(chance.choice((1, 2))):
        trial.kill_after(chance.uniform(0.2, 1.2))
    # The workers have two threads each, so twice the window.
    trial.kills *= 2
    trial.finish(expected[trial.case])


@pytest.mark.parametrize("seed", seeds(6, 60))
def test_a_worker(
    seed: int, source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster], expected: dict
) -> None:
    """With a nanny it is started again; without one, the other worker goes on."""
    chance = random.Random(300 + seed)
    cluster = start_cluster(2, nanny=bool(seed % 2))
    trial = Trial(tmp_path / "run", source, chance.choice(list(SLOW)), client=cluster.address)
    victim = chance.choice(cluster.worker_pids())
    process = trial.start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=chance.uniform(0.1, 0.9))
    os.kill(victim, signal.SIGKILL)
    trial.kills += 1
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    trial.compare(expected[trial.case])


@pytest.mark.parametrize("seed", seeds(3, 40))
def test_the_scheduler(
    seed: int, source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster], expected: dict
) -> None:
    """The client ends within seconds and says how to go on."""
    chance = random.Random(400 + seed)
    cluster = start_cluster(2)
    trial = Trial(tmp_path / "run", source, "slow_mask", client=cluster.address, nap=0.2)  # lasts until the kill
    process = trial.start()
    few = chance.randrange(1, 16)
    until(lambda: calls(trial.log) > few)
    os.kill(cluster.scheduler.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ClusterError.exit_code, said
    assert "run the same command again" in said
    cluster.stop()
    cluster.start(2)
    trial.kills += 1
    trial.finish(expected[trial.case])
