"""Run the passes of a plan into a store: where tasks run, what they write, and what an earlier run has left."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilemask.errors import IncompleteError
from tilemask.image import Image, Source, Value
from tilemask.planning import Plan
from tilemask.planning.plan import CACHE_BYTES
from tilemask.read.axes import Selection
from tilemask.read.zarr_array import zarr_image
from tilemask.read.zarr_node import open_store, read_node
from tilemask.run.engine import Engine
from tilemask.run.files import FileSpec, missing_files, write_file
from tilemask.run.journal import Journal
from tilemask.run.mending import take_back
from tilemask.run.outputs import root_of
from tilemask.run.pools import Pool, ThreadPool
from tilemask.run.progress import choose
from tilemask.run.scratch import FolderScratch
from tilemask.run.watch import TileLimit
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import verify as verify_objects
from tilemask.write.store import Writer

TASK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a run writes, and what.

    Attributes
    ----------
    target : Path
        The store, or the one file.
    folder : Path
        The run's own folder, beside it.
    specs : sequence of OutputSpec
        Images.
    files : sequence of FileSpec
        Tables and other streams.
    """

    target: Path
    folder: Path
    specs: Sequence[OutputSpec]
    files: Sequence[FileSpec]

    @property
    def root(self) -> Path:
        return root_of(self.target)


def execute(made: Plan, place: Destination, client: Any, limit: TileLimit, *, quiet: bool, repair: bool) -> Engine:
    """Run what is not done yet; every object and every file is in place when it returns.

    With `repair`, objects that are there are first compared with their checksums, and not with their sizes only.

    Raises
    ------
    IncompleteError
        Objects vanished while it ran.
    """
    target, folder = place.target, place.folder
    scratch = FolderScratch(folder / "scratch")
    journal = Journal(folder)
    files = missing_files(place.files, target, journal, contents=repair)
    lost = verify_objects(place.root, journal.objects(), contents=repair)
    streams = {f.name: output for f in files if isinstance(output := made.outputs[f.name], Value)}
    take_back(journal, made.passes, scratch, lost, set(streams.values()))
    pool = _pool(made, client, folder, limit)
    engine = Engine(
        passes=list(made.passes),
        pool=pool,
        scratch=scratch,
        ledger=journal,
        progress=choose(quiet, len(made.passes)),
        writers={s.name: Writer(str(target), s) for s in place.specs},
        failures=str(folder / "failures"),
        run_length=_run_length(made),
        growth_bytes=math.inf if made.growth_bytes is None else made.growth_bytes,
        levels=_levels(made, place),
    )
    try:
        engine.run()
        for file in files:
            write_file(file, target, engine.pieces(streams[file.name]), journal)
    finally:
        pool.close()
        journal.close()
    problems = verify_objects(place.root, journal.objects(), contents=False)
    if problems:
        raise IncompleteError(
            f"{len(problems)} objects of {target} vanished during the run, the first is {problems[0].key} "
            f"({problems[0].reason}). Nothing is committed; run the same command again."
        )
    _warn_of_the_gil(engine, made)
    return engine


def _levels(made: Plan, place: Destination) -> dict[Image, Source]:
    """The resolution levels that passes read, where earlier passes write them."""
    return {
        image: _open_level(place.target / spec.group / str(level), spec.stored_axes)
        for image, (name, level) in made.level_sources.items()
        for spec in place.specs
        if spec.name == name
    }


def _open_level(path: Path, axes: str) -> Source:
    """A level of an output that is being written: the one place that reads an incomplete output."""
    node = read_node(str(path), open_store(str(path)), "")
    assert node is not None
    return zarr_image(node, Selection(axes=axes)).step  # type: ignore[return-value]


def _pool(made: Plan, client: Any, folder: Path, limit: TileLimit) -> Pool:
    if client is None:
        return ThreadPool(made.threads, CACHE_BYTES, limit)
    from tilemask.run.cluster import ClusterPool

    return ClusterPool(client, CACHE_BYTES, folder, limit)


def _run_length(made: Plan) -> int:
    """Tiles per task: seconds of work each, and enough tasks to keep every thread busy to the end."""
    largest = max(len(p.grid) for p in made.passes)
    seconds = max(b.processor_seconds / max(b.tiles, 1) for b in made.bills)
    by_time = max(1, min(64, int(TASK_SECONDS / max(seconds, 1e-6))))
    return max(1, min(by_time, largest // (32 * made.threads * made.workers)))


def _warn_of_the_gil(engine: Engine, made: Plan) -> None:
    """Tell of a function that keeps threads from running side by side: each gets 1/n of a processor."""
    if made.threads < 2 or made.workers > 1:
        return
    for name, (wall, processor) in engine.user_seconds.items():
        share = processor / max(wall, 1e-9) * made.threads
        if wall > 2.0 and 0.6 < share < 1.4:
            warnings.warn(
                f"{name} holds Python's interpreter lock: {made.threads} threads ran it one at a time. "
                f"Worker processes run it side by side: client={made.threads} (--workers {made.threads}).",
                stacklevel=4,
            )
