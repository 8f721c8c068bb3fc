"""Going on with a run: whose output it is, whether it is finished, and what of it must be done again."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from tilemask.errors import ChangedPlanError
from tilemask.image import Survey, Value
from tilemask.planning import Pass, Plan
from tilemask.planning.identity import differences, digest
from tilemask.run.engine import notes_of, remains_of
from tilemask.run.files import FileSpec, forget_files, remove_files, standing_files
from tilemask.run.journal import Journal, replace_file
from tilemask.run.outputs import root_of
from tilemask.run.scratch import FolderScratch
from tilemask.write.host import marks
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import Problem, verify
from tilemask.write.removal import check_removal, remove


def begin(
    made: Plan, target: Path, folder: Path, specs: Sequence[OutputSpec], files: Sequence[FileSpec], overwrite: bool
) -> str:
    """The key of the plan, after making sure that what is at the output is the same plan's, or nothing.

    A record whose output somebody has deleted stands in nobody's way.
    """
    key = digest(made.identity)
    if made.unstable:
        warnings.warn(
            f"this run cannot be resumed: {'; '.join(made.unstable)}. Define the function in a file and pass plain "
            "parameters to make it resumable.",
            stacklevel=3,
        )
        key = digest({**made.identity, "unique": time.time_ns()})
    forget_files(target)
    names, keys = [s.name for s in specs], [f.key for f in files]
    standing = {n: m for n, m in marks(target).items() if n in names} if specs else {}
    standing |= {k: mark for k, mark in standing_files(target).items() if k in keys}
    before = _recorded(folder)
    same = all(m["plan"] == key for m in standing.values()) and (before["key"] == key if before else bool(standing))
    if standing and not same and not overwrite:
        raise ChangedPlanError(_what_changed(target, before, made, standing))
    if (standing or before is not None) and not same and overwrite:
        if specs:
            check_removal(target, names, keys)
        remove_files(target, keys)
        if specs:
            remove(target, names)
    if not same:
        # Also where there is no plan: a deletion that was killed may have left surveys of another one.
        shutil.rmtree(folder, ignore_errors=True)
    if not same or before is None:
        folder.mkdir(exist_ok=True)
        replace_file(folder / "plan.json", json.dumps({"key": key, "identity": made.identity}, indent=1).encode())
    return key


def _recorded(folder: Path) -> dict[str, Any] | None:
    """What `begin` wrote for an earlier run; a damaged record is that of another plan."""
    try:
        found = json.loads((folder / "plan.json").read_bytes())
        return {"key": found["key"], "identity": found["identity"]}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        return {"key": None, "identity": None}


def recorded_key(folder: Path) -> str | None:
    """The key of the plan that a run's folder belongs to."""
    before = _recorded(folder)
    return before["key"] if before else None


def _what_changed(target: Path, before: Any, made: Plan, standing: Mapping[str, Any]) -> str:
    states = ", ".join(f"{n} ({m['state']})" for n, m in standing.items())
    if before is None:
        fields = "  its plan is not recorded beside the store"
    elif before["key"] is None:
        fields = "  the record of its plan is damaged"
    else:
        lines = list(differences(before["identity"], made.identity))
        fields = "\n".join(f"  {line}" for line in lines[:12]) or "  the function has no stable digest"
    return (
        f"{target} holds {states} of a different plan. What differs:\n{fields}\n"
        "Choose another output, go back to the old plan, or replace it with overwrite=True (--overwrite)."
    )


def finished_values(
    target: Path, specs: Sequence[OutputSpec], files: Sequence[FileSpec], key: str
) -> dict[str, Any] | None:
    """The saved values, and the paths of files, where all outputs are complete and of this plan."""
    found = marks(target) if specs else {}
    wanted = [found.get(s.name, {}) for s in specs] + [standing_files(target).get(f.key, {}) for f in files]
    if not all(mark.get("state") == "complete" and mark["plan"] == key for mark in wanted):
        return None
    saved = wanted[0]["provenance"]["values"] if specs else wanted[0]["values"]
    values = {n: np.dtype(v["dtype"]).type(v["value"]) if v["dtype"] else v["value"] for n, v in saved.items()}
    return values | {f.name: root_of(target) / f.key for f in files}


def is_damaged(root: Path, folder: Path) -> bool:
    """Whether what a run wrote is not there as it was written, or nothing is recorded that would tell."""
    journal = Journal(folder)
    return next(journal.objects(), None) is None or bool(verify(root, journal.objects()))


def take_back(
    journal: Journal,
    passes: Sequence[Pass],
    scratch: FolderScratch,
    lost: Sequence[Problem],
    streams: Set[Value],
) -> None:
    """Do again what the journal holds as done where its data are gone.

    A tile whose object is missing is done again, and so is the survey of a stream that is still to be written and has
    no pieces, and one that has begun and has no notes. If a pass reads scratch that was let go when the pass had ended,
    the passes that made it are done again too, and so on back.
    """
    journal.distrust({p.key for p in lost})
    for current in passes:
        if journal.finished(current) is not None:
            needed = [remains_of(current, v) for v in current.surveys if v in streams]
        else:
            noted = [v for v in current.surveys if isinstance(v.step, Survey) and v.step.noted]
            begun = bool(noted) and journal.begun(current)[1] is not None
            needed = [notes_of(current, v) for v in noted if begun]
        if not all(map(scratch.holds, needed)):
            journal.forget(current)
    for current in reversed(passes):
        if journal.finished(current) is None:
            for earlier in passes[: current.number]:
                needed = [k.name for k in earlier.keeps if k.name in current.stored.values()]
                # Records come when a pass has ended; one that has not goes on with the tiles that it has.
                ended = journal.finished(earlier) is not None
                read = set(current.values).intersection(earlier.surveys) if ended else set()
                needed += [remains_of(earlier, v) for v in read if isinstance(v.step, Survey) and v.step.records]
                if not all(map(scratch.holds, needed)):
                    journal.forget(earlier)
