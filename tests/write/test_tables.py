"""Tables as files: pieces, types, and digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pytest

from tilemask.errors import InputError
from tilemask.write.formats import FORMATS, format_of, is_file_name
from tilemask.write.tables import write_csv, write_parquet

PIECES = [
    {"label": np.array([1, 2]), "centroid-0": np.array([0.1 + 0.2, np.nan])},
    {"label": np.array([2**60]), "centroid-0": np.array([5e-324])},
]
TOGETHER = pandas.DataFrame({n: np.concatenate([p[n] for p in PIECES]) for n in PIECES[0]})


def test_parquet_has_a_row_group_per_piece(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", iter(PIECES))
    assert pyarrow.parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups == 2
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "a.parquet"), TOGETHER, check_exact=True)


def test_csv_gives_numbers_back_to_the_bit(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", iter(PIECES))
    text = (tmp_path / "a.csv").read_text()
    assert text == "label,centroid-0\n1,0.30000000000000004\n2,nan\n1152921504606846976,5e-324\n"
    pandas.testing.assert_frame_equal(
        pandas.read_csv(tmp_path / "a.csv", float_precision="round_trip"), TOGETHER, check_exact=True
    )


@pytest.mark.parametrize(("write", "read"), [(write_parquet, pandas.read_parquet), (write_csv, pandas.read_csv)])
def test_no_rows(write: object, read: object, tmp_path: Path) -> None:
    empty = {n: column[:0] for n, column in PIECES[0].items()}
    write(tmp_path / "a", iter([empty]))  # type: ignore[operator]
    assert list(read(tmp_path / "a")) == ["label", "centroid-0"]  # type: ignore[operator]


def test_names_and_formats() -> None:
    assert format_of("cells", "table")[0] == "cells.parquet"
    assert format_of("run_1.5", "table")[0] == "run_1.5.parquet"
    assert is_file_name("cells.csv")
    assert not is_file_name("cells.ome.zarr")
    with pytest.raises(InputError, match=r"saved as \.parquet or \.csv"):
        format_of("cells.txt", "table")


def test_every_writer_can_be_imported() -> None:
    for kinds in FORMATS.values():
        for chosen in kinds.values():
            module, _, name = chosen.writer.partition(":")
            assert hasattr(__import__(module, fromlist=[name]), name)
