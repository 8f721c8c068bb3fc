"""Tables beside images, and alone: written, resumed, verified, replaced, refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import tilemask as tm
from tests.run.cases import contents, stored
from tests.run.test_every_operation import Death, Operations
from tilemask.errors import ChangedPlanError, IncompleteError, InputError, TilemaskError
from tilemask.image import Image, Value
from tilemask.run import execute, store
from tilemask.run.outputs import root_of, state_folder
from tilemask.write import formats

SHAPE = ("label", "area", "bbox", "perimeter", "intensity_mean", "solidity")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return tm.open_image(stored(tmp_path, (90, 120)))


def outputs(image: Image, name: str = "table", level: int = 130) -> dict[str, Image | Value]:
    labels = tm.label(image > level)
    return {"cells": labels, name: tm.measure(labels, image, properties=SHAPE), "level": tm.otsu(image)}


def save(what: Any, path: Path, **options: Any) -> tm.Run:
    return tm.save(what, path, tile=32, quiet=True, **options)


def read(path: Path) -> pandas.DataFrame:
    return pandas.read_csv(path, float_precision="round_trip") if path.suffix == ".csv" else pandas.read_parquet(path)


def whole(image: Image) -> pandas.DataFrame:
    found = outputs(image)["table"]
    assert isinstance(found, Value)
    return found.compute(tile=200)


@pytest.mark.parametrize(("name", "file"), [("table", "table.parquet"), ("t.parquet", "t.parquet"), ("t.csv", "t.csv")])
def test_a_table_beside_labels(image: Image, tmp_path: Path, name: str, file: str) -> None:
    run = save(outputs(image, name), tmp_path / "out.ome.zarr")
    assert run.values[name] == tmp_path / "out.ome.zarr" / "tables" / file
    pandas.testing.assert_frame_equal(read(run.values[name]), whole(image), check_exact=True)
    assert tm.verify(run.path) == []
    again = save(outputs(image, name), run.path)
    assert again.tiles_done == 0
    assert again.values == run.values
    assert file in str(again)
    assert tm.open_image(run.path).dtype == np.int32


@pytest.mark.parametrize("file", ["cells.parquet", "cells.csv"])
def test_a_table_alone(image: Image, tmp_path: Path, file: str) -> None:
    table = outputs(image)["table"]
    run = save({"table": table, "level": tm.otsu(image)}, tmp_path / file)
    assert run.values["table"] == tmp_path / file
    pandas.testing.assert_frame_equal(read(tmp_path / file), whole(image), check_exact=True)
    assert tm.verify(tmp_path / file) == []
    again = save({"table": table, "level": tm.otsu(image)}, tmp_path / file)
    assert again.tiles_done == 0
    assert again.values == run.values
    assert type(again.values["level"]) is type(run.values["level"])
    assert not list(state_folder(tmp_path / file).rglob("scratch*"))
    assert not list(tmp_path.rglob("*.partial"))


def test_a_table_joins_a_store_that_is_there(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    found = outputs(image)
    save({"cells": found["cells"]}, path)
    run = save({"table": found["table"]}, path)
    assert run.tiles_done > 0
    assert tm.verify(path) == []
    assert save({"cells": found["cells"]}, path).tiles_done == 0


def test_a_lost_or_damaged_table_is_found_and_written_again(image: Image, tmp_path: Path) -> None:
    run = save(outputs(image), tmp_path / "out.ome.zarr")
    before, file = contents(run.path), run.values["table"]
    for harm in (file.unlink, lambda: file.write_bytes(file.read_bytes()[:-1] + b"?")):
        harm()
        assert [p.key for p in tm.verify(run.path)] == ["tables/table.parquet"]
        save(outputs(image), run.path, overwrite=True)
        assert contents(run.path) == before
        assert tm.verify(run.path) == []


@pytest.mark.parametrize("name", ["out.ome.zarr", "cells.csv"])
@pytest.mark.parametrize("harm", [b"{", None])
def test_a_lost_record_of_files_is_named_and_made_again(
    harm: bytes | None, name: str, image: Image, tmp_path: Path
) -> None:
    """Without it nobody knows that there are tables, which must not pass for verified."""
    what = outputs(image) if name.endswith("zarr") else {"table": outputs(image)["table"], "level": tm.otsu(image)}
    first = save(what, tmp_path / name)
    file, table = state_folder(first.path) / "files.json", first.values["table"]
    before = file.read_bytes()
    file.unlink() if harm is None else file.write_bytes(harm)
    (problem,) = tm.verify(first.path)
    assert problem.key.endswith(f"{name}.tilemask/files.json")
    assert f"is lost or damaged, so {table.relative_to(root_of(first.path))} cannot be compared" in problem.reason
    again = save(what, first.path)
    assert (again.tiles_done, again.values) == (0, first.values)
    assert file.read_bytes() == before
    assert tm.verify(first.path) == []
    file.unlink()
    with pytest.raises(InputError, match="nothing beside it says that tilemask wrote it"):
        save(
            {"table": outputs(image, level=120)["table"]} if name == "cells.csv" else outputs(image, level=120),
            first.path,
        )


def test_another_plan_is_refused_and_replaces_on_demand(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save(outputs(image), path)
    with pytest.raises(ChangedPlanError, match="different plan"):
        save(outputs(image, level=120), path)
    run = save(outputs(image, level=120), path, overwrite=True)
    assert len(read(run.values["table"])) == int(tm.open_image(path).compute().max())
    assert tm.verify(path) == []
    table = tm.measure(tm.label(image > 120))
    save(table, tmp_path / "cells.csv")
    with pytest.raises(ChangedPlanError, match=r"cells.csv \(complete\)"):
        save(outputs(image)["table"], tmp_path / "cells.csv")
    save(outputs(image)["table"], tmp_path / "cells.csv", overwrite=True)
    pandas.testing.assert_frame_equal(read(tmp_path / "cells.csv"), whole(image), check_exact=True)


def test_labels_do_not_go_while_a_table_of_theirs_stays(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.zarr"
    save(outputs(image), path)
    before = contents(path)
    with pytest.raises(InputError, match=r"while it holds tables/table.parquet; delete"):
        save({"cells": tm.label(image > 120)}, path, overwrite=True)
    assert contents(path) == before


def test_records_that_are_gone_are_made_again(image: Image, tmp_path: Path) -> None:
    """Of these no pixels are kept between the passes, so nothing else tells that the first must be repeated."""
    path, holes = tmp_path / "out.ome.zarr", tm.fill_holes(image > 130)
    save({"cells": holes}, path)
    before = contents(path)
    victim = next(p for p in sorted(path.rglob("c/0/1")) if p.is_file())
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    save({"cells": holes}, path, overwrite=True)
    assert contents(path) == before


def test_killed_between_passes_goes_on(image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise Death

    path = tmp_path / "out.ome.zarr"
    with monkeypatch.context() as patched:
        patched.setattr(execute, "write_file", die)
        with suppress(Death):
            save(outputs(image), path)
    with pytest.raises(IncompleteError):
        tm.verify(path)
    run = save(outputs(image), path)
    assert run.tiles_done == 0
    pandas.testing.assert_frame_equal(read(run.values["table"]), whole(image), check_exact=True)
    assert tm.verify(path) == []


@pytest.mark.parametrize("way", ["fails", "dies before", "dies after"])
def test_a_fault_at_every_operation(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tm.open_image(stored(tmp_path, (40, 30)))
    monkeypatch.setattr(store, "processors", lambda: 1)
    table = tm.measure((small > 130).astype("uint8"), small, properties=SHAPE)
    operations = Operations(monkeypatch)

    def run(folder: Path) -> tm.Run:
        folder.mkdir(exist_ok=True)
        return save(table, folder / "cells.csv")

    expected = run(tmp_path / "whole").path.read_bytes()
    total = operations.count
    assert total > 10
    for at in range(total):
        operations.begin(at, way)
        with suppress(TilemaskError if way == "fails" else Death):
            run(tmp_path / str(at))
        operations.begin()
        again = run(tmp_path / str(at))
        assert again.path.read_bytes() == expected, at
        assert tm.verify(again.path) == [], at
        assert run(tmp_path / str(at)).tiles_done == 0
        assert not list((tmp_path / str(at)).glob("*.partial")), at


def refusals() -> Mapping[str, tuple[Any, str, str]]:
    return {
        "labels into a file": (lambda o: {"cells": o["cells"]}, "cells.csv", "holds one table; found cells"),
        "two into a file": (lambda o: {"a": o["table"], "b": o["table"]}, "cells.csv", "found a, b"),
        "a number alone": (lambda o: o["level"], "out.ome.zarr", "call compute"),
        "a table without a store": (lambda o: o["table"], "out.ome.zarr", "ends in .parquet or .csv"),
        "another format": (lambda o: {"cells": o["cells"], "t.xlsx": o["table"]}, "out.ome.zarr", "parquet or .csv"),
        "of outlines": (lambda o: {"cells": o["cells"], "t.geojson": o["table"]}, "out.ome.zarr", "parquet or .csv"),
        "twice": (lambda o: {"cells": o["cells"], "t": o["table"], "t.parquet": o["table"]}, "o.ome.zarr", "same file"),
        "out of the store": (lambda o: {"cells": o["cells"], "../t": o["table"]}, "out.ome.zarr", "name of an output"),
    }


@pytest.mark.parametrize("case", refusals())
def test_refusals(case: str, image: Image, tmp_path: Path) -> None:
    choose, name, message = refusals()[case]
    for asked in (tm.plan, save):
        with pytest.raises(InputError, match=message):
            asked(choose(outputs(image)), tmp_path / name)
    assert not (tmp_path / name).exists()
    assert not state_folder(tmp_path / name).exists()


def test_a_file_of_somebody_else_is_left_alone(image: Image, tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="nothing beside it says that tilemask wrote it"):
            save(outputs(image)["table"], tmp_path / "cells.csv", overwrite=overwrite)
    assert (tmp_path / "cells.csv").read_text() == "mine"


def test_a_missing_package_is_known_before_work_starts(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    for name in ("table", "table.parquet"):
        with pytest.raises(InputError, match=r"needs pyarrow.*tilemask\[parquet\].*table.csv"):
            save(outputs(image, name), tmp_path / "out.ome.zarr")
        with pytest.raises(InputError, match=r"needs pyarrow.*tilemask\[parquet\].*table.csv"):
            tm.plan(outputs(image, name), tmp_path / "out.ome.zarr")
    with pytest.raises(InputError, match=r"cells.parquet needs pyarrow"):
        tm.plan(outputs(image)["table"], tmp_path / "cells.parquet")
    assert save(outputs(image, "table.csv"), tmp_path / "out.ome.zarr").tiles_done


def test_workers_write_tables_too(image: Image, tmp_path: Path) -> None:
    run = save(outputs(image), tmp_path / "out.ome.zarr", client=1)
    pandas.testing.assert_frame_equal(read(run.values["table"]), whole(image), check_exact=True)
