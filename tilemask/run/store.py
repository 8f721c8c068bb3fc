"""Save into a store: plan, resume, run, commit.

The order is what makes a kill harmless: the plan is written before any tile, a tile's record after its objects, the commit
after all records, the state "complete" last. Running the same call again goes on; any other call on the same output is
refused with the fields that differ.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tilemask.errors import ChangedPlanError, IncompleteError, InputError
from tilemask.image import ArraySource, Image, Source, Value
from tilemask.planning import Plan, make_plan
from tilemask.planning.graph import sources_of
from tilemask.planning.identity import differences, digest
from tilemask.planning.plan import CACHE_BYTES, is_labels
from tilemask.planning.pyramid import LevelShape
from tilemask.read.axes import Selection
from tilemask.read.zarr_array import zarr_image
from tilemask.read.zarr_node import open_store, read_node
from tilemask.run.checks import available_memory, check_disk, check_workers, check_writable, versions
from tilemask.run.engine import Engine
from tilemask.run.journal import Journal, replace_file
from tilemask.run.lock import run_lock
from tilemask.run.pools import Pool, ThreadPool, processors
from tilemask.run.progress import choose
from tilemask.run.scratch import FolderScratch
from tilemask.write.host import find, marks, source_pyramid
from tilemask.write.layout import OutputSpec, make_level
from tilemask.write.objects import Problem
from tilemask.write.objects import verify as verify_objects
from tilemask.write.ome_zarr import commit, create
from tilemask.write.removal import remove
from tilemask.write.store import Writer

MEMORY_SHARE = 0.75
TASK_SECONDS = 2.0
SHIPPED_BYTES = 64 << 20
"""Arrays in memory larger than this are not sent to workers."""


@dataclass(frozen=True)
class Run:
    """What a finished run says of itself.

    Attributes
    ----------
    path : Path
        The store.
    values : dict
        The values that were saved beside the images, computed.
    tiles_done : int
        Tiles computed by this call; 0 where everything was done before.
    tiles_before : int
        Tiles that an earlier call had done.
    seconds : float
        Wall time of this call.
    """

    path: Path
    values: Mapping[str, Any]
    tiles_done: int
    tiles_before: int
    seconds: float
    outputs: tuple[str, ...] = field(default=())


def save(
    images: Image | Mapping[str, Image | Value],
    path: str | Path,
    *,
    tile: int | Sequence[int] | None = None,
    client: Any = None,
    overwrite: bool = False,
    pyramid: bool = True,
    memory: int | None = None,
    quiet: bool = False,
) -> Run:
    """Compute images tile by tile and store them as OME-Zarr; run it again to resume.

    Parameters
    ----------
    images : Image, or mapping of str to Image or Value
        What to save. Masks (bool) and labels (int32, int64) go to ``labels/<name>``, a plain image to the root. Values are
        computed in the same passes, returned, and kept in the attributes.
    path : str or Path
        A new store, or the OME-Zarr store that the image came from: then masks and labels go to its own ``labels/``.
    tile : int or sequence of int, optional
        Core of a tile per spatial axis, also the write unit (shard) of a new output; an int means every axis.
    client : None, int, str or distributed.Client, optional
        Threads of this process; this many worker processes; the address of a scheduler; a client.
    overwrite : bool, optional
        Replace what an earlier plan wrote under the same names.
    pyramid : bool, optional
        Write lower resolution levels too.
    memory : int, optional
        Bytes that one worker may use; three quarters of what is free by default.
    quiet : bool, optional
        Show no progress.

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
    target = _local(path)
    outputs = _named(images, target)
    with ExitStack() as stack:
        opened = None if client is None else stack.enter_context(_connected(client))
        made = plan(outputs, target, tile=tile, client=opened, pyramid=pyramid, memory=memory)
        specs = _specs(made, target)
        _check_target(outputs, target)
        check_writable(target.parent)
        state = state_folder(target)
        state.mkdir(exist_ok=True)
        stack.enter_context(run_lock(state))
        folder = state / "+".join(sorted(s.name for s in specs))
        key = _begin(made, target, folder, specs, overwrite)
        finished = _finished_values(target, specs, key)
        if finished is not None:
            return Run(target, finished, 0, made.tiles, time.perf_counter() - began, tuple(outputs))
        check_disk(made, target.parent)
        if opened is not None:
            _check_arrays(outputs)
            check_workers(opened, folder, _local_sources(outputs))
        create(target, specs, plan=key)
        engine = _execute(made, target, folder, specs, opened, quiet)
        values = {n: engine.resolve(o) for n, o in outputs.items() if isinstance(o, Value)}
        commit(target, specs, plan=key, provenance=_provenance(made, values))
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        seconds = time.perf_counter() - began
        return Run(target, values, engine.done_now, engine.done_before, seconds, tuple(outputs))


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
    PlanError
        The plan does not fit into memory; names the largest tile that would.
    """
    outputs = _named(images, Path("image"))
    threads, workers = _width(client)
    limit = memory
    if limit is None:
        free = available_memory()
        limit = None if free is None else int(MEMORY_SHARE * free) // workers
    levels: dict[str, Sequence[LevelShape]] = {}
    host = None if path is None else find(path)
    if host is not None and host.mark is None:
        shapes = [(level.shape, level.factor) for level in source_pyramid(host.path, (1,) * 3)] if host.image else []
        levels = {n: shapes for n, o in outputs.items() if isinstance(o, Image) and shapes}
    return make_plan(
        outputs, tile=tile, pyramid=pyramid, threads=threads, workers=workers, memory_bytes=limit, levels=levels
    )


def verify(path: str | Path) -> list[Problem]:
    """Compare every object of an output with the record of what was written.

    Parameters
    ----------
    path : str or Path
        A store that `save` wrote into.

    Returns
    -------
    list of Problem
        (key, reason); empty where every byte is as written.

    Raises
    ------
    IncompleteError
        The output was never committed.
    InputError
        There is no record beside the store: it was written by something else, or moved without it.
    """
    target = _local(path)
    found = marks(target)
    open_ones = [n for n, m in found.items() if m["state"] != "complete"]
    if open_ones:
        raise IncompleteError(f"{target}: {', '.join(open_ones)} was never finished; run the same command again to go on.")
    journals = sorted(state_folder(target).glob("*/journal.jsonl"))
    if not journals:
        raise InputError(f"{target} has no record of a run beside it ({state_folder(target)}), so there is nothing to compare.")
    return [p for j in journals for p in verify_objects(target, Journal(j.parent).objects())]


def state_folder(target: Path) -> Path:
    """Where the state of runs into a store lies: beside it, so that a copy of the store claims nothing."""
    return target.with_name(f"{target.name}.tilemask")


def _local(path: str | Path) -> Path:
    text = str(path)
    if "://" in text and not text.startswith("file://"):
        raise InputError(f"{text!r} is not a local path; save to a folder that every worker sees, then copy it.")
    return Path(os.path.abspath(text.removeprefix("file://")))


def _named(images: Image | Value | Mapping[str, Image | Value], target: Path) -> dict[str, Image | Value]:
    """Outputs by name; a single image is named after the store."""
    named = {target.name.partition(".")[0]: images} if isinstance(images, Image | Value) else dict(images)
    for name, output in named.items():
        if not isinstance(output, Image | Value):
            raise InputError(f"output {name!r} is a {type(output).__name__}; images and values can be saved.")
    if not named:
        raise InputError("there is nothing to save: no image and no value was given.")
    return named


@contextmanager
def _connected(client: Any) -> Iterator[Any]:
    from tilemask.run.cluster import connect  # here, so that runs on threads do not load distributed

    with connect(client) as opened:
        yield opened


def _width(client: Any) -> tuple[int, int]:
    """Threads per worker and workers."""
    if client is None:
        return processors(), 1
    if isinstance(client, int):
        return 1, client
    if isinstance(client, str):
        return 1, 1
    threads = list(client.nthreads().values())
    return max(threads, default=1), max(1, len(threads))


def _specs(made: Plan, target: Path) -> list[OutputSpec]:
    host = find(target)
    added = host is not None and host.mark is None
    specs = []
    for name, image in made.outputs.items():
        if not isinstance(image, Image):
            continue
        if added:
            levels = source_pyramid(target, made.tile)
        else:
            size = image.pixel_size or (1.0,) * len(image.spatial_shape)
            levels = tuple(
                make_level(
                    shape,
                    factor,
                    made.tile,
                    [f * s for f, s in zip(factor, size, strict=True)],
                    [(f - 1) / 2 * s for f, s in zip(factor, size, strict=True)],
                )
                for shape, factor in made.levels[name]
            )
        kind: Any = "mask" if image.dtype == bool else "label" if is_labels(image) else "image"
        channels = image.channels if image.axes.endswith("c") else None
        specs.append(OutputSpec(name, kind, image.axes, image.dtype, levels, channels, image.unit))
    if not specs:
        raise InputError("there is no image to save, only values; call compute() on them.")
    return specs


def _check_target(outputs: Mapping[str, Image | Value], target: Path) -> None:
    """Refuse to write over what is read: a new store must not lie in, or above, an input."""
    host = find(target)
    for source in _local_sources(outputs):
        inside = Path(source) == target or target in Path(source).parents
        if (inside and (host is None or host.mark is not None)) or Path(source) in target.parents:
            raise InputError(
                f"the output {target} is, or lies in, the input {source}. Masks and labels can be saved to an OME-Zarr input "
                "itself; anything else needs a path of its own."
            )


def _begin(made: Plan, target: Path, folder: Path, specs: Sequence[OutputSpec], overwrite: bool) -> str:
    """The key of the plan, after making sure that what is at the output is the same plan's, or nothing."""
    key = digest(made.identity)
    if made.unstable:
        warnings.warn(
            "this run cannot be resumed: " + "; ".join(made.unstable) + ". Define the function in a file and pass plain "
            "parameters to make it resumable.",
            stacklevel=3,
        )
        key = digest({**made.identity, "unique": time.time_ns()})
    names = [s.name for s in specs]
    record = folder / "plan.json"
    before = json.loads(record.read_text()) if record.exists() else None
    standing = {n: m for n, m in marks(target).items() if n in names}
    if before is not None and before["key"] == key and all(m["plan"] == key for m in standing.values()):
        return key
    if before is None and standing and all(m["plan"] == key for m in standing.values()):
        return key
    if before is not None or standing:
        if not overwrite:
            raise ChangedPlanError(_what_changed(target, before, made, standing))
        remove(target, names)
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    replace_file(record, json.dumps({"key": key, "identity": made.identity}, indent=1).encode())
    return key


