"""The workflows of the repository: as scripts, and through the command with the same result."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from skimage.data import immunohistochemistry
from tifffile import imread

import tilemask as tm
from tests.cli.commands import ROOT, tilemask

FOLDER = ROOT / "workflows"
NUCLEI = Path(find_spec("stardist").origin).parent / "data" / "images"
CASES = {
    "nuclei.py": ("nuclei", lambda: imread(NUCLEI / "img2d.tif"), "99 of the 125 nuclei"),
    "own_function.py": (
        "texture",
        lambda: np.ascontiguousarray(immunohistochemistry()[..., 0]),
        "of the image is rough",
    ),
}


@pytest.mark.parametrize(("file", "case"), CASES.items(), ids=CASES)
def test_runs_as_a_script_and_through_the_command(tmp_path, file, case):
    name, pixels, fact = case
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = subprocess.run(
        [sys.executable, FOLDER / file], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert script.returncode == 0, script.stderr
    assert fact in script.stdout
    assert script.stdout.count("\n") <= 2
    assert (tmp_path / f"{name}.ome.png").exists()
    tm.save({"image": tm.from_array(pixels())}, tmp_path / "image.ome.zarr", tile=128, quiet=True)
    command = tilemask("run", FOLDER / file, "image.ome.zarr", "out.ome.zarr", "--tile", "100", "-q", folder=tmp_path)
    assert command.returncode == 0, command.stderr
    assert (tmp_path / "out.overview.png").exists()
    np.testing.assert_array_equal(
        tm.open_image(tmp_path / f"{name}.ome.zarr").compute(), tm.open_image(tmp_path / "out.ome.zarr").compute()
    )


def test_the_own_function_keeps_its_promise(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from own_function import texture

    from tilemask.testing import check_operation

    check_operation(lambda image: texture(image)["texture"], dtypes=("uint8",), examples=6)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.name)
def test_is_short_and_teaches(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 80
    assert text.startswith('"""')
    assert "tilemask run workflows/" in text
