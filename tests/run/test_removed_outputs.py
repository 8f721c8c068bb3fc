"""Outputs that somebody deletes, replaces in part, or gives odd names: what is recorded of them is in nobody's way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tilemask as tm
from tests.run.cases import contents, stored
from tests.run.test_every_operation import Death
from tilemask.errors import ChangedPlanError, InputError, PlanError
from tilemask.image import Image
from tilemask.run import execute, resume, store
from tilemask.run.outputs import run_folder, state_folder


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return tm.open_image(stored(tmp_path, (70, 90)))


def save(what: Any, path: Path, **options: Any) -> tm.Run:
    return tm.save(what, path, tile=32, quiet=True, **options)


def table(image: Image, *properties: str) -> Any:
    return tm.measure(tm.label(image > 130), properties=("label", *properties))


def both(image: Image, *properties: str) -> dict[str, Any]:
    return {"cells": tm.label(image > 130), "t.csv": table(image, *properties)}


@pytest.mark.parametrize("name", ["cells.csv", "cells.geojson"])
def test_a_file_that_was_deleted_is_made_again(name: str, image: Image, tmp_path: Path) -> None:
    what = table(image, "area") if name == "cells.csv" else tm.polygons(image > 130)
    other = table(image, "bbox") if name == "cells.csv" else tm.polygons(image > 130, classification="Tumor")
    before = save(what, tmp_path / name).path.read_bytes()
    (tmp_path / name).unlink()
    assert save(what, tmp_path / name).tiles_done > 0
    assert (tmp_path / name).read_bytes() == before
    (tmp_path / name).unlink()
    assert save(other, tmp_path / name).path.read_bytes() != before
    assert tm.verify(tmp_path / name) == []


def test_a_table_that_was_deleted_is_made_again(image: Image, tmp_path: Path) -> None:
    run = save(both(image, "area"), tmp_path / "out.ome.zarr")
    before = contents(run.path)
    run.values["t.csv"].unlink()
    assert save(both(image, "area"), run.path).values == run.values
    assert contents(run.path) == before


@pytest.mark.parametrize("change", ["same", "another table", "other names", "no table"])
def test_a_store_that_was_deleted_leaves_its_place(change: str, image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save(both(image, "area"), path)
    shutil.rmtree(path)
    cells = tm.label(image > 130)
    new = {
        "same": both(image, "area"),
        "another table": both(image, "bbox"),
        "other names": {"nuclei": cells, "t.csv": table(image, "bbox")},
        "no table": {"cells": cells},
    }[change]
    save(new, path)
    assert tm.verify(path) == []
    save(new, tmp_path / "whole.ome.zarr")
    assert contents(path) == contents(tmp_path / "whole.ome.zarr")


def test_an_unfinished_file_is_still_kept(image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(execute, "write_file", lambda *_: (_ for _ in ()).throw(Death))
        with pytest.raises(Death):
            save(table(image, "area"), tmp_path / "cells.csv")
    with pytest.raises(ChangedPlanError, match=r"cells.csv \(incomplete\)"):
        save(table(image, "bbox"), tmp_path / "cells.csv")


def test_a_plan_that_was_refused_is_no_unfinished_run(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise PlanError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(store, "check_disk", full)
        with pytest.raises(PlanError):
            save(both(image, "area"), tmp_path / "out.ome.zarr")
    save(both(image, "bbox"), tmp_path / "out.ome.zarr")


def test_what_a_killed_deletion_has_left_is_not_taken_for_this_plans(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otsu(factor: int) -> dict[str, Image]:
        return {"cells": image > tm.otsu(image // factor)}

    delete = shutil.rmtree

    def half(folder: Path, **options: Any) -> None:
        if not (folder / "plan.json").exists():
            return delete(folder, **options)
        (folder / "plan.json").unlink()
        raise Death

    path = tmp_path / "out.ome.zarr"
    save(otsu(1), path)
    with monkeypatch.context() as patched:
        patched.setattr(resume.shutil, "rmtree", half)
        with pytest.raises(Death):
            save(otsu(2), path, overwrite=True)
    save(otsu(2), path)
    save(otsu(2), tmp_path / "whole.ome.zarr")
    assert contents(path) == contents(tmp_path / "whole.ome.zarr")
    assert tm.verify(path) == []


def test_a_refused_replacement_deletes_nothing(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save({**both(image, "area"), "u.csv": table(image, "area")}, path)
    before = contents(path)
    with pytest.raises(InputError, match=r"while it holds tables/u.csv"):
        save(both(image, "bbox"), path, overwrite=True)
    assert contents(path) == before


def test_what_a_killed_writer_has_left_does_not_hinder_a_replacement(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save(both(image, "area"), path)
    for name in ("t.csv", "gone.csv"):
        (path / "tables" / f"{name}.0123.partial").write_text("label,")
    run = save(both(image, "bbox"), path, overwrite=True)
    assert run.values["t.csv"].read_text().startswith("label,bbox-0")
    assert [f.name for f in (path / "tables").iterdir()] == ["t.csv"]


def test_a_table_that_was_replaced_is_not_judged_by_the_record_of_its_image(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save({"smooth": tm.gaussian(image, sigma=1), "t.csv": table(image, "area")}, path)
    save({"t.csv": table(image, "bbox")}, path, overwrite=True)
    assert tm.verify(path) == []
    next(f for f in sorted(path.rglob("c/0/*")) if f.is_file()).unlink()
    assert len(tm.verify(path)) == 1


def test_a_run_without_a_record_is_done_again_by_overwrite(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save(both(image, "area"), path)
    before = contents(path)
    (run_folder(path, ("cells", "t.csv")) / "journal.jsonl").unlink()
    (path / "labels/cells/0/c/0/0").write_bytes(b"?")
    assert save(both(image, "area"), path).tiles_done == 0
    save(both(image, "area"), path, overwrite=True)
    assert contents(path) == before
    assert tm.verify(path) == []


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/tmp"])
def test_no_name_leads_out_of_the_folder_of_its_run(name: str, image: Image, tmp_path: Path) -> None:
    mine = tmp_path / "scratch" / "mine"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match="cannot be the name of an output"):
        save({name: table(image, "area")}, tmp_path / "cells.csv")
    assert mine.read_text() == "mine"
    assert not state_folder(tmp_path / "cells.csv").exists()


@pytest.mark.parametrize("names", [["lock.json"], ["files.json"], [f"{n}{'x' * 60}" for n in range(5)]])
def test_names_that_a_record_has_itself_and_many_long_ones(names: list[str], image: Image, tmp_path: Path) -> None:
    path, labels = tmp_path / "out.ome.zarr", tm.label(image > 130)
    save(dict.fromkeys(names, labels), path)
    assert tm.verify(path) == []
    assert save(dict.fromkeys(names, labels), path).tiles_done == 0


def changes() -> dict[str, tuple[Callable[[Image], Any], Callable[[Image], Any], str]]:
    def chosen(where: str) -> Callable[[Image], Any]:
        return lambda image: {"cells": tm.select(tm.label(image > 130), where=where)}

    return {
        "where": (chosen("area > 20"), chosen("area > 30"), r'where: "area > 20" before, "area > 30" now'),
        "properties": (
            lambda image: both(image, "area"),
            lambda image: both(image, "area", "bbox"),
            r'names: \["label", "area"\] before, \["label", "area", "bbox"\] now',
        ),
    }


@pytest.mark.parametrize("case", changes())
def test_a_refusal_shows_the_parameter_that_changed(case: str, image: Image, tmp_path: Path) -> None:
    first, second, message = changes()[case]
    save(first(image), tmp_path / "out.ome.zarr")
    with pytest.raises(ChangedPlanError, match=message):
        save(second(image), tmp_path / "out.ome.zarr")