def _what_changed(target: Path, before: Any, made: Plan, standing: Mapping[str, Any]) -> str:
    states = ", ".join(f"{n} ({m['state']})" for n, m in standing.items()) or "an unfinished run"
    if before is None:
        fields = "  its plan is not recorded beside the store"
    else:
        lines = list(differences(before["identity"], made.identity))
        fields = "\n".join(f"  {line}" for line in lines[:12]) or "  the function has no stable digest"
    return (
        f"{target} holds {states} of a different plan. What differs:\n{fields}\n"
        "Choose another output, go back to the old plan, or replace it with overwrite=True (--overwrite)."
    )


def _finished_values(target: Path, specs: Sequence[OutputSpec], key: str) -> dict[str, Any] | None:
    """The saved values, where all outputs are complete and of this plan."""
    found = marks(target)
    if all(found.get(s.name, {}).get("state") == "complete" and found[s.name]["plan"] == key for s in specs):
        saved = found[specs[0].name]["provenance"]["values"]
        return {n: np.dtype(v["dtype"]).type(v["value"]) for n, v in saved.items()}
    return None


def _execute(
    made: Plan, target: Path, folder: Path, specs: Sequence[OutputSpec], client: Any, quiet: bool
) -> Engine:
    scratch = FolderScratch(folder / "scratch")
    journal = Journal(folder)
    journal.distrust({p.key for p in verify_objects(target, journal.objects(), contents=False)})
    pool = _pool(made, client, folder)
    levels = {
        image: _open_level(target / spec.group / str(level), spec.stored_axes)
        for image, (name, level) in made.level_sources.items()
        for spec in specs
        if spec.name == name
    }
    engine = Engine(
        passes=list(made.passes),
        pool=pool,
        scratch=scratch,
        ledger=journal,
        progress=choose(quiet, len(made.passes)),
        writers={s.name: Writer(str(target), s) for s in specs},
        failures=str(folder / "failures"),
        run_length=_run_length(made),
        levels=levels,
    )
    try:
        engine.run()
    finally:
        pool.close()
        journal.close()
    problems = verify_objects(target, journal.objects(), contents=False)
    if problems:
        raise IncompleteError(
            f"{len(problems)} objects of {target} vanished during the run, the first is {problems[0].key} "
            f"({problems[0].reason}). Nothing is committed; run the same command again."
        )
    _warn_of_the_gil(engine, made)
    return engine


