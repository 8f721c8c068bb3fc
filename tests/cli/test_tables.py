"""Tables on the command line: where they are, in the one line that a run ends with."""

from pathlib import Path

import pandas

WORKFLOW = """
import tilemask as tm

def cells(image, *, where: str = "area > 3"):
    labels = tm.select(tm.label(image > 100), where=where)
    return {"cells": labels, "table": tm.measure(labels, image, properties=("label", "area", "intensity_mean"))}

def table(image):
    return {"table": tm.measure(tm.label(image > 100))}
"""


def test_a_run_says_where_its_table_is(folder: Path, invoke) -> None:
    (folder / "tables.py").write_text(WORKFLOW)
    done = invoke("run", "tables.py:cells", "image.tif", "out.ome.zarr", "--tile", "32", "-q", "--where", "area > 500")
    assert done.exit_code == 0, done.stderr
    path = folder / "out.ome.zarr" / "tables" / "table.parquet"
    assert f"table {path}" in done.stdout
    assert pandas.read_parquet(path)["area"].tolist() == [1600.0]
    assert invoke("verify", "out.ome.zarr").exit_code == 0
    assert "  tables/table.parquet: " in invoke("info", "out.ome.zarr").stdout


def test_a_table_alone(folder: Path, invoke) -> None:
    (folder / "tables.py").write_text(WORKFLOW)
    done = invoke("run", "tables.py:table", "image.tif", "cells.csv", "--tile", "32", "-q")
    assert done.exit_code == 0, done.stderr
    assert str(folder / "cells.csv") in done.stdout
    assert len(pandas.read_csv(folder / "cells.csv")) == 2
    assert "0 tiles done" in invoke("run", "tables.py:table", "image.tif", "cells.csv", "--tile", "32", "-q").stdout
    assert invoke("verify", "cells.csv").exit_code == 0
    told = invoke("info", "cells.csv")
    assert told.exit_code == 0, told.stderr
    assert "  cells.csv: " in told.stdout
    assert "complete, plan " in told.stdout


def test_a_condition_that_cannot_be_is_told_before_work_starts(folder: Path, invoke) -> None:
    (folder / "tables.py").write_text(WORKFLOW)
    done = invoke("run", "tables.py:cells", "image.tif", "out.ome.zarr", "--where", "aera > 5")
    assert done.exit_code == 2
    assert "no property 'aera'" in done.stderr
    assert not (folder / "out.ome.zarr").exists()
