"""What happens to stored objects after they were written is found, and done again where the run is not complete."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tilemask as tm
from tests.run.cases import contents, own_function, slow_labels, smooth_labels
from tests.run.test_journal import written
from tilemask.errors import ChangedPlanError, IncompleteError, InputError
from tilemask.run.outputs import state_folder


def unfinish(path: Path) -> None:
    """As a run leaves it that was killed before the commit."""
    for document in (path / "zarr.json", path / "labels" / "cells" / "zarr.json"):
        document.write_text(document.read_text().replace('"complete"', '"incomplete"'))


@pytest.fixture
def output(source: Path, tmp_path: Path) -> Path:
    tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", tile=37, quiet=True)
    return tmp_path / "out.ome.zarr"


def objects(path: Path) -> list[Path]:
    return sorted(path / key for key in contents(path))


def test_verify_finds_every_flipped_bit(output: Path) -> None:
    rng = np.random.default_rng(0)
    for file in [f for f in objects(output) for _ in range(4)]:
        good = file.read_bytes()
        bad = bytearray(good)
        bad[rng.integers(len(good))] ^= 1 << rng.integers(8)
        file.write_bytes(bad)
        assert [p.key for p in tm.verify(output)] == [str(file.relative_to(output))]
        file.write_bytes(good)
    assert tm.verify(output) == []


def test_verify_finds_what_is_cut_swapped_or_gone(output: Path) -> None:
    first, second, *others = objects(output)
    third = others[0]
    fourth = next(f for f in others if f.read_bytes() != third.read_bytes())
    first.write_bytes(first.read_bytes()[:-3])
    second.unlink()
    good = third.read_bytes(), fourth.read_bytes()
    third.write_bytes(good[1])
    fourth.write_bytes(good[0])
    assert {p.key for p in tm.verify(output)} == {str(f.relative_to(output)) for f in (first, second, third, fourth)}


@pytest.mark.parametrize("case", [own_function, smooth_labels])
def test_a_lost_object_is_done_again(case: object, source: Path, tmp_path: Path) -> None:
    """Of `smooth_labels` the scratch is gone by then: the passes that made it are done again as well."""
    path, outputs = tmp_path / "out.ome.zarr", case(tm.open_image(source))
    tm.save(outputs, path, tile=37, quiet=True)
    expected = contents(path)
    unfinish(path)
    objects(path)[3].unlink()
    objects(path)[5].write_bytes(b"")
    run = tm.save(outputs, path, tile=37, quiet=True)
    assert contents(path) == expected
    assert tm.verify(path) == []
    if case is own_function:
        assert run.tiles_done == 2


def test_a_copy_is_whole_and_claims_nothing(source: Path, output: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.ome.zarr"
    shutil.copytree(output, copy)
    np.testing.assert_array_equal(tm.open_image(copy).compute(), tm.open_image(output).compute())
    with pytest.raises(InputError, match="no record"):
        tm.verify(copy)
    assert tm.save(own_function(tm.open_image(source)), copy, tile=37, quiet=True).tiles_done == 0


def test_a_copy_of_half_a_run_is_done_from_the_start(source: Path, output: Path, tmp_path: Path) -> None:
    unfinish(output)
    copy = tmp_path / "copy.ome.zarr"
    shutil.copytree(output, copy)
    objects(copy)[2].write_bytes(b"not a shard")
    run = tm.save(own_function(tm.open_image(source)), copy, tile=37, quiet=True)
    assert run.tiles_before == 0
    assert contents(copy) == contents(output)


def test_half_a_run_is_refused_by_readers(output: Path) -> None:
    unfinish(output)
    for options in ({}, {"label": "cells"}):
        with pytest.raises(IncompleteError):
            tm.open_image(output, **options)
    with pytest.raises(IncompleteError, match="never finished"):
        tm.verify(output)


def test_the_record_of_another_run_is_not_taken(source: Path, output: Path) -> None:
    folder = state_folder(output) / "cells"
    written(folder)
    (folder / "plan.json").write_bytes(b"{")
    unfinish(output)
    with pytest.raises(ChangedPlanError, match="damaged"):
        tm.save(own_function(tm.open_image(source)), output, tile=37, quiet=True)
    again = tm.save(own_function(tm.open_image(source)), output, tile=37, overwrite=True, quiet=True)
    assert again.tiles_before == 0
    assert tm.verify(output) == []


def test_an_output_that_was_replaced_is_not_judged_by_its_old_record(source: Path, tmp_path: Path) -> None:
    path, image = tmp_path / "out.ome.zarr", tm.open_image(source)
    tm.save({"low": image > 90, "high": image > 150}, path, tile=64, quiet=True)
    tm.save({"high": image > 170}, path, tile=64, overwrite=True, quiet=True)
    assert tm.verify(path) == []
    path.joinpath("labels/low/0/c/0/0").unlink()
    assert len(tm.verify(path)) == 1


def test_scratch_is_gone_in_the_end(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    tm.save(slow_labels(tm.open_image(source), tmp_path / "log", 0.0), path, tile=64, quiet=True)
    assert not list(state_folder(path).rglob("scratch*"))
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("case", [own_function, smooth_labels])
def test_damaged_objects_of_a_complete_output_are_done_again_by_overwrite(
    case: object, source: Path, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.ome.zarr"
    images = case(tm.open_image(source))  # type: ignore[operator]
    whole = tm.save(images, path, tile=37, quiet=True)
    before = contents(path)
    victim = objects(path)[1]
    bad = bytearray(victim.read_bytes())
    bad[len(bad) // 2] ^= 1
    victim.write_bytes(bad)
    assert tm.save(images, path, tile=37, quiet=True).tiles_done == 0
    repaired = tm.save(images, path, tile=37, quiet=True, overwrite=True)
    assert 0 < repaired.tiles_done <= whole.tiles_done
    assert contents(path) == before
    assert tm.verify(path) == []
    assert tm.save(images, path, tile=37, quiet=True, overwrite=True).tiles_done == 0
