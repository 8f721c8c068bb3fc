"""What is looked at before work starts: disk, workers, versions."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any
from uuid import uuid4

from tilemask.errors import ClusterError, PlanError, StorageError
from tilemask.planning import Plan
from tilemask.planning.figures import human_bytes
from tilemask.planning.identity import PACKAGES

ASKED_AGAIN = 10
MEMORY_SHARE = 0.75
"""Of the free memory, what a run takes where it is told no limit."""
COMPRESSED_SHARE = 0.5
"""Outputs are billed at half their size: masks and labels shrink far more, plain images less."""


def available_memory() -> int | None:
    """Bytes that this process may still take: of the machine, or of its control group where that is less."""
    limits = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                limits.append(int(line.split()[1]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit.isdigit():
            limits.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except OSError:
        pass
    return min(limits, default=None)


def check_disk(plan: Plan, folder: Path) -> None:
    """Refuse a plan that cannot fit on the disk.

    Raises
    ------
    PlanError
        Scratch and outputs need more than is free.
    """
    needed = plan.scratch_bytes + int(COMPRESSED_SHARE * (plan.disk_bytes - plan.scratch_bytes))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise PlanError(
            f"the run needs about {human_bytes(needed)} of disk at {folder} ({human_bytes(plan.scratch_bytes)} of "
            f"scratch); {human_bytes(free)} are free. Free some, or write to another disk."
        )


def check_writable(folder: Path) -> None:
    """Refuse a folder that nothing can be written into, by writing into it."""
    probe = folder / f".tilemask-{uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"tilemask")
        probe.unlink()
    except OSError as error:
        reason = f"{folder} cannot be written ({error.strerror}); choose another output"
        raise StorageError(error.errno, reason) from error


def versions() -> dict[str, str]:
    """Versions of what can change pixels."""
    found = {"python": ".".join(python_version().split(".")[:2])}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _look(folder: str, token: str, sources: list[str]) -> dict[str, Any]:
    """Run on a worker: what it is made of and what it sees."""
    found: dict[str, Any] = {"versions": versions()}
    found["sees"] = (Path(folder) / token).exists()
    found["missing"] = [s for s in sources if not os.path.exists(s)]
    try:
        (Path(folder) / f"{token}.{uuid4().hex}").write_bytes(b"")
        found["writes"] = True
    except OSError:
        found["writes"] = False
    return found


def check_workers(client: Any, folder: Path, sources: list[str]) -> None:
    """Ask every worker whether it is like this process and sees input and output.

    Raises
    ------
    ClusterError
        Names the workers that do not, and what is different.
    """
    from tilemask.run.workers import AGAIN_SECONDS, ask  # here, so that runs on threads do not load distributed

    token = f"probe-{uuid4().hex}"
    (folder / token).write_bytes(b"")
    try:
        answers = ask(client, "run", _look, str(folder), token, sources, on_error="return")
        for _ in range(ASKED_AGAIN):  # a worker that dies while it is asked is not an unlike one
            if not any(isinstance(a, OSError) for a in answers.values()):
                break
            time.sleep(AGAIN_SECONDS)
            answers = ask(client, "run", _look, str(folder), token, sources, on_error="return")
    finally:
        for probe in folder.glob(f"{token}*"):
            probe.unlink(missing_ok=True)
    ours = versions()
    problems = [p for address, answer in answers.items() for p in _problems(address, answer, ours, folder)]
    if problems:
        listed = "\n  ".join(problems[:10])
        raise ClusterError(
            f"the workers are not like this process, so pixels could differ or be lost:\n  {listed}\n"
            "Install the same versions everywhere, and use paths that every worker sees."
        )


def _problems(address: str, answer: Any, ours: Mapping[str, str], folder: Path) -> Iterator[str]:
    if isinstance(answer, BaseException):
        yield f"{address}: cannot be asked ({type(answer).__name__}: {answer})"
        return
    for package, mine in ours.items():
        if (theirs := answer["versions"].get(package)) != mine:
            yield f"{address}: {package} is {theirs}, here {mine}"
    if not answer["sees"]:
        yield f"{address}: does not see {folder}"
    elif not answer["writes"]:
        yield f"{address}: does not write {folder}"
    for source in answer["missing"]:
        yield f"{address}: does not see {source}"
