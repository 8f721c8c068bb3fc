"""Tables as files, written a piece at a time: Parquet, a row group per piece, or CSV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


def write_parquet(path: Path, pieces: Iterable[Columns]) -> None:
    """Write pieces of one table, each with the same columns, as the row groups of a Parquet file."""
    from pyarrow import table
    from pyarrow.parquet import ParquetWriter

    writer = None
    try:
        for columns in pieces:
            rows = table(columns)
            if writer is None:
                writer = ParquetWriter(path, rows.schema)
            writer.write_table(rows, row_group_size=max(1, rows.num_rows))
    finally:
        if writer is not None:
            writer.close()


def write_csv(path: Path, pieces: Iterable[Columns]) -> None:
    """Write pieces of one table as CSV: a line of names, and numbers with the digits that give them back to the bit."""
    with open(path, "w", encoding="ascii", newline="\n") as file:
        for number, columns in enumerate(pieces):
            if number == 0:
                file.write(",".join(columns) + "\n")
            texts = [map(repr, np.asarray(column).tolist()) for column in columns.values()]
            file.writelines(",".join(row) + "\n" for row in zip(*texts, strict=True))
