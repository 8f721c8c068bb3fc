"""Deleting what tilemask wrote, and nothing else.

An output is deleted only if it carries tilemask's mark and its folder holds nothing but levels and documents; a folder
in which somebody has put something of their own is refused, before anything is deleted. Links are never followed. The
document with the mark goes last, so that a deletion that was killed can be done again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tilemask.errors import InputError
from tilemask.write.formats import FOLDERS
from tilemask.write.host import MARK, Host, find, label_mark, marks, open_group
from tilemask.write.layout import OutputSpec, check_name
from tilemask.write.metadata import Attributes, unwrap, wrap
from tilemask.write.ome_zarr import refresh_consolidated

_DOCUMENTS = {"zarr.json", ".zgroup", ".zattrs", ".zmetadata"}


def check_removal(path: str | Path, names: Sequence[str], files: Sequence[str] = ()) -> None:
    """Refuse what `remove` would refuse, before anything is deleted.

    Parameters
    ----------
    path : str or Path
        The store.
    names : sequence of str
        Outputs to delete; what does not exist is passed over.
    files : sequence of str
        Keys of tables and other files that go with them.

    Raises
    ------
    InputError
        If something there was not written by tilemask, is a link, or if the image at the root (or the labels that the
        root shows) is to go while other outputs stay.
    """
    host = find(path)
    if host is None:
        return
    ours = marks(path)
    for name in names:
        check_name(name)
    labels = _labels_of(host, names)
    _refuse_links(host, labels)
    for name in labels:
        folder = host.path / "labels" / name
        if name not in ours:
            raise InputError(f"{folder} was not written by tilemask and is not deleted; choose another name.")
        _refuse_strangers(folder, set())
    if _root_goes(host, names):
        _refuse_rest(host, set(ours) - set(names), set(names), set(files))


def remove(path: str | Path, names: Sequence[str]) -> None:
    """Delete outputs, and the store itself where tilemask made it and nothing is left in it.

    Parameters and errors are those of `check_removal`; files are deleted by who wrote them, before.
    """
    check_removal(path, names)
    host = find(path)
    if host is None:
        return
    labels, whole = _labels_of(host, names), _root_goes(host, names)
    for name in set(names).difference(labels):
        with suppress(OSError):
            (host.path / "labels" / name).rmdir()
    if whole:
        _retire(host.path)
    for name in labels:
        _retire(host.path / "labels" / name)
    _unlist(host, labels)
    for name in labels:
        _delete(host.path / "labels" / name)
    if whole:
        _delete(host.path)
    else:
        refresh_consolidated(host.path)


def sweep(path: str | Path, outputs: Sequence[OutputSpec]) -> int:
    """Delete the temporary files that killed writers left behind; call it only where nobody writes.

    Returns
    -------
    int
        How many there were.
    """
    count = 0
    for spec in outputs:
        for level in range(len(spec.levels)):
            for file in (Path(path) / spec.key(level)).rglob("*.partial"):
                file.unlink(missing_ok=True)
                count += 1
    return count


def _labels_of(host: Host, names: Sequence[str]) -> list[str]:
    folders = {name: host.path / "labels" / name for name in names}
    # In a store of ours a deletion that was killed may have left the bare folder.
    bare = [n for n, f in folders.items() if host.mark is not None and f.is_dir() and not any(f.iterdir())]
    return [name for name, folder in folders.items() if folder.exists() and name not in bare]


def _root_goes(host: Host, names: Sequence[str]) -> bool:
    if host.mark is None:
        return False
    if host.mark["kind"] == "image":
        return host.mark["name"] in names
    return host.mark["shows"].rpartition("/")[2] in names


def _refuse_links(host: Host, labels: Sequence[str]) -> None:
    for folder in (host.path, host.path / "labels", *(host.path / "labels" / name for name in labels)):
        if folder.is_symlink():
            raise InputError(f"{folder} is a link to {folder.resolve()} and is not followed; delete there by hand.")


def _refuse_rest(host: Host, others: set[str], labels: set[str], leaving: set[str]) -> None:
    """Refuse to delete a root on which something else depends."""
    folders = [host.path / name for name in FOLDERS.values() if (host.path / name).is_dir()]
    files = {str(f.relative_to(host.path)) for folder in folders for f in folder.iterdir() if f.suffix != ".partial"}
    others = others | (files - leaving)
    if others:
        raise InputError(
            f"{host.path} cannot be deleted while it holds {', '.join(sorted(others))}; delete those as well."
        )
    _refuse_strangers(host.path, {"labels", *(folder.name for folder in folders)})
    if (host.path / "labels").is_dir():
        _refuse_strangers(host.path / "labels", labels)


def _refuse_strangers(folder: Path, expected: set[str]) -> None:
    strangers = [e.name for e in folder.iterdir() if not (_is_ours(e) or e.name in expected)]
    if strangers:
        raise InputError(
            f"{folder} holds {', '.join(sorted(strangers))}, which tilemask did not write; move it away first."
        )


def _is_ours(entry: Path) -> bool:
    return entry.name in _DOCUMENTS or entry.name.isdigit() or entry.suffix == ".partial"


def _retire(folder: Path) -> None:
    """Make a group incomplete and unreadable before its pixels go."""
    group = open_group(folder, "r+")
    attributes: Attributes = group.attrs.asdict()
    group.attrs.put({MARK: {**attributes[MARK], "state": "incomplete"}})


def _unlist(host: Host, labels: Sequence[str]) -> None:
    folder = host.path / "labels"
    if not any((folder / name).is_file() for name in _DOCUMENTS):
        return
    group = open_group(folder, "r+")
    attributes = group.attrs.asdict()
    content = unwrap(attributes, host.version)
    content["labels"] = [name for name in content.get("labels", []) if name not in labels]
    group.attrs.put({**attributes, **wrap(content, host.version)})


def _delete(folder: Path) -> None:
    """Delete a group of ours, documents last, and its folder where that leaves it empty."""
    for entry in folder.iterdir():
        if entry.is_symlink():
            entry.unlink()
        elif entry.is_dir() and entry.name.isdigit():
            shutil.rmtree(entry)
    for inner in (folder / name for name in ("labels", *FOLDERS.values())):
        if inner.is_dir():
            _delete_documents(inner)
    _delete_documents(folder)
    parent = folder.parent
    if parent.name == "labels" and not any(label_mark(e) or e.is_dir() for e in parent.iterdir()):
        _delete_documents(parent)


def _delete_documents(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name in _DOCUMENTS or entry.suffix == ".partial":
            entry.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
