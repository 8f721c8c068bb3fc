"""Going on with a run: whose output it is, whether it is finished, and what of it must be done again."""

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
from tilemask.planning import Pass, Plan
from tilemask.planning.identity import differences, digest
from tilemask.run.journal import Journal, replace_file
from tilemask.run.scratch import FolderScratch
from tilemask.write.host import marks
from tilemask.write.layout import OutputSpec
from tilemask.write.objects import Problem
from tilemask.write.removal import remove


def begin(made: Plan, target: Path, folder: Path, specs: Sequence[OutputSpec], overwrite: bool) -> str:
    """The key of the plan, after making sure that what is at the output is the same plan's, or nothing."""
    key = digest(made.identity)
    if made.unstable:
        warnings.warn(
            f"this run cannot be resumed: {'; '.join(made.unstable)}. Define the function in a file and pass plain "
            "parameters to make it resumable.",
            stacklevel=3,
        )
        key = digest({**made.identity, "unique": time.time_ns()})
    names = [s.name for s in specs]
    standing = {n: m for n, m in marks(target).items() if n in names}
    before = _recorded(folder)
    same = all(m["plan"] == key for m in standing.values())
    if not (same and (before["key"] == key if before else standing)) and (before is not None or standing):
        if not overwrite:
            raise ChangedPlanError(_what_changed(target, before, made, standing))
        remove(target, names)
        shutil.rmtree(folder, ignore_errors=True)
        before = None
    if before is None:
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
    states = ", ".join(f"{n} ({m['state']})" for n, m in standing.items()) or "an unfinished run"
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


def finished_values(target: Path, specs: Sequence[OutputSpec], key: str) -> dict[str, Any] | None:
    """The saved values, where all outputs are complete and of this plan."""
    found = marks(target)
    if all(found.get(s.name, {}).get("state") == "complete" and found[s.name]["plan"] == key for s in specs):
        saved = found[specs[0].name]["provenance"]["values"]
        return {n: np.dtype(v["dtype"]).type(v["value"]) if v["dtype"] else v["value"] for n, v in saved.items()}
    return None


def take_back(journal: Journal, passes: Sequence[Pass], scratch: FolderScratch, lost: Sequence[Problem]) -> None:
    """Do again what the journal holds as done where its data are gone.

    A tile whose object is missing is done again. If its pass reads scratch that was let go when the pass had ended, the
    passes that made it are done again too, and so on back.
    """
    journal.distrust({p.key for p in lost})
    for current in reversed(passes):
        if journal.finished(current) is None:
            for earlier in passes[: current.number]:
                needed = [k.name for k in earlier.keeps if k.name in current.stored.values()]
                if not all(map(scratch.holds, needed)):
                    journal.forget(earlier)
