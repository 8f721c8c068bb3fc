"""Scratch that is deleted or damaged between two runs costs doing again what made it, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tests.run.cases import contents, slow_files
from tests.run.test_every_operation import Death
from tilemask.errors import StorageError, TilemaskError
from tilemask.run import execute, journal
from tilemask.run.outputs import state_folder
from tilemask.run.scratch import FolderScratch

FEW = 1 + 1 + 6
"""A tile at the border, what it reads of the pass before, and what that reads with a halo of the first."""
SHARES = (0.45, 0.72, 0.95)
"""Of all lines of the journal, after which the run dies: in passes that survey, label and write."""

Run = Callable[[Path], tm.Run]


@pytest.fixture
def run(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Saves with the state of the surveys kept at every tile."""
    image = tm.open_image(source)
    monkeypatch.setattr(journal, "SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(journal, "SAVE_SHARE", 1e9)
    return lambda path: tm.save(slow_files(image, tmp_path / "log", 0.0), path, tile=64, quiet=True)


@pytest.fixture
def halves(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, tm.Run]]:
    """Runs that died here and there, and one that did not."""
    count = _die_after(10**6, tmp_path / "whole.ome.zarr", run, monkeypatch)
    whole = run(tmp_path / "whole.ome.zarr")
    assert whole.tiles_done == 0

    def died() -> Iterator[tuple[Path, tm.Run]]:
        for share in SHARES:
            half = tmp_path / f"half-{share}.ome.zarr"
            _die_after(int(share * count), half, run, monkeypatch)
            yield half, whole

    return died()


def _die_after(appends: int, path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> int:
    """Save, die when so many lines have been written; how many there were."""
    real, count = journal.append, 0

    def append(file: Any, data: bytes) -> None:
        nonlocal count
        if count == appends:
            raise Death
        count += 1
        real(file, data)

    with monkeypatch.context() as patched, suppress(Death):
        patched.setattr(journal, "append", append)
        run(path)
    return count


def _copy(half: Path) -> Path:
    path = half.with_name("out.ome.zarr")
    for old, new in ((half, path), (state_folder(half), state_folder(path))):
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(old, new)
    return path


def _scratch(path: Path) -> Path:
    return next(state_folder(path).glob("*/scratch"))


def test_any_folder_of_scratch_may_go(halves: Iterator[tuple[Path, tm.Run]], run: Run) -> None:
    lost = set()
    for half, whole in halves:
        for folder in sorted(p.name for p in _scratch(half).iterdir()):
            path = _copy(half)
            shutil.rmtree(_scratch(path) / folder)
            lost.add(folder.partition("-")[0])
            run(path)
            assert contents(path) == contents(whole.path), (half, folder)
            assert tm.verify(path) == []
    assert {"notes", "records", "pieces"} < lost


@pytest.mark.parametrize("harm", ["deleted", "cut"])
def test_any_object_of_scratch_may_go(harm: str, halves: Iterator[tuple[Path, tm.Run]], run: Run) -> None:
    """What a tile has kept or noted costs this tile."""
    redone = set()
    for half, whole in halves:
        undamaged = run(_copy(half))
        for folder in sorted(p.name for p in _scratch(half).iterdir()):
            path = _copy(half)
            victim = sorted(p for p in (_scratch(path) / folder).rglob("*") if p.is_file())[-1]
            victim.unlink() if harm == "deleted" else victim.write_bytes(b"")
            made = run(path)
            assert contents(path) == contents(whole.path), (half, folder)
            assert tm.verify(path) == []
            kind = folder.partition("-")[0]
            if made.tiles_done > undamaged.tiles_done:
                assert kind in ("records", "pieces") or made.tiles_done <= undamaged.tiles_done + FEW, (half, folder)
                redone.add(kind)
            assert made.tiles_done + made.tiles_before == undamaged.tiles_done + undamaged.tiles_before
    assert {"notes", "records", "pieces"} < redone


def test_damage_within_is_found_where_it_is_read(halves: Iterator[tuple[Path, tm.Run]], run: Run) -> None:
    """Of records; the run after that one finds them missing."""
    half, whole = next(halves)
    told = 0
    for folder in sorted(p.name for p in _scratch(half).iterdir() if p.name.startswith(("notes", "records"))):
        path = _copy(half)
        victim = sorted(p for p in (_scratch(path) / folder).rglob("*") if p.is_file())[0]
        victim.write_bytes(victim.read_bytes()[:-1] + b"?")
        if said := _said_by(lambda path=path: run(path)):
            assert f"{victim}, which an earlier pass has kept, is not as it was written. Run the same" in said
            told += 1
            run(path)
        assert contents(path) == contents(whole.path), folder
    assert told


def _said_by(run: Callable[[], tm.Run]) -> str:
    """What an error says; nothing where there is none."""
    try:
        run()
    except TilemaskError as error:
        return str(error)
    return ""


def test_what_goes_while_a_run_reads_it_is_told(
    halves: Iterator[tuple[Path, tm.Run]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    half, whole = next(halves)
    told, real = set(), execute.take_back
    for folder in sorted(p.name for p in _scratch(half).iterdir()):
        path = _copy(half)
        victim = sorted(p for p in (_scratch(path) / folder).rglob("*") if p.is_file())[-1]

        def take_back(*given: Any, gone: Path = victim) -> None:
            real(*given)
            gone.unlink()

        with monkeypatch.context() as patched:
            patched.setattr(execute, "take_back", take_back)
            said = _said_by(lambda path=path: run(path))
        if said:
            assert f"{victim}, which an earlier pass has kept, is missing. Run the same command again" in said
            told.add(folder.partition("-")[0])
            run(path)
        assert contents(path) == contents(whole.path), folder
    assert told


def test_an_array_of_another_size_is_not_read(tmp_path: Path) -> None:
    scratch = FolderScratch(tmp_path)
    for array in (np.ones((9, 9), bool), np.ones((3, 5), np.uint16)):
        scratch.put("a", 7, array)
        for data in (b"", b"\xff" * 5, b"\xff" * 40):
            (tmp_path / "a" / "0" / "7").write_bytes(data)
            with pytest.raises(StorageError, match=rf"a/0/7, which .* has {len(data)} bytes, \d+ were written"):
                scratch.get("a", 7, array.shape, array.dtype)
