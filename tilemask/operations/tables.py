"""From merged rows to the columns of a table, a range of labels at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid, whole
from tilemask.image import Place
from tilemask.operations.asked import Asked
from tilemask.operations.object_sums import Objects
from tilemask.operations.properties import PROPERTIES
from tilemask.stitch.columns import Rows
from tilemask.stitch.measures import survey_measures
from tilemask.stitch.merging import merge_notes, objects_by_range

Columns = dict[str, NDArray[Any]]

_SAMPLES = {"edges": np.uint8, "quads": np.uint8, "euler": np.int16}


def finish_table(
    part: dict[str, Any], read_note: Callable[[int], Rows | None], grid: Grid, *, asked: dict[str, Any]
) -> Iterator[Columns]:
    """The pieces of a table: columns of objects in ascending order of labels; one without rows where there is none.

    Raises
    ------
    InputError
        Where a label is negative.
    """
    wanted, empty = Asked(**asked), True
    for rows in objects_by_range(part, read_note, **wanted.merged):
        empty = False
        yield columns_of(rows, wanted)
    if empty:
        yield no_rows(wanted)


def no_rows(asked: Asked) -> Columns:
    """The columns of a table without rows."""
    sample = merge_notes(lambda: iter([_sample(asked)]), **asked.merged)
    assert sample is not None
    return {name: column[:0] for name, column in columns_of(sample, asked).items()}


def columns_of(rows: Rows, asked: Asked) -> Columns:
    """The columns of merged rows, named as scikit-image does."""
    objects = Objects(rows, asked.orders, asked.weighted, np.array(asked.spacing))
    columns: Columns = {}
    for name in asked.names:
        wanted = PROPERTIES[name]
        found = np.asarray(wanted.formula(objects))
        if asked.channels is None and wanted.needs.startswith(("image", "weighted")):
            found = found[..., 0]
        found = found.astype(np.int64 if found.dtype.kind in "iu" else np.float64, copy=False)
        for place in np.ndindex(found.shape[1:]):
            columns["-".join((name, *map(str, place)))] = np.ascontiguousarray(found[(slice(None), *place)])
    return columns


def _sample(asked: Asked) -> Rows:
    """The rows of an object of one pixel, for the names and types of columns."""
    shape = (1,) * len(asked.spacing)
    pixels = np.ones(shape + (() if asked.channels is None else (asked.channels,)), asked.dtype)
    others = [pixels if name == "image" else np.ones(shape, _SAMPLES[name]) for name in asked.inputs]
    place = Place(0, whole(shape), shape, shape)
    rows = survey_measures(np.ones(shape, np.int64), *others, place=place, **asked.collected)[1]
    assert rows is not None
    return rows


def gather_table(pieces: Iterable[Columns]) -> Any:
    """The whole table as a pandas.DataFrame."""
    import pandas

    listed = list(pieces)
    return pandas.DataFrame({name: np.concatenate([p[name] for p in listed]) for name in listed[0]})
