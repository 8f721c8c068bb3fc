"""Memory is what was billed, and that of the coordinator does not grow with the image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.run.peak import peak_bytes
from tests.run.processes import REPOSITORY
from tilemask.boxes import Box

CHAINS = {
    "filters": "tm.opening(tm.gaussian(image, sigma=4) > 90, radius=5)",
    "cells": "tm.label(tm.gaussian(image, sigma=2) > tm.otsu(image))",
    "floats": "tm.gaussian(image.astype('float32'), sigma=3) * 2 - 7 > 30",
}
MEASURED = """
import json, sys
import tilemask as tm
from tests.run.peak import peak_bytes
image = tm.open_image(sys.argv[1])
made = {"out": eval(sys.argv[3])}
plan = tm.plan(made, sys.argv[2], tile=1024)
tm.save(made, sys.argv[2], tile=1024, quiet=True)
print(json.dumps([peak_bytes(), plan.memory_bytes]))
"""


@pytest.mark.parametrize("chain", CHAINS)
def test_the_peak_is_within_the_bill(chain: str, tmp_path: Path) -> None:
    import zarr

    pixels = np.random.default_rng(0).integers(0, 255, (2048, 2048), np.uint8)
    zarr.create_array(tmp_path / "a.zarr", data=pixels, chunks=(512, 512))
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "a.zarr"), str(tmp_path / "out.ome.zarr"), CHAINS[chain]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True)
    peak, billed = json.loads(done.stdout)
    assert peak <= billed


class Nothing:
    """Pixels without memory."""

    dtype, chunks = np.dtype(np.uint8), None

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def read(self, box: Box, cache: Any) -> NDArray[Any]:
        return np.full(box.shape, box.start[0] % 7, np.uint8)

    def identity(self) -> dict[str, Any]:
        return {"nothing": list(self.shape)}


def survey_tiles(count: int) -> None:
    """An Otsu level of an image of this many tiny tiles; prints the peak of the process."""
    shape = (4 * count // 100, 400)
    level = tm.otsu(tm.Image(shape, Nothing.dtype, "yx", Nothing(shape)))
    assert level.compute(tile=4) == 2
    print(peak_bytes())


def test_the_coordinator_stays_flat() -> None:
    """One byte a tile, whatever the number of tiles."""
    peaks = []
    for count in (1_000, 100_000):
        code = f"from tests.run.test_memory import survey_tiles; survey_tiles({count})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 20_000_000
