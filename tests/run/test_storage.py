"""Disks that are full or closed, outputs that are inputs, two runs at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

import tilemask as tm
from tests.run.cases import calls, contents, own_function, slow_mask, stored
from tests.run.processes import end, launch, until
from tilemask.errors import IncompleteError, InputError, Interrupted, LockedError, PlanError, StorageError
from tilemask.run.lock import run_lock
from tilemask.run.outputs import state_folder

NOISE = np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 900 kB: enough for half of the noise."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.fail(f"a full disk is made by mounting a small one, which needs root: {mounted.stderr.decode()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "out.ome.zarr"
    with pytest.raises(StorageError, match=r"No space left(?s:.)*free some space") as told:
        tm.save(tm.from_array(NOISE), path, tile=128, quiet=True)
    assert told.value.exit_code == 5
    with pytest.raises(IncompleteError):
        tm.open_image(path)
    subprocess.run(["mount", "-o", "remount,size=9m", small_disk], check=True)
    run = tm.save(tm.from_array(NOISE), path, tile=128, quiet=True)
    assert run.tiles_before > 10
    assert run.tiles_done + run.tiles_before == 64
    np.testing.assert_array_equal(tm.open_image(path).compute(), NOISE)
    assert tm.verify(path) == []


def test_a_disk_that_cannot_hold_the_output_is_refused(small_disk: Path) -> None:
    with pytest.raises(PlanError, match=r"needs about .* of disk at .* are free"):
        tm.save(tm.from_array(NOISE.repeat(4, 0)), small_disk / "out.ome.zarr", tile=128, quiet=True)
    assert not (small_disk / "out.ome.zarr").exists()


LIMITED = """
import resource, sys
import numpy as np, tilemask as tm
from tests.run.test_storage import NOISE
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    tm.save(tm.from_array(NOISE), sys.argv[1], tile=128, quiet=True)
except tm.errors.TilemaskError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("limit", [4_000, 12_000, 30_000])
def test_files_that_may_not_grow(limit: int, tmp_path: Path) -> None:
    """A quota on the tiles, or on the journal, whichever comes first."""
    path = tmp_path / "out.ome.zarr"
    command = [sys.executable, "-c", "import tilemask.errors\n" + LIMITED, str(path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode in ({5} if limit < 20_000 else {0, 5}), done
    tm.save(tm.from_array(NOISE), path, tile=128, quiet=True)
    np.testing.assert_array_equal(tm.open_image(path).compute(), NOISE)
    assert tm.verify(path) == []


def test_a_folder_that_nothing_can_be_written_into(source: Path) -> None:
    for folder in ("/proc/1", "/sys"):
        with pytest.raises(StorageError, match="cannot be written") as told:
            tm.save(own_function(tm.open_image(source)), f"{folder}/out.ome.zarr", quiet=True)
        assert told.value.exit_code == 5


def test_the_output_is_the_input(tmp_path: Path) -> None:
    source = stored(tmp_path)
    image = tm.open_image(source)
    for path in (source, source / "out.ome.zarr", source / "c"):
        with pytest.raises(InputError):
            tm.save(own_function(image), path, quiet=True)
    whole = contents(source)
    group = tmp_path / "group.ome.zarr"
    tm.save({"group": image}, group, quiet=True)
    with pytest.raises(InputError):
        tm.save({"group": tm.open_image(group)}, group, overwrite=True, quiet=True)
    tm.save({"cells": tm.open_image(group) > 100}, tmp_path / "mask.ome.zarr", quiet=True)
    with pytest.raises(InputError, match="lie in, or over, the input"):
        tm.save(
            {"cells": tm.label(tm.open_image(tmp_path / "mask.ome.zarr", label="cells"))},
            tmp_path / "mask.ome.zarr",
            overwrite=True,
            quiet=True,
        )
    assert contents(source) == whole
    np.testing.assert_array_equal(tm.open_image(group).compute(), image.compute())


def test_a_second_run_is_told_who_is_first(source: Path, tmp_path: Path) -> None:
    paths = list(map(str, (source, tmp_path / "out.ome.zarr", tmp_path / "log")))
    # Slow, so that the first is still running when the last has started.
    runs = [launch("tests.run.drive", "slow_mask", *paths, "nap=0.4") for _ in range(3)]
    said = [run.communicate(timeout=60) for run in runs]
    codes = [run.returncode for run in runs]
    first = codes.index(0)
    assert sorted(codes) == [0, LockedError.exit_code, LockedError.exit_code]
    for n, (_, errors) in enumerate(said):
        if n != first:
            assert f'"process": {runs[first].pid}' in errors
            assert '"host"' in errors
    assert tm.verify(tmp_path / "out.ome.zarr") == []


def test_a_lock_ends_with_its_process(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    state_folder(path).mkdir(parents=True)
    with run_lock(state_folder(path)), pytest.raises(LockedError, match="choose another output"):
        tm.save(own_function(tm.open_image(source)), path, quiet=True)
    tm.save(own_function(tm.open_image(source)), path, quiet=True)


@pytest.mark.parametrize("client", [None, "1"])
def test_an_interrupt_lets_tiles_end_and_the_run_goes_on_later(
    client: str | None, source: Path, tmp_path: Path
) -> None:
    path, log = tmp_path / "out.ome.zarr", tmp_path / "log"
    options = ["nap=0.1", *([f"client={client}"] if client else [])]
    run = launch("tests.run.drive", "slow_mask", str(source), str(path), str(log), *options)
    until(lambda: calls(log) > 3)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == Interrupted.exit_code, said
    assert "run the same command again to go on" in said
    before = calls(log)
    resumed = tm.save(slow_mask(tm.open_image(source), log, 0.1), path, tile=32, quiet=True)
    assert calls(log) == 35
    assert resumed.tiles_before == 35 + before
    assert tm.verify(path) == []


def test_a_second_interrupt_gives_up_at_once(source: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run = launch("tests.run.drive", "slow_mask", str(source), str(tmp_path / "o.zarr"), str(log), "nap=0.5", "tile=32")
    until(lambda: calls(log) > 1)
    os.kill(run.pid, signal.SIGINT)
    threading.Event().wait(0.1)
    os.kill(run.pid, signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode != 0
    end(run)


def interrupted_once(pixels: np.ndarray, *, mark: str) -> np.ndarray:
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGINT)
    return pixels


def test_an_interrupt_in_the_last_tile_of_a_pass(tmp_path: Path) -> None:
    image = tm.map_tiles(interrupted_once, tm.from_array(NOISE[:64, :64]), mark=str(tmp_path / "mark"))
    mask = image > tm.otsu(image)
    with pytest.raises(Interrupted, match=r"stopped after pass 1 of 2; run the same command again"):
        tm.save({"mask": mask}, tmp_path / "out.ome.zarr", quiet=True)
    run = tm.save({"mask": mask}, tmp_path / "out.ome.zarr", quiet=True)
    assert (run.tiles_before, run.tiles_done) == (1, 1)


def test_memory_that_is_too_small_names_a_tile_that_fits() -> None:
    image = tm.gaussian(tm.from_array(np.zeros((8192, 8192), np.uint8)), sigma=3) > 3
    with pytest.raises(PlanError, match=r"Use tile=\[\d+, \d+\]") as told:
        tm.plan(image, tile=8192, memory=500_000_000)
    sides = [int(n) for n in str(told.value).partition("tile=[")[2].partition("]")[0].split(", ")]
    assert tm.plan(image, tile=sides, memory=500_000_000).memory_bytes <= 500_000_000
    with pytest.raises(PlanError, match="No tile fits"):
        tm.plan(image, tile=8192, memory=1_000_000)


@pytest.mark.parametrize("tile", [0, -3, (32,), (32, 32, 32), 1.5, "64", (32, 0)])
def test_a_tile_that_is_none(tile: object, source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tile= takes"):
        tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", tile=tile, quiet=True)
    assert not list(tmp_path.iterdir())


def test_a_zarr_array_that_is_not_ours_is_not_replaced(source: Path, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "theirs.zarr", shape=(3,), dtype="u1")
    with pytest.raises(InputError, match="not a Zarr group"):
        tm.save(own_function(tm.open_image(source)), tmp_path / "theirs.zarr", overwrite=True, quiet=True)
    assert (tmp_path / "theirs.zarr" / "zarr.json").exists()


def test_labels_join_a_source_of_two_axes(tmp_path: Path) -> None:
    """As a user does it: the image in, its masks into its own store."""
    source = tmp_path / "slide.ome.zarr"
    tm.save(tm.from_array(NOISE), source, tile=256, quiet=True)
    image = tm.open_image(source)
    tm.save({"bright": image > 100}, source, tile=256, quiet=True)
    np.testing.assert_array_equal(tm.open_image(source, label="bright").compute(), NOISE > 100)
    np.testing.assert_array_equal(tm.open_image(source).compute(), NOISE)


def test_labels_of_another_shape_cannot_join(tmp_path: Path) -> None:
    from ome_zarr.writer import write_image

    source = tmp_path / "slide.ome.zarr"
    write_image(NOISE, zarr.open_group(source, mode="w"), axes="yx")
    image = tm.open_image(source)
    with pytest.raises(InputError, match=r"labels can join an image of their own shape"):
        tm.save({"part": image[:100, :100] > 9}, source, quiet=True)
    assert not (source / "labels").exists()
    tm.save({"all": image > 9}, source, quiet=True)
    np.testing.assert_array_equal(tm.open_image(source, label="all").compute(), NOISE > 9)


@pytest.mark.parametrize(
    ("images", "path", "message"),
    [
        (NOISE, "out.zarr", "found ndarray"),
        (None, "out.zarr", "found NoneType"),
        ({"a": NOISE}, "out.zarr", "output 'a' is a ndarray"),
        ({}, "out.zarr", "nothing to save"),
        (tm.from_array(NOISE), None, "needs a path"),
    ],
)
def test_what_cannot_be_saved(images: object, path: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        tm.save(images, tmp_path / path if isinstance(path, str) else path, quiet=True)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_two_images_in_one_store_are_refused_without_a_trace(tmp_path: Path) -> None:
    image = tm.from_array(NOISE)
    with pytest.raises(InputError, match="one OME-Zarr store holds one image"):
        tm.save({"a": image, "b": image + 1}, tmp_path / "out.zarr", quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_may_have_any_name(tmp_path: Path) -> None:
    run = tm.save(tm.from_array(NOISE) > 9, tmp_path / "my result (1).ome.zarr", tile=1 << 20, quiet=True)
    assert run.outputs == ("my-result-1",)
    assert ": 1 tile in" in str(run)


def test_values_are_alike_at_every_call(tmp_path: Path) -> None:
    image = tm.from_array(NOISE)
    count = tm.reduce_tiles(len, image, combine=int.__add__, finish=int)
    outputs = {"mask": image > 9, "level": tm.otsu(image), "rows": count}
    first = tm.save(outputs, tmp_path / "out.zarr", tile=1024, quiet=True)
    again = tm.save(outputs, tmp_path / "out.zarr", tile=1024, quiet=True)
    assert first.values == again.values == {"level": tm.otsu(NOISE), "rows": 1024}
    assert [type(v) for v in first.values.values()] == [type(v) for v in again.values.values()] == [np.int64, int]
