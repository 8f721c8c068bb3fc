from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from tests.cli.commands import FAULTY
from tilemask.cli.app import app


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with an image of two bright squares, one of them across tiles of 32, and faulty workflows."""
    pixels = np.full((96, 80), 20, np.uint8)
    pixels[10:50, 20:60] = 200
    pixels[70:90, 5:25] = 180
    tifffile.imwrite(tmp_path / "image.tif", pixels)
    (tmp_path / "faulty.py").write_text(FAULTY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke():
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return invoke
