"""Tables and outlines as files of an output: their names, what is known of them, and the writing of them.

A file is made of the pieces that its survey has left in scratch, so it can be written again whenever a run was killed.
It is written under a temporary name and renamed; the journal then gets its size and checksum, as for any object. That
it belongs to a plan, and is complete, stands in ``files.json`` beside the output, since a file has no attributes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tilemask.errors import InputError
from tilemask.image import Image, Survey, Value
from tilemask.run.journal import Journal, replace_file
from tilemask.run.outputs import root_of, state_folder
from tilemask.write.formats import FOLDERS, FORMATS, Format, format_of, is_file_name
from tilemask.write.host import find
from tilemask.write.layout import check_name
from tilemask.write.objects import checksum_of, verify


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of an output.

    Attributes
    ----------
    name : str
        Of the output.
    key : str
        Where the file lies, relative to the store; the name of the file where there is no store.
    format : Format
    """

    name: str
    key: str
    format: Format


def files_of(outputs: Mapping[str, Image | Value], target: Path) -> list[FileSpec]:
    """The files that a run writes.

    Raises
    ------
    InputError
        For a name or format that cannot be, for a format whose package is missing, and where a path that names a file
        is given for anything but one table (or other stream).
    """
    kinds = {name: kind for name, output in outputs.items() if (kind := kind_of(output)) is not None}
    if is_file_name(target.name):
        images = [name for name, output in outputs.items() if isinstance(output, Image)]
        if images or len(kinds) != 1:
            raise InputError(
                f"{target} names a file, which holds one table; found {', '.join([*images, *kinds]) or 'none'}. Save "
                f"into a store, as in {target.name.partition('.')[0]}.ome.zarr."
            )
        name, kind = next(iter(kinds.items()))
        check_name(name)
        return [FileSpec(name, *format_of(target.name, kind))]
    if not any(isinstance(output, Image) for output in outputs.values()):
        _require_host(kinds, target)
    files = []
    for name, kind in kinds.items():
        check_name(name)
        file, chosen = format_of(name, kind)
        files.append(FileSpec(name, f"{FOLDERS[kind]}/{file}", chosen))
    if len({f.key for f in files}) < len(files):
        raise InputError(f"two outputs would be the same file; found {', '.join(f.key for f in files)}. Rename one.")
    return files


def _require_host(kinds: Mapping[str, str], target: Path) -> None:
    """Refuse a new store without an image in it."""
    if not kinds:
        raise InputError("there is no image to save, only values; call compute() on them.")
    if find(target) is None:
        suffixes = " or ".join(suffix for kind in set(kinds.values()) for suffix in FORMATS[kind])
        raise InputError(
            f"{target} is no store, and no image is saved that would make it one; found {', '.join(kinds)} alone. Save "
            f"into a file, whose name ends in {suffixes}, or together with the labels."
        )


def kind_of(output: Image | Value) -> str | None:
    """What kind of stream an output is; None for an image or a plain value."""
    step = output.step
    return step.pieces.kind if isinstance(step, Survey) and step.pieces is not None else None


def check_files(files: Sequence[FileSpec], target: Path, recorded: Set[str]) -> None:
    """Refuse files that stand there already and were not written by tilemask; `recorded` are those of this plan."""
    known = recorded | file_marks(target).keys()
    for spec in files:
        place = root_of(target) / spec.key
        if os.path.lexists(place) and spec.key not in known:
            raise InputError(
                f"{place} exists, and nothing beside it says that tilemask wrote it. Move it away, or choose another "
                "name."
            )


def file_marks(target: Path) -> dict[str, dict[str, Any]]:
    """What is recorded of the files of an output: by key ``state``, ``plan`` and ``values``."""
    return dict(_marks(target) or {})


def unmarked_files(target: Path, journals: Iterable[Journal]) -> list[str]:
    """The files that journals name and of which nothing is known, because what was recorded is lost or damaged."""
    return sorted({key for j in journals for key in j.files()}) if _marks(target) is None else []


def _marks(target: Path) -> Mapping[str, dict[str, Any]] | None:
    try:
        found: dict[str, dict[str, Any]] = json.loads(marks_file(target).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found


def marks_file(target: Path) -> Path:
    """Where it is recorded to which plan each file belongs."""
    return state_folder(target) / "files.json"


def standing_files(target: Path) -> dict[str, dict[str, Any]]:
    """What is recorded of the files that are there, or were being written; not of those that somebody has deleted."""
    root = root_of(target)
    return {k: m for k, m in file_marks(target).items() if m["state"] != "complete" or (root / k).exists()}


def mark_files(target: Path, files: Sequence[FileSpec], plan: str, state: str, values: Mapping[str, Any]) -> None:
    """Record to which plan files belong, whether they are complete, and the numbers saved beside them."""
    mark = {"plan": plan, "state": state, "values": dict(values)}
    _put_marks(target, {**file_marks(target), **{f.key: mark for f in files}})


def forget_files(target: Path) -> None:
    """Drop what is recorded of files whose store has been deleted as a whole."""
    if not root_of(target).exists() and file_marks(target):
        _put_marks(target, {})


def remove_files(target: Path, keys: Iterable[str]) -> None:
    """Delete files that tilemask wrote, and the folder that this leaves empty; the record goes last."""
    known = file_marks(target)
    gone = [key for key in keys if key in known]
    for key in gone:
        place = root_of(target) / key
        place.unlink(missing_ok=True)
        _sweep(place)
        if "/" in key and place.parent.is_dir() and not any(place.parent.iterdir()):
            place.parent.rmdir()
    if gone:
        _put_marks(target, {key: mark for key, mark in known.items() if key not in gone})


def _put_marks(target: Path, marks: Mapping[str, Any]) -> None:
    replace_file(marks_file(target), json.dumps(marks, indent=1).encode())


def missing_files(files: Sequence[FileSpec], target: Path, journal: Journal, *, contents: bool) -> list[FileSpec]:
    """The files that are still to be written: not recorded, or not there as they were."""
    keys = {f.key for f in files}
    recorded = {o[0]: o for o in journal.objects() if o[0] in keys}
    lost = {p.key for p in verify(root_of(target), recorded.values(), contents=contents)}
    return [f for f in files if f.key not in recorded or f.key in lost]


def write_file(spec: FileSpec, target: Path, pieces: Iterable[Any], journal: Journal) -> None:
    """Write a file and record it."""
    place = root_of(target) / spec.key
    place.parent.mkdir(exist_ok=True)
    temporary = place.with_name(f"{place.name}.{uuid4().hex}.partial")
    try:
        spec.format.write(temporary, pieces)
        nbytes, checksum = _settled(temporary)
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    journal.put_file(spec.key, nbytes, checksum)


def _settled(path: Path) -> tuple[int, int]:
    """Size and checksum of a file that the disk holds."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        checksum = checksum_of(file)
        return file.tell(), checksum


def sweep_files(files: Sequence[FileSpec], target: Path) -> None:
    """Delete what killed runs have left of files under temporary names."""
    for spec in files:
        _sweep(root_of(target) / spec.key)


def _sweep(place: Path) -> None:
    for litter in place.parent.glob(f"{place.name}.*.partial"):
        litter.unlink(missing_ok=True)
