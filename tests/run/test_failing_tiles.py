"""A function that breaks its contract, or raises: the tile is named, the others are done, nothing is committed."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.run.cases import calls, count_call, drowsy
from tilemask.errors import ClusterError, IncompleteError, InputError, TileError
from tilemask.run import cluster as cluster_module
from tilemask.run import execute, failures

TILES = 5 * 7
BRIGHT = 250
"""Only a few tiles of the picture have a pixel above."""


def maxima(image: tm.Image) -> list[int]:
    """Of each tile, in raster order."""
    pixels = image.compute()
    return [int(pixels[y : y + 32, x : x + 32].max()) for y in range(0, 150, 32) for x in range(0, 210, 32)]


def raises(array: NDArray[Any], *, flag: str, log: str) -> NDArray[np.bool_]:
    if (array > BRIGHT).any() and not os.path.exists(flag):
        raise ArithmeticError("too bright for me")
    return drowsy(array, nap=0.0, log=log) > 100


def test_others_are_done_and_a_mended_cause_needs_the_failed_tiles_only(source: Path, tmp_path: Path) -> None:
    image, flag, log = tm.open_image(source), tmp_path / "mended", tmp_path / "log"
    bright = [most > BRIGHT for most in maxima(image)]
    outputs = {"cells": tm.map_tiles(raises, image, dtype=bool, flag=str(flag), log=str(log))}
    path = tmp_path / "out.ome.zarr"
    said = rf"{sum(bright)} of {TILES} tiles failed .* {TILES - sum(bright)} are done"
    with pytest.raises(TileError, match=said) as told:
        tm.save(outputs, path, tile=32, quiet=True)
    assert TileError.exit_code == 3
    assert calls(log) == TILES - sum(bright)
    first = bright.index(True)
    assert f"tile {first} [" in str(told.value)
    assert "too bright for me" in str(told.value)
    assert "raises" in "".join(told.value.__notes__)
    with pytest.raises(IncompleteError):
        tm.open_image(path)
    bundle = Path(str(told.value).partition("tilemask replay ")[2].splitlines()[0])
    with pytest.raises(ArithmeticError, match="too bright"):
        failures.replay(bundle)
    flag.touch()
    assert failures.replay(bundle).dtype == bool
    log.unlink()
    run = tm.save(outputs, path, tile=32, quiet=True)
    assert (run.tiles_done, run.tiles_before, calls(log)) == (sum(bright), TILES - sum(bright), sum(bright))
    assert (tm.open_image(path).compute() == (np.asarray(image.compute()) > 100)).mean() > 0.5
    assert tm.verify(path) == []


def too_small(array: NDArray[Any]) -> Any:
    return array[:-1]


def untrimmed(array: NDArray[Any]) -> Any:
    return np.pad(array, 3)


def one_more_axis(array: NDArray[Any]) -> Any:
    return array[..., np.newaxis]


def other_dtype(array: NDArray[Any]) -> Any:
    return array.astype(np.int64)


def of_objects(array: NDArray[Any]) -> Any:
    return array.astype(object)


def nothing(array: NDArray[Any]) -> Any:
    return None


def a_list(array: NDArray[Any]) -> Any:
    return array.tolist()


def changes_input(array: NDArray[Any]) -> Any:
    array += 1
    return array


def one_number(array: NDArray[Any]) -> Any:
    return array.max()


BAD: dict[Callable[..., Any], str] = {
    too_small: r"must return an array of shape \(32, 32\), dtype uint8; it returned an array of shape \(31, 32\)",
    untrimmed: r"shape \(38, 38\)",
    one_more_axis: r"shape \(32, 32, 1\)",
    other_dtype: "dtype int64",
    of_objects: "dtype object",
    nothing: "it returned NoneType",
    a_list: "it returned list",
    changes_input: "must not change its inputs: copy first",
    one_number: "it returned uint8",
}


@pytest.mark.parametrize("function", BAD, ids=lambda f: f.__name__)
def test_a_broken_contract_names_function_and_tile(function: Callable[..., Any], source: Path, tmp_path: Path) -> None:
    image = tm.map_tiles(function, tm.open_image(source)[:64, :64])
    with pytest.raises(TileError, match=rf"tile 0 \[0:32, 0:32\]: {function.__name__}.*{BAD[function]}"):
        tm.save({"cells": image}, tmp_path / "out.ome.zarr", tile=32, quiet=True)


def with_nan(array: NDArray[Any]) -> Any:
    result = array.astype(np.float32)
    result[0, 0] = np.nan
    return result


@pytest.mark.parametrize(
    ("function", "said"), [(with_nan, "1 pixels are NaN"), (changes_input, "read-only")], ids=["nan", "mutates"]
)
def test_values_that_do_not_fit_are_not_wrapped(
    function: Callable[..., Any], said: str, source: Path, tmp_path: Path
) -> None:
    image = tm.map_tiles(function, tm.open_image(source)[:64, :64], dtype=np.float32 if function is with_nan else None)
    with pytest.raises(TileError, match=said):
        tm.save({"cells": image.astype(np.int32)}, tmp_path / "out.ome.zarr", tile=32, quiet=True)


def view_of_input(array: NDArray[Any]) -> Any:
    return array[:, :]


def test_a_view_of_the_input_is_a_result_like_others(source: Path, tmp_path: Path) -> None:
    image = tm.open_image(source)
    path = tmp_path / "out.ome.zarr"
    made = tm.map_tiles(view_of_input, image)
    tm.save({"cells": tm.label(tm.map_tiles(view_of_input, made > 130))}, path, tile=32, quiet=True)
    np.testing.assert_array_equal(tm.open_image(path).compute(), tm.label(image > 130).compute())
    np.testing.assert_array_equal(made.compute(tile=32), image.compute())


def flaky(array: NDArray[Any], *, log: str) -> Any:
    if count_call(log) % 5 == 0:
        raise ConnectionError("sometimes")
    return array > 100


def test_a_flaky_function_needs_a_few_calls(source: Path, tmp_path: Path) -> None:
    log, path = tmp_path / "log", tmp_path / "out.ome.zarr"
    outputs = {"cells": tm.map_tiles(flaky, tm.open_image(source), dtype=bool, log=str(log))}
    for _ in range(6):
        try:
            tm.save(outputs, path, tile=32, quiet=True)
            break
        except TileError:
            continue
    assert tm.verify(path) == []
    assert calls(log) <= TILES * 5 / 4 + 3


def always(array: NDArray[Any]) -> Any:
    raise ValueError("never works")


def test_a_hopeless_function_is_given_up_early(source: Path, tmp_path: Path) -> None:
    image = tm.map_tiles(always, tm.open_image(source))
    with pytest.raises(TileError, match="every tile tried so far failed, so the rest was not tried"):
        tm.save({"cells": image}, tmp_path / "out.ome.zarr", tile=8, quiet=True)
    assert len(list((tmp_path / "out.ome.zarr.tilemask").rglob("failure.json"))) <= failures.KEPT + 1


def kills_its_worker(array: NDArray[Any]) -> Any:
    if (array > 254).any():
        os._exit(1)
    return array > 100


def test_a_tile_that_kills_workers_is_the_only_one_that_fails(
    source: Path, tmp_path: Path, start_cluster: Callable[..., Any]
) -> None:
    cluster = start_cluster(2, nanny=True)
    image = tm.open_image(source)
    outputs = {"cells": tm.map_tiles(kills_its_worker, image, dtype=bool)}
    deadly = sum(most > 254 for most in maxima(image))
    said = f"{deadly} of {TILES} tiles failed.*{TILES - deadly} are done(?s:.)*kills_its_worker .* worker died"
    with pytest.raises(TileError, match=said) as told:
        tm.save(outputs, tmp_path / "out.ome.zarr", tile=32, client=cluster.address, quiet=True)
    with np.load(Path(str(told.value).partition("tilemask replay ")[2].splitlines()[0]) / "inputs.npz") as saved:
        assert saved["image0"].max() > 254


def test_a_cluster_that_loses_all_workers_is_given_up(
    source: Path, tmp_path: Path, start_cluster: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "NO_WORKERS_SECONDS", 1.0)
    cluster = start_cluster(1)
    outputs = {"cells": tm.map_tiles(kills_its_worker, tm.open_image(source), dtype=bool)}
    began = time.monotonic()
    with pytest.raises(ClusterError, match="has had no workers for 1 s"):
        tm.save(outputs, tmp_path / "out.ome.zarr", tile=32, client=cluster.address, quiet=True)
    assert time.monotonic() - began < 45


def test_replay_refuses_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a saved failure"):
        failures.replay(tmp_path)


def computes(array: NDArray[Any]) -> Any:
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    return array > 100


def waits(array: NDArray[Any]) -> Any:
    time.sleep(0.02)
    return array > 100


TIMES = {
    "one at a time": (4.0, 2.0, True),
    "side by side": (4.0, 3.9, False),
    "waiting for a server": (4.0, 0.1, False),
    "soon done": (1.0, 0.5, False),
}


@pytest.mark.parametrize(("wall", "processor", "told"), TIMES.values(), ids=TIMES)
def test_a_function_that_holds_the_interpreter_is_told_of(
    wall: float, processor: float, told: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the seconds that two threads took; how many those are is the next test, whatever else the machine does."""
    real = execute._warn_of_the_gil

    def warn(engine: Any, made: Any) -> None:
        engine.user_seconds = {"mine": [wall, processor]}
        real(engine, replace(made, threads=2))

    monkeypatch.setattr(execute, "_warn_of_the_gil", warn)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tm.save({"cells": tm.open_image(source) > 100}, tmp_path / "out.ome.zarr", tile=64, quiet=True)
    assert [str(w.message).partition(":")[0] for w in caught if "interpreter lock" in str(w.message)] == (
        ["mine holds Python's interpreter lock"] if told else []
    )


def test_what_a_function_takes_is_measured(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    took: dict[str, list[float]] = {}
    monkeypatch.setattr(execute, "_warn_of_the_gil", lambda engine, made: took.update(engine.user_seconds))
    for function in (computes, waits):
        image = tm.map_tiles(function, tm.open_image(source), dtype=bool)
        tm.save({"cells": image}, tmp_path / f"{function.__name__}.ome.zarr", tile=32, quiet=True)
    assert took["computes"][0] >= took["computes"][1] * 0.99
    assert took["computes"][1] >= 0.02 * TILES
    assert took["waits"][0] >= 0.02 * TILES
    assert took["waits"][1] < 0.01 * TILES
