"""Save into a store: plan, resume, run, commit.

The order is what makes a kill harmless: the plan is written before any tile, a tile's record after its objects, the
commit after all records, the state "complete" last. Running the same call again goes on; any other call on the same
output is refused with the fields that differ.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilemask.errors import InputError, StorageError, TilemaskError
from tilemask.image import Image, Value
from tilemask.planning import Plan, make_plan
from tilemask.planning.pyramid import LevelShape
from tilemask.run.checks import MEMORY_SHARE, available_memory, check_disk, check_workers, check_writable
from tilemask.run.execute import Destination, execute
from tilemask.run.files import check_files, files_of, kind_of, mark_files, sweep_files
from tilemask.run.lock import run_lock
from tilemask.run.missing import count_missing, told
from tilemask.run.outputs import (
    check_arrays,
    check_target,
    local_path,
    local_sources,
    named,
    run_folder,
    specs_of,
    state_folder,
    sweep,
)
from tilemask.run.pools import processors
from tilemask.run.provenance import provenance_of
from tilemask.run.resume import begin, finished_values, is_damaged, recorded_files
from tilemask.run.verification import verify
from tilemask.run.watch import TileLimit
from tilemask.write.host import find, source_pyramid
from tilemask.write.ome_zarr import commit, create

__all__ = ["Run", "plan", "save", "verify"]


@dataclass(frozen=True)
class Run:
    """What a finished run says of itself.

    Attributes
    ----------
    path : Path
        The store, or the file.
    values : dict
        The values that were saved beside the images, computed; of a table the path of its file.
    tiles_done : int
        Tiles computed by this call; 0 where everything was done before.
    tiles_before : int
        Tiles that an earlier call had done.
    seconds : float
        Wall time of this call.
    missing : dict
        Chunks that the inputs did not have and that were read as fill value, counted per array; of those read now.
    """

    path: Path
    values: Mapping[str, Any]
    tiles_done: int
    tiles_before: int
    seconds: float
    outputs: tuple[str, ...] = field(default=())
    missing: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        before = f", {self.tiles_before:,} before" if self.tiles_before else ""
        values = "".join(f", {n} = {v}" for n, v in self.values.items())
        tiles = f"{self.tiles_done:,} tile{'s' * (self.tiles_done != 1)}"
        done = f"{', '.join(self.outputs)} in {self.path}: {tiles} in {self.seconds:.1f} s{before}{values}"
        return done + told(self.missing)


def save(
    images: Image | Value | Mapping[str, Image | Value],
    path: str | Path,
    *,
    tile: int | Sequence[int] | None = None,
    client: Any = None,
    overwrite: bool = False,
    pyramid: bool = True,
    memory: int | None = None,
    quiet: bool = False,
    tile_seconds: float | None = None,
) -> Run:
    """Compute images tile by tile and store them as OME-Zarr; run it again to resume.

    Parameters
    ----------
    images : Image or Value, or mapping of str to Image or Value
        What to save. Masks (bool) and labels (int32, int64) go to ``labels/<name>``, a plain image to the root. Values
        are computed in the same passes, returned, and kept in the attributes. Tables go to ``tables/<name>``: Parquet
        (``pip install 'tilemask[parquet]'``), or CSV where the name ends in ``.csv``.
    path : str or Path
        A new store, or the OME-Zarr store that the image came from: then masks and labels go to its own ``labels/``.
        A single table may go to a file of its own, ``cells.parquet`` or ``cells.csv``.
    tile : int or sequence of int, optional
        Core of a tile per spatial axis, also the write unit (shard) of a new output; an int means every axis.
    client : None, int, str or distributed.Client, optional
        Threads of this process; this many worker processes; the address of a scheduler; a client.
    overwrite : bool, optional
        Replace what an earlier plan wrote under the same names; of a complete output of this plan, do the tiles again
        whose objects are damaged.
    pyramid : bool, optional
        Write lower resolution levels too.
    memory : int, optional
        Bytes that one worker may use; three quarters of what is free by default.
    quiet : bool, optional
        Show no progress.
    tile_seconds : float, optional
        What a tile may take; one that takes longer has failed. By default 30 times the median of its pass, at least ten
        minutes, and an hour before any is done. On worker processes the one that hangs is ended, and the tile tried
        once more alone; a thread cannot be ended, and goes on in vain until this process ends. Steps that grow their
        window are not timed.

    Returns
    -------
    Run

    Raises
    ------
    InputError, PlanError, ChangedPlanError
        Before anything is written.
    TileError
        Tiles failed; the others are stored, nothing is committed.
    ClusterError, StorageError, LockedError, Interrupted
        The run stopped; running it again goes on.
    """
    began = time.perf_counter()
    limit = TileLimit(tile_seconds)
    target = local_path(path)
    outputs = named(images, target)
    files = files_of(outputs, target)
    with ExitStack() as stack:
        opened = None if client is None else stack.enter_context(connected(client))
        made = plan(outputs, target, tile=tile, client=opened, pyramid=pyramid, memory=memory)
        specs = specs_of(made, target)
        check_target(outputs, specs, target)
        folder = run_folder(target, [*(s.name for s in specs), *(f.name for f in files)])
        if files:
            check_files(files, target, recorded_files(made, folder))
        check_writable(target.parent)
        stack.enter_context(_storage_errors(target))
        state = state_folder(target)
        state.mkdir(exist_ok=True)
        stack.enter_context(run_lock(state))
        place = Destination(target, folder, specs, files)
        key = begin(made, target, place.folder, specs, files, overwrite)
        finished = finished_values(target, specs, files, key)
        repair = finished is not None and overwrite and is_damaged(place.root, place.folder)
        if finished is not None and not repair:
            return Run(target, finished, 0, made.tiles, time.perf_counter() - began, tuple(outputs))
        check_disk(made, target.parent)
        if opened is not None:
            check_arrays(outputs)
            check_workers(opened, place.folder, local_sources(outputs))
        _create(place, key)
        engine = execute(made, place, opened, limit, quiet=quiet, repair=repair)
        plain = {n: o for n, o in made.outputs.items() if isinstance(o, Value) and kind_of(o) is None}
        values = {n: engine.resolve(o) for n, o in plain.items()}
        _commit(place, key, provenance_of(made, values))
        shutil.rmtree(place.folder / "scratch", ignore_errors=True)
        values |= {f.name: place.root / f.key for f in files}
        seconds = time.perf_counter() - began
        missing = count_missing(engine.missing, (target / s.group for s in specs))
        return Run(target, values, engine.done_now, engine.done_before, seconds, tuple(outputs), missing)


def _create(place: Destination, key: str) -> None:
    """Make what tiles are written into, marked incomplete."""
    if place.specs:
        create(place.target, place.specs, plan=key)
    if place.files:
        mark_files(place.target, place.files, key, "incomplete", {})


def _commit(place: Destination, key: str, provenance: Mapping[str, Any]) -> None:
    """Say that all is in place; of images last, since they say it in the store itself."""
    sweep_files(place.files, place.target)
    if place.files:
        mark_files(place.target, place.files, key, "complete", provenance["values"])
    if place.specs:
        sweep(place.target, place.specs)
        commit(place.target, place.specs, plan=key, provenance=provenance)


def plan(
    images: Image | Value | Mapping[str, Image | Value],
    path: str | Path | None = None,
    *,
    tile: int | Sequence[int] | None = None,
    client: Any = None,
    pyramid: bool = True,
    memory: int | None = None,
) -> Plan:
    """Say what saving would do: passes, tiles, halos, bytes, memory, time. Reads no pixels, writes nothing.

    Parameters
    ----------
    images, path, tile, client, pyramid, memory
        As for `save`; the path may be left out.

    Returns
    -------
    Plan
        Print it.

    Raises
    ------
    InputError
        What is asked for cannot be saved at the path.
    PlanError
        The plan does not fit into memory; names the largest tile that would.
    """
    target = None if path is None else local_path(path)
    outputs = named(images, target or Path("image"))
    if target is not None:
        files_of(outputs, target)
    if memory is not None and not isinstance(memory, int):
        raise InputError(f"memory= is a number of bytes, as in {2 * 10**9}; found {memory!r}.")
    threads, workers = width_of(client)
    limit = memory
    if limit is None:
        free = available_memory()
        limit = None if free is None else int(MEMORY_SHARE * free) // workers
    levels: dict[str, Sequence[LevelShape]] = {}
    images_saved = any(isinstance(o, Image) for o in outputs.values())
    host = find(target) if target is not None and images_saved else None
    if host is not None and host.mark is None:
        shapes = (
            [(level.shape, level.factor) for level in source_pyramid(host.path, (1,) * len(host.level_shapes[0]))]
            if host.image
            else []
        )
        levels = {n: shapes for n, o in outputs.items() if isinstance(o, Image) and shapes}
    return make_plan(
        outputs, tile=tile, pyramid=pyramid, threads=threads, workers=workers, memory_bytes=limit, levels=levels
    )


@contextmanager
def connected(client: Any) -> Iterator[Any]:
    """A client for what the user gave."""
    from tilemask.run.workers import connect  # here, so that runs on threads do not load distributed

    with connect(client) as opened:
        yield opened


@contextmanager
def _storage_errors(target: Path) -> Iterator[None]:
    """Name the output where the system refuses to write."""
    try:
        yield
    except TilemaskError:
        raise
    except OSError as error:
        raise StorageError(
            error.errno,
            f"{error.filename or f'{target} or its record'} cannot be written ({error.strerror or error}). What is "
            "done is kept: free some space, or mend what else stands in the way, and run the same command again.",
        ) from error


def width_of(client: Any) -> tuple[int, int]:
    """Threads per worker and workers."""
    if client is None:
        return processors(), 1
    if isinstance(client, int):
        return 1, client
    if isinstance(client, str):
        return 1, 1
    from tilemask.run.workers import ask

    threads = list(ask(client, "nthreads").values())
    return max(threads, default=1), max(1, len(threads))
