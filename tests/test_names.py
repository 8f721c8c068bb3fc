"""The public names: seen by users, by editors and by type checkers alike."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tilemask as tm

PACKAGE = Path(tm.__file__).parent
USER = """
import numpy as np
import tilemask as tm

image = tm.open_image("slide.tif", channel=0)
smooth = tm.gaussian(image, sigma=2)
labels: tm.Image = tm.label(tm.opening(~(smooth > tm.otsu(smooth)) & (2 - image / 3 != 0), radius=3))
level: tm.Value = tm.otsu(image)
run: tm.Run = tm.save({"labels": labels, "level": level}, "out.ome.zarr")
try:
    tm.plan(labels[:100, 5:], tile=(64, 64))
except tm.errors.PlanError:
    raise
"""


def test_what_type_checkers_are_told_is_what_is_there() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    told = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == set(tm.__all__) - {"__version__"}
    for name in told:
        assert getattr(tm, name) is not None


def test_a_script_of_a_user_passes_a_strict_type_checker(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(USER)
    cache = PACKAGE.parent / ".mypy_cache" / "script"  # NumPy's types take half a minute the first time
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    command += ["--cache-dir", str(cache), "script.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"MYPYPATH": str(PACKAGE.parent), "PATH": ""}, capture_output=True, text=True
    )
    assert done.stdout == ""


@pytest.mark.parametrize("name", [n for n in tm.__all__ if inspect.isfunction(getattr(tm, n))])
def test_docstrings_name_every_parameter_and_what_comes_out(name) -> None:
    function = getattr(tm, name)
    text = inspect.getdoc(function) or ""
    head = text.partition("Returns\n-------")
    assert "Parameters\n----------" in head[0]
    assert head[1]
    named = {n.strip(" *") for line in head[0].splitlines() for n in line.partition(" : ")[0].split(",")}
    assert named >= set(inspect.signature(function).parameters)
