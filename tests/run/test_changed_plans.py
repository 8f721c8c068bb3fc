"""A run goes on only where everything that can change a pixel is the same; what differs is named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import tilemask as tm
from tests.run.cases import picture, steep, stored
from tilemask.errors import ChangedPlanError
from tilemask.planning import identity

FACTOR = 1


def scaled(array: NDArray[Any], *, least: int = 5) -> NDArray[np.bool_]:
    return array * FACTOR > least


def outputs(source: Path, least: int = 9, reach: int = 2) -> dict[str, Any]:
    return {"cells": tm.map_tiles(steep, tm.open_image(source), reach=reach, dtype=bool, least=least)}


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Path]:
    source, path = stored(tmp_path), tmp_path / "out.ome.zarr"
    tm.save(outputs(source), path, tile=64, quiet=True)
    return source, path


def refused(made: dict[str, Any], path: Path, *fields: str, tile: int = 64) -> None:
    with pytest.raises(ChangedPlanError, match="different plan") as told:
        tm.save(made, path, tile=tile, quiet=True)
    for field in fields:
        assert field in str(told.value)
    assert "overwrite=True" in str(told.value)


def test_a_parameter(begun: tuple[Path, Path]) -> None:
    source, path = begun
    refused(outputs(source, least=10), path, "arguments.least: 9 before, 10 now")


def test_a_reach(begun: tuple[Path, Path]) -> None:
    source, path = begun
    refused(outputs(source, reach=3), path, "reach: [[2, 2], [2, 2]] before, [[3, 3], [3, 3]] now")


def test_a_tile(begun: tuple[Path, Path]) -> None:
    source, path = begun
    refused(outputs(source), path, "tile: [64, 64] before, [32, 32] now", tile=32)


def test_another_input(begun: tuple[Path, Path]) -> None:
    source, path = begun
    zarr.create_array(source, data=picture((150, 211)), chunks=(64, 64), overwrite=True)
    refused(outputs(source), path, "inputs.image 0.shape: [150, 210] before, [150, 211] now")


def test_another_array(tmp_path: Path) -> None:
    array, path = picture((60, 60)), tmp_path / "out.ome.zarr"
    tm.save({"cells": tm.from_array(array) > 9}, path, tile=32, quiet=True)
    array[3, 3] ^= 1
    refused({"cells": tm.from_array(array) > 9}, path, "inputs.image 0.array", tile=32)


def test_other_versions(begun: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = begun
    real = identity.version
    monkeypatch.setattr(identity, "version", lambda p: "0.0.1" if p == "scipy" else real(p))
    refused(outputs(source), path, f'versions.scipy: "{real("scipy")}" before, "0.0.1" now')


def test_the_source_of_a_function_and_of_what_it_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source, path, file = stored(tmp_path), tmp_path / "out.ome.zarr", tmp_path / "masker_of_mine.py"
    text = "LEVEL = 7\ndef above(a, n):\n    return a > n\ndef mask(a, *, n=100):\n    return above(a, n + LEVEL)\n"

    def save(code: str) -> tm.Run:
        file.write_text(code)
        importlib.invalidate_caches()
        sys.modules.pop("masker_of_mine", None)
        module = importlib.import_module("masker_of_mine")
        image = tm.map_tiles(module.mask, tm.open_image(source), dtype=bool)
        return tm.save({"cells": image}, path, tile=64, quiet=True)

    assert save(text).tiles_done > 0
    assert save(text).tiles_done == 0
    changes = {"a > n": "a >= n", "n + LEVEL": "n - LEVEL", "LEVEL = 7": "LEVEL = 8", "n=100": "n=101"}
    for before, now in changes.items():
        with pytest.raises(ChangedPlanError, match=r"steps.image 1.function"):
            save(text.replace(before, now) + "# \n" * (1 + len(now)))
    assert save(text).tiles_done == 0


def test_a_global_that_a_function_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = stored(tmp_path), tmp_path / "out.ome.zarr"
    made = {"cells": tm.map_tiles(scaled, tm.open_image(source), dtype=bool)}
    tm.save(made, path, tile=64, quiet=True)
    monkeypatch.setitem(globals(), "FACTOR", 2)
    refused(made, path, "function.globals.FACTOR: 1 before, 2 now")


def test_overwriting_begins_anew(begun: tuple[Path, Path]) -> None:
    source, path = begun
    run = tm.save(outputs(source, least=10), path, tile=64, overwrite=True, quiet=True)
    assert run.tiles_before == 0
    assert tm.verify(path) == []
    np.testing.assert_array_equal(tm.open_image(path).compute(), outputs(source, least=10)["cells"].compute())


def test_what_cannot_resume_says_so(tmp_path: Path) -> None:
    class Model:
        def __call__(self, array: NDArray[Any]) -> NDArray[np.bool_]:
            return array > 9

    made = {"cells": tm.map_tiles(Model(), tm.open_image(stored(tmp_path)), dtype=bool)}
    with pytest.warns(UserWarning, match="cannot be resumed: .*Model has no stable digest"):
        tm.save(made, tmp_path / "out.ome.zarr", tile=64, quiet=True)
    assert "cannot resume" in str(tm.plan(made))
