"""Going on with a run: whose output it is, and whether it is finished."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilemask.errors import ChangedPlanError
from tilemask.planning import Plan
from tilemask.planning.identity import differences, digest
from tilemask.run.files import FileSpec, forget_files, remove_files, standing_files
from tilemask.run.journal import Journal, replace_file
from tilemask.run.outputs import root_of
from tilemask.write.host import marks
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import verify
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


def recorded_files(made: Plan, folder: Path) -> set[str]:
    """Keys of the files that an earlier run of the same plan has written."""
    return Journal(folder).files() if recorded_key(folder) == digest(made.identity) else set()


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
