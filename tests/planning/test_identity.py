"""What makes two plans the same plan, in two processes too, and what makes them different ones."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.planning import make_plan
from tilemask.planning.identity import differences, digest

OWN = '''
import functools

import numpy as np
import tilemask as tm

import {stem}_beside as beside

LEVEL = 3
HIDDEN = 1


class Settings:
    step = 1


def inner(array):
    return array + beside.shift(Settings.step)


def decorated(function):
    @functools.wraps(function)
    def call(array, **options):
        return function(array, **options) * 2
    return call


def make(limit):
    def bound(array, *, least=5):
        """Take all that is above."""
        return (inner(array) > least + limit + LEVEL) & np.array(list(HIDDEN for _ in array)).any()
    return bound


@decorated
def doubled(array):
    return array


typed = eval("lambda array: np.isin(array, [n for n in (1, 2, 3) if n in {{'a', 'b', 'c', 1}}])")
one, two = lambda array: array > 1, lambda array: array > 2


def outputs(limit=1, function=None, fill=0, reach=1, **options):
    image = tm.from_array(np.full((20, 30), fill, np.uint8))
    chosen = function or make(limit)
    mask = tm.map_tiles(chosen, image, reach=reach, dtype=bool, **options)
    return {{"cells": tm.label(mask & (image > tm.otsu(image))), "level": tm.otsu(image)}}
'''
BESIDE = "def shift(number):\n    return number + 10\n"


def written(folder: Path, stem: str, own: str = OWN, beside: str = BESIDE) -> Path:
    path = folder / f"{stem}.py"
    path.write_text(own.format(stem=stem))
    (folder / f"{stem}_beside.py").write_text(beside)
    return path


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that writes the user's two files, changed or not, and imports them afresh under the same names."""

    def loaded(own: tuple[str, str] = ("", ""), beside: tuple[str, str] = ("", "")) -> ModuleType:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        path = written(folder, "users_own", OWN.replace(*own), BESIDE.replace(*beside))
        for name in ("users_own_beside", "users_own"):
            spec = importlib.util.spec_from_file_location(name, path.with_name(f"{name}.py"))
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)
        return module

    return loaded


def identity(outputs: dict[str, Any], tile: int = 8) -> dict[str, Any]:
    plan = make_plan(outputs, tile=tile)
    assert plan.unstable == ()
    return dict(plan.identity)


@pytest.mark.parametrize("function", ["None", "own.doubled", "own.typed", "own.two"])
def test_two_processes_agree(tmp_path: Path, function: str) -> None:
    written(tmp_path, "own")
    code = (
        "import json, own; from tilemask.planning import make_plan;"
        f"print(json.dumps(make_plan(own.outputs(function={function}), tile=8).identity, sort_keys=True))"
    )
    root = str(Path(tm.__file__).parents[1])
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert json.loads(said[0])["tile"] == [8, 8]


def test_reading_the_same_files_again_changes_nothing(load: Any) -> None:
    assert identity(load().outputs()) == identity(load().outputs())


@pytest.mark.parametrize(
    "change",
    [{"limit": 2}, {"fill": 1}, {"reach": 2}, {"least": 6}, {"least": 5.0}, {"least": None}],
    ids=lambda c: "-".join(c),
)
def test_what_is_given_counts(load: Any, change: dict[str, Any]) -> None:
    own = load()
    before, now = identity(own.outputs(least=5)), identity(own.outputs(**{"least": 5, **change}))
    assert digest(before) != digest(now)
    assert list(differences(before, now))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("all that is above.", "what is above."),
        ("least=5", "least=6"),
        ("LEVEL = 3", "LEVEL = 4"),
        ("HIDDEN = 1", "HIDDEN = 0"),
        ("return array + beside", "return array - beside"),
        ("step = 1", "step = 2"),
    ],
    ids=["source", "default", "constant", "constant of an inner generator", "function it calls", "class it uses"],
)
def test_what_the_function_is_made_of_counts(load: Any, before: str, after: str) -> None:
    first, second = identity(load().outputs()), identity(load(own=(before, after)).outputs())
    assert digest(first) != digest(second)
    assert any(".function." in line for line in differences(first, second))


def test_a_module_of_the_users_own_counts(load: Any) -> None:
    first, second = load(), load(beside=("+ 10", "+ 20"))
    assert digest(identity(first.outputs())) != digest(identity(second.outputs()))


def test_a_decorator_counts(load: Any) -> None:
    first, second = load(), load(own=("* 2", "* 3"))
    before, now = (identity(m.outputs(function=m.doubled)) for m in (first, second))
    assert digest(before) != digest(now)


def test_lambdas_of_one_line_are_told_apart(load: Any) -> None:
    own = load()
    assert digest(identity(own.outputs(function=own.one))) != digest(identity(own.outputs(function=own.two)))


def test_the_tile_counts(load: Any) -> None:
    own = load()
    assert list(differences(identity(own.outputs()), identity(own.outputs(), tile=9))) == [
        "tile: [8, 8] before, [9, 9] now"
    ]


def test_what_has_no_digest_is_named() -> None:
    def locked(array: Any, *, lock: Any) -> Any:
        return array

    image = tm.from_array(np.zeros((9, 9), np.uint8))
    (said,) = make_plan({"out": tm.map_tiles(locked, image, lock=threading.Lock())}, tile=5).unstable
    assert "locked(lock=…)" in said
    assert "lock has no stable digest" in said
    lock = threading.Lock()
    (said,) = make_plan({"out": tm.map_tiles(lambda array: array + lock.locked(), image)}, tile=5).unstable
    assert "lock has no stable digest" in said


def test_differences_name_the_fields() -> None:
    before = {"steps": {"image 1": {"arguments": {"sigma": 1, "flag": True, "list": [1, 2]}}}, "tile": [8]}
    now = {"steps": {"image 1": {"arguments": {"sigma": 2, "flag": 1, "list": [1, 2], "more": None}}}, "tile": [8]}
    assert list(differences(before, now)) == [
        "steps.image 1.arguments.flag: true before, 1 now",
        'steps.image 1.arguments.more: "absent" before, null now',
        "steps.image 1.arguments.sigma: 1 before, 2 now",
    ]