def _open_level(path: Path, axes: str) -> Source:
    """A level of an output that is being written: the one place that reads an incomplete output."""
    node = read_node(str(path), open_store(str(path)), "")
    assert node is not None
    return zarr_image(node, Selection(axes=axes)).step  # type: ignore[return-value]


def _pool(made: Plan, client: Any, folder: Path) -> Pool:
    if client is None:
        return ThreadPool(made.threads, CACHE_BYTES)
    from tilemask.run.cluster import ClusterPool

    return ClusterPool(client, CACHE_BYTES, folder)


def _run_length(made: Plan) -> int:
    """Tiles per task: seconds of work each, and enough tasks to keep every thread busy to the end."""
    largest = max(len(p.grid) for p in made.passes)
    seconds = max(b.processor_seconds / max(len(p.grid), 1) for p, b in zip(made.passes, made.bills, strict=True))
    by_time = max(1, min(64, int(TASK_SECONDS / max(seconds, 1e-6))))
    return max(1, min(by_time, largest // (8 * made.threads * made.workers)))


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


def _provenance(made: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    """What made the pixels: an allow-list, so that no secret can slip in."""
    numbers = {n: {"dtype": np.asarray(v).dtype.str, "value": np.asarray(v).item()} for n, v in values.items() if np.ndim(v) == 0}
    return {
        "tile": list(made.tile),
        "steps": made.identity["steps"],
        "inputs": made.identity["inputs"],
        "versions": versions(),
        "values": numbers,
    }


def _local_sources(outputs: Mapping[str, Image | Value]) -> list[str]:
    """Paths of the files and stores that are read."""
    paths = (getattr(s, "path", None) for s in sources_of(outputs))
    return sorted({os.path.abspath(p) for p in map(str, filter(None, paths)) if "://" not in p})


def _check_arrays(outputs: Mapping[str, Image | Value]) -> None:
    for source in sources_of(outputs):
        if isinstance(source, ArraySource) and source.array.nbytes > SHIPPED_BYTES:
            raise InputError(
                f"an array in memory (shape {source.shape}, {source.dtype}) would have to be sent to every worker. Save it as Zarr on a path that all "
                "workers see, and open that."
            )
