"""Run one row in a process of its own and measure it: wall and CPU seconds of the work, peak memory of the process."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """What one row took."""

    row: str
    side: int
    wall: float
    cpu: float
    peak_mb: float

    @property
    def speed(self) -> float:
        """Megapixels a second."""
        return self.side**2 / 1e6 / self.wall


def measure(row: str, side: int, folder: Path, timeout: float = 3600) -> Figure:
    """Run `row` on the source of this side in a fresh process."""
    return alone("benchmarks.measure", row, str(side), str(folder), timeout=timeout)


def alone(module: str, *arguments: str, timeout: float = 3600) -> Figure:
    """Run a module of this folder, which prints a figure as its last line, in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{done.stderr[-2000:]}")
    return Figure(**json.loads(done.stdout.splitlines()[-1]))


def target_of(row: str, side: int, folder: Path) -> Path:
    return folder / f"{row.replace(' ', '-').replace(',', '')}-{side}.zarr"


def _main(row: str, side: int, folder: Path) -> None:
    _run(row, 1024, folder)  # loads libraries: what is measured is the work
    print(json.dumps(asdict(_run(row, side, folder))))


def _run(row: str, side: int, folder: Path) -> Figure:
    from benchmarks.field import source, tiff
    from benchmarks.rows import ROWS

    path, target = source(folder, side), target_of(row, side, folder)
    clear(target)
    if row == "libvips, streaming":
        tiff(path)
    return clocked(row, side, lambda: ROWS[row](path, target))


def clear(target: Path) -> None:
    """Remove an output and what lies beside it under its name."""
    for leftover in target.parent.glob(f"{target.stem}.*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def clocked(row: str, side: int, work: Callable[[], None]) -> Figure:
    """Do the work of a row and measure it."""
    _take_memory()
    wall, cpu = time.perf_counter(), _cpu()
    work()
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    return Figure(row, side, wall, cpu, peak_mb())


def _take_memory() -> None:
    """Make a hypervisor hand out memory that it has taken back, in a process of its own, before the clock starts.

    A virtual machine whose host reclaims free pages pays up to 6 ns a byte for the first use of each, whoever uses it:
    512 MB took 3.1 s to write, and 0.2 s once more. That is a property of the moment, not of a row.
    """
    size = min(4 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") // 4)
    subprocess.run([sys.executable, "-c", f"bytearray({size})[::4096] = bytes({-(-size // 4096)})"], check=True)


def peak_mb(process: str | int = "self") -> float:
    """Peak memory of a process; not ru_maxrss, which a process takes over from the one that started it."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
