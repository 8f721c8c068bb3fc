"""The durable ledger: what of a run is done, in a folder beside the store.

``plan.json``        the identity of the plan, written once
``journal.jsonl``    one checked line per tile, written after the tile's objects are in place; and one per finished pass
                     and per file
``pass<n>.state``    surveys merged so far and the tiles they hold, replaced as a whole
``pass<n>.parts``    what the surveys of a finished pass have gathered
``scratch/``         what passes keep for later ones
``failures/``        inputs of tiles that failed

Losing the end of the journal only costs doing tiles again; a line without its data cannot be, short of a power cut. A
torn last line is ignored. The folder lies beside the store, not in it, so that a copy of the store carries no claims
about it.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

from tilemask.planning import Pass
from tilemask.run.scratch import pack, unpack
from tilemask.run.task import Failure, TaskResult

SAVE_EVERY_SECONDS = 2.0
SAVE_SHARE = 0.01
"""Saving the surveys' state may take this share of the time."""


class Journal:
    """The ledger of a run into a store.

    Parameters
    ----------
    folder : Path
        The run's own folder, beside the store.
    """

    durable = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None
        self._due = 0.0
        self._finished: set[int] = set()
        self._tiles: dict[int, bytearray] = {}
        self._lost: dict[int, bytearray] = {}
        self._files: set[str] = set()
        for line in read_lines(folder / "journal.jsonl"):
            if "finished" in line:
                self._finished.add(line["finished"])
            elif "forgotten" in line:
                self._finished.discard(line["forgotten"])
                self._tiles.pop(line["forgotten"], None)
            elif "pass" in line:
                _mark(self._tiles, line["pass"], line["tile"])
            elif "file" in line:
                self._files.add(line["file"])

    def finished(self, current: Pass) -> list[Any] | None:
        if current.number not in self._finished:
            return None
        saved = _load(self.folder / f"pass{current.number}.parts")
        return None if saved is None else list(saved)

    def mending(self, current: Pass) -> bytearray | None:
        if current.number not in self._lost:
            return None
        pairs = zip_longest(self._lost[current.number], self.done_before(current), fillvalue=0)
        lost = bytearray(a & b for a, b in pairs)
        return lost if any(lost) else None

    def done_before(self, current: Pass) -> bytearray:
        """One byte per tile (1 = done by earlier runs)."""
        return bytearray(b"\1" * len(current.grid)) if self.finished(current) is not None else self.begun(current)[0]

    def begun(self, current: Pass) -> tuple[bytearray, list[Any] | None]:
        if not current.surveys:
            done = self._tiles.get(current.number, bytearray())
            return done + bytes(len(current.grid) - len(done)), None
        # A tile counts for a survey only where the saved state holds its part.
        saved = _load(self.folder / f"pass{current.number}.state")
        if saved is None:
            return bytearray(len(current.grid)), None
        return bytearray(saved["done"]), saved["parts"]

    def record(self, current: Pass, result: TaskResult) -> None:
        self._append({"pass": current.number, "tile": tile, "objects": objects} for tile, objects in result.tiles)

    def gathered(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None:
        now = time.monotonic()
        if self._due == 0.0:
            self._due = now + SAVE_EVERY_SECONDS
        if now >= self._due:
            self.interrupted(current, done, parts)
            took = time.monotonic() - now
            self._due = time.monotonic() + max(SAVE_EVERY_SECONDS, took / SAVE_SHARE)

    def interrupted(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None:
        if current.surveys and parts is not None:
            _save(self.folder / f"pass{current.number}.state", {"done": bytes(done), "parts": parts})

    def failed(self, current: Pass, failures: list[Failure]) -> None:
        self._append(
            {"failed": current.number, "tile": f.tile, "box": f.box, "reason": f.reason, "bundle": f.bundle}
            for f in failures
        )

    def finish(self, current: Pass, parts: list[Any]) -> None:
        _save(self.folder / f"pass{current.number}.parts", parts)
        self._append([{"finished": current.number}])
        self._sync()
        (self.folder / f"pass{current.number}.state").unlink(missing_ok=True)
        self._due = 0.0

    def put_file(self, key: str, nbytes: int, checksum: int) -> None:
        """A file that no tile wrote is in place."""
        self._append([{"file": key, "objects": [(key, nbytes, checksum)]}])
        self._sync()
        self._files.add(key)

    def objects(self) -> Iterator[tuple[str, int, int]]:
        """Key, bytes and checksum of every stored object; one stored twice comes twice, with the same bytes.

        Of a file that was written again the last line holds: another version of a library may have given other bytes.
        """
        self._sync()
        files: dict[str, tuple[str, int, int]] = {}
        for line in read_lines(self.folder / "journal.jsonl"):
            if "file" in line:
                files[line["file"]] = tuple(line["objects"][0])
            else:
                yield from map(tuple, line.get("objects", ()))
        yield from files.values()

    def files(self) -> set[str]:
        """Keys of the files that have been put."""
        return set(self._files)

    def distrust(self, keys: set[str]) -> None:
        """Have the tiles done again whose objects are not there any more."""
        if not keys:
            return
        for line in read_lines(self.folder / "journal.jsonl"):
            if "pass" in line and any(o[0] in keys for o in line["objects"]):
                _mark(self._lost, line["pass"], line["tile"])

    def mend(self, current: Pass, tiles: Iterable[int]) -> None:
        """Have tiles of a pass done again."""
        for tile in tiles:
            _mark(self._lost, current.number, tile)

    def forget(self, current: Pass) -> None:
        """Take back all that is said of a pass: what it kept is not there any more."""
        (self.folder / f"pass{current.number}.state").unlink(missing_ok=True)
        self._append([{"forgotten": current.number}])
        self._finished.discard(current.number)
        self._tiles.pop(current.number, None)
        self._lost.pop(current.number, None)

    def close(self) -> None:
        if self._file is not None:
            self._sync()
            self._file.close()
            self._file = None

    def _append(self, lines: Any) -> None:
        data = b"".join(_line(line) for line in lines)
        if not data:
            return
        if self._file is None:
            self._file = open(self.folder / "journal.jsonl", "ab")  # noqa: SIM115 - closed by close()
            append(self._file, b"\n")  # seals a line that an earlier run was killed in
        append(self._file, data)

    def _sync(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())


def _mark(tiles: dict[int, bytearray], number: int, tile: int) -> None:
    marks = tiles.setdefault(number, bytearray())
    if tile >= len(marks):
        marks.extend(bytes(tile + 1 - len(marks)))
    marks[tile] = 1


def append(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.flush()


def _line(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; what does not match its checksum was torn by a kill and never counted."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for raw in file:
            checksum, _, text = raw.rstrip(b"\n").partition(b" ")
            if checksum == b"%08x" % zlib.crc32(text):
                yield json.loads(text)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the new one."""
    temporary = path.with_name(f"{path.name}.partial")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _save(path: Path, content: Any) -> None:
    data = pack(content)
    replace_file(path, b"%08x\n" % zlib.crc32(data) + data)


def _load(path: Path) -> Any:
    """What `_save` has saved; None where there is nothing whole."""
    if not path.exists():
        return None
    checksum, _, data = path.read_bytes().partition(b"\n")
    return unpack(data) if checksum == b"%08x" % zlib.crc32(data) else None
