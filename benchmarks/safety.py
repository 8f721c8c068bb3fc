"""What durability costs: the time inside checksums, journal, creation, commit and the last check, of one whole run.

The functions are wrapped in a clock, in a process of its own, on one thread so that clocks do not overlap. Run by
``python -m benchmarks.safety SIDE [FOLDER]``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.field import source
from benchmarks.measure import target_of
from benchmarks.rows import tilemask_threads

SPENT: dict[str, float] = {}


def clocked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`function`, adding what it takes to `SPENT`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            SPENT[name] = SPENT.get(name, 0.0) + time.perf_counter() - began

    return call


class Checksums:
    """google_crc32c, clocked: its functions cannot be replaced in place."""

    def __init__(self, library: Any) -> None:
        self.extend = clocked(library.extend, "checksums")
        self.value = clocked(library.value, "checksums")


def main(side: int, folder: Path) -> None:
    import tilemask.run.execute as execute
    import tilemask.run.store as store
    import tilemask.write.store as writing
    from tilemask.run.journal import Journal

    path = source(folder, side)
    tilemask_threads(source(folder, 1024), target_of("safety-warm", 1024, folder))
    writing.google_crc32c = Checksums(writing.google_crc32c)
    for name in ("record", "gathered", "finish", "begun"):
        setattr(Journal, name, clocked(getattr(Journal, name), "journal"))
    for name in ("create", "commit", "begin"):
        setattr(store, name, clocked(getattr(store, name), "create and commit"))
    execute.verify_objects = clocked(execute.verify_objects, "last check")
    store.processors = lambda: 1
    began = time.perf_counter()
    tilemask_threads(path, target_of("safety", side, folder))
    wall = time.perf_counter() - began
    for name, seconds in SPENT.items():
        print(f"{name:<18} {seconds:8.3f} s {seconds / wall:7.2%}")
    print(f"{'together':<18} {sum(SPENT.values()):8.3f} s {sum(SPENT.values()) / wall:7.2%} of {wall:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "benchmarks/data"))
