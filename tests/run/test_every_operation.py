"""Fail, or die, at every single thing that a small run writes; run again; compare the bytes.

Random kills miss rare moments; this misses none of those it knows: every rename into place (tiles, scratch, records,
states, metadata, the plan), every line of the journal, every deletion and every sync to disk.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import tilemask as tm
from tests.run.cases import contents, stored
from tilemask.errors import TilemaskError
from tilemask.image import Image
from tilemask.run import journal, store


class Death(BaseException):
    """The process is gone: nothing that comes after may leave a trace."""


class Operations:
    """Counts what is written, and fails at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at, self.way, self.dead = 0, -1, "", False
        for owner, name in ((os, "replace"), (os, "fsync"), (os, "link"), (shutil, "rmtree"), (journal, "append")):
            monkeypatch.setattr(owner, name, self._wrap(getattr(owner, name), name))

    def begin(self, at: int = -1, way: str = "") -> None:
        self.count, self.at, self.way, self.dead = 0, at, way, False

    def _wrap(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def operation(*args: Any, **options: Any) -> Any:
            if self.dead:
                raise Death
            self.count += 1
            if self.count - 1 != self.at:
                return real(*args, **options)
            if self.way == "fails":
                raise OSError(errno.EIO, "the test breaks the disk here", name)
            if self.way == "dies after":
                real(*args, **options)
            elif name == "append":
                file, data = args
                real(file, data[: len(data) // 2])
            self.dead = True
            raise Death

        return operation


def outputs(image: Image) -> dict[str, Any]:
    smooth = tm.gaussian(image, sigma=1)
    return {"cells": tm.label(smooth > tm.otsu(smooth)), "level": tm.otsu(image)}


@pytest.mark.parametrize("way", ["fails", "dies before", "dies after"])
def test_a_fault_at_every_operation(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tm.open_image(stored(tmp_path, (40, 60)))
    monkeypatch.setattr(store, "processors", lambda: 1)
    operations = Operations(monkeypatch)

    def run(folder: Path) -> tm.Run:
        return tm.save(outputs(image), folder / "out.ome.zarr", tile=32, quiet=True)

    whole = run(tmp_path / "whole")
    expected, total = contents(whole.path), operations.count
    assert total > 30
    for at in range(total):
        folder = tmp_path / str(at)
        operations.begin(at, way)
        with suppress(TilemaskError if way == "fails" else Death):
            run(folder)
        operations.begin()
        again = run(folder)
        assert contents(again.path) == expected, at
        assert again.values == whole.values, at
        assert tm.verify(again.path) == [], at
        operations.begin()
        assert run(folder).tiles_done == 0
        shutil.rmtree(folder)
