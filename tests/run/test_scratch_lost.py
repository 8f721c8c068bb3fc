"""Scratch that is deleted between two runs costs doing its passes again, and nothing else."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import tilemask as tm
from tests.run.cases import contents, slow_files
from tests.run.test_every_operation import Death
from tilemask.run import journal
from tilemask.run.outputs import state_folder


def test_any_folder_of_scratch_may_go(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies here and there in the passes, with the state of the surveys saved at every tile."""
    image = tm.open_image(source)

    def run(path: Path) -> Path:
        return tm.save(slow_files(image, tmp_path / "log", 0.0), path, tile=64, quiet=True).path

    monkeypatch.setattr(journal, "SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(journal, "SAVE_SHARE", 1e9)
    expected = contents(run(tmp_path / "whole.ome.zarr"))
    half, path, lost = tmp_path / "half.ome.zarr", tmp_path / "out.ome.zarr", set()
    for left in (25, 38, 56):
        _die_after(left, half, run, monkeypatch)
        for folder in sorted(p.name for p in next(state_folder(half).glob("*/scratch")).iterdir()):
            for old, new in ((half, path), (state_folder(half), state_folder(path))):
                shutil.rmtree(new, ignore_errors=True)
                shutil.copytree(old, new)
            shutil.rmtree(next(state_folder(path).glob("*/scratch")) / folder)
            lost.add(folder.partition("-")[0])
            assert contents(run(path)) == expected, (left, folder)
            assert tm.verify(path) == []
    assert {"notes", "records", "pieces"} <= lost


def _die_after(appends: int, path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for old in (path, state_folder(path)):
        shutil.rmtree(old, ignore_errors=True)
    real, count = journal.append, iter(range(appends))

    def append(file: Any, data: bytes) -> None:
        if next(count, None) is None:
            raise Death
        real(file, data)

    with monkeypatch.context() as patched, suppress(Death):
        patched.setattr(journal, "append", append)
        run(path)
