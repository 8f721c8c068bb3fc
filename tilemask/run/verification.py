"""Compare what is stored with the record of what was written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tilemask.errors import IncompleteError, InputError
from tilemask.run.files import file_marks, marks_file, unmarked_files
from tilemask.run.journal import Journal
from tilemask.run.outputs import local_path, root_of, state_folder
from tilemask.run.resume import recorded_key
from tilemask.write.host import marks
from tilemask.write.objects import Problem
from tilemask.write.objects import verify as verify_objects


def verify(path: str | Path) -> list[Problem]:
    """Compare every object of an output with the record of what was written.

    Parameters
    ----------
    path : str or Path
        A store that `save` wrote into, or a file that it wrote.

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
    target = local_path(path)
    if not target.exists():
        raise InputError(f"{target} does not exist; give a store that save wrote into.")
    found = file_marks(target) | (marks(target) if target.is_dir() else {})
    open_ones = [n for n, m in found.items() if m["state"] != "complete"]
    if open_ones:
        raise IncompleteError(
            f"{target}: {', '.join(open_ones)} was never finished; run the same command again to go on."
        )
    folders = sorted(p.parent for p in state_folder(target).glob("*/journal.jsonl"))
    problems, checked = _unmarked(target, folders), False
    plans = {_prefix(n, m): m["plan"] for n, m in found.items()}
    for folder in folders:
        # An output that was replaced since may still be named in the journal of those it was saved with.
        if (key := recorded_key(folder)) in plans.values():
            checked = True
            objects = (o for o in Journal(folder).objects() if _plan_of(o[0], plans) == key)
            problems += verify_objects(root_of(target), objects)
    if not checked and not problems:
        raise InputError(
            f"{target} has no record of a run beside it ({state_folder(target)}), so there is nothing to compare."
        )
    return problems


def _unmarked(target: Path, folders: Sequence[Path]) -> list[Problem]:
    """The record of tables and other files, where it is lost: without it they cannot be compared."""
    files, place = unmarked_files(target, map(Journal, folders)), marks_file(target)
    reason = f"is lost or damaged, so {', '.join(files)} cannot be compared; save again, with the same plan"
    return [Problem(os.path.relpath(place, root_of(target)), reason)] if files else []


def _plan_of(key: str, plans: Mapping[str, str]) -> str | None:
    """The plan of the output that an object belongs to: of prefixes the longest, since an image is all of its store."""
    prefix = max((p for p in plans if key.startswith(p)), key=len, default=None)
    return None if prefix is None else plans[prefix]


def _prefix(name: str, mark: Mapping[str, Any]) -> str:
    """What the keys of an output begin with; of a file, the name in its marks is the key."""
    if "kind" not in mark:
        return name
    return "" if mark["kind"] == "image" else f"labels/{name}/"
