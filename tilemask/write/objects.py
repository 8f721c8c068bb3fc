"""Stored objects and the proof that they are still what was written.

The journal of a run holds the key, the size and a crc32c of every object that a tile stored. The checksum is of the
stored bytes, so checking costs a read and no decoding, and finds a flipped bit in any part of a shard.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

import google_crc32c

from tilemask.errors import InputError

_READ_AT_ONCE = 1 << 22


class StoredObject(NamedTuple):
    """One object of a store, as it was written."""

    key: str
    """Relative to the store, with forward slashes."""
    nbytes: int
    crc32c: int


class Problem(NamedTuple):
    """An object that is not what was written."""

    key: str
    reason: str


def verify(path: str | Path, objects: Iterable[tuple[str, int, int]], *, contents: bool = True) -> list[Problem]:
    """Compare the objects of a store with the record of what was written.

    Parameters
    ----------
    path : str or Path
        The store.
    objects : iterable of (key, bytes, crc32c)
        As returned by `Writer.write`.
    contents : bool, optional
        Whether to read the objects; else only presence and size are compared.

    Returns
    -------
    list of Problem
        Empty where everything is as written, in the order of `objects`.

    Raises
    ------
    InputError
        If a key points out of the store.
    """
    root = Path(path)
    problems = []
    for item in objects:
        expected = StoredObject(*item)
        reason = _difference(root, expected, contents)
        if reason:
            problems.append(Problem(expected.key, reason))
    return problems


def _difference(root: Path, expected: StoredObject, contents: bool) -> str | None:
    if expected.key.startswith("/") or ".." in expected.key.split("/"):
        raise InputError(
            f"the record names object {expected.key!r}, which is not inside {root}; the journal is damaged."
        )
    file = root / expected.key
    if not file.is_file():
        return "is missing"
    found = file.stat().st_size
    if found != expected.nbytes:
        return f"has {found} bytes, {expected.nbytes} were written"
    if contents:
        with open(file, "rb") as opened:
            checksum = checksum_of(opened)
        if checksum != expected.crc32c:
            return f"has crc32c {checksum:08x}, {expected.crc32c:08x} was written"
    return None


def checksum_of(file: IO[bytes]) -> int:
    """The crc32c of what is left of an open file, which may be larger than the memory, as outlines are."""
    checksum = google_crc32c.Checksum()
    while data := file.read(_READ_AT_ONCE):
        checksum.update(data)
    return int.from_bytes(checksum.digest(), "big")
