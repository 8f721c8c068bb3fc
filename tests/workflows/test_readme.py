"""The README runs as it stands, and its tables and links are true."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.morphology import disk, opening

import tilemask as tm
from tests.cli.commands import ROOT, tilemask
from tilemask import errors
from tilemask.cli.exits import EXIT_CODES

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def fenced(language: str) -> list[list[str]]:
    return [block.strip().splitlines() for block in re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)]


def test_two_commands_on_the_first_screen():
    (commands,) = fenced("bash")
    assert len(commands) == 2
    run, test = commands
    assert run.endswith(".venv/bin/tilemask demo")
    assert test.endswith(".venv/bin/python -m pytest -q")
    assert all("python3 -m venv .venv && .venv/bin/pip install" in c for c in commands)
    assert README.index("```bash") < 1000


def test_the_python_runs_after_the_demo(tmp_path):
    (lines,) = fenced("python")
    assert sum(bool(line) for line in lines) <= 6
    assert tilemask("demo", folder=tmp_path).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "survey" in done.stdout
    pixels = tm.open_image(tmp_path / "tilemask-demo" / "hubble.ome.zarr").compute()
    smooth = cv2.GaussianBlur(pixels, (9, 9), 1, borderType=cv2.BORDER_REPLICATE)
    expected = label(opening(smooth > threshold_otsu(smooth), disk(1)))
    np.testing.assert_array_equal(tm.open_image(tmp_path / "galaxies.ome.zarr").compute(), expected)


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "exactness.md"], ids=lambda p: p.name)
def test_the_table_of_operations_is_that_of_the_declarations(page, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from operations import renewed

    assert page.read_text() == renewed(page), "run: python docs/operations.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_exit_codes_are_told_as_they_are():
    tree = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.TilemaskError)]
    codes = {c.exit_code for c in tree}
    assert codes <= set(map(int, re.findall(r"\b\d+\b", EXIT_CODES)))
    table = (ROOT / "docs" / "reliability.md").read_text()
    assert all(re.search(rf"^\| {code}\b", table, flags=re.MULTILINE) for code in codes)
