"""Operations that keep, drop or renumber whole labels: what a tile gets back, and what it does with it.

A label may lie in any tiles, so its fate is known when all tiles are. A tile gets back only what concerns its own
labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.components import apply_table, begun_by_line, label_components
from tilemask.stitch.parts import seam_part
from tilemask.stitch.sizes import check_lowest, sizes_of
from tilemask.stitch.totals import apply_totals, totals_note

Note = dict[str, NDArray[np.int64]]


def drop_labels(labels: NDArray[Any], *, record: Any) -> NDArray[Any]:
    """Set the labels of ``record["gone"]`` to 0."""
    if record is None:
        return labels
    return np.where(np.isin(labels, record["gone"].astype(labels.dtype)), labels.dtype.type(0), labels)


def gone_by_tile(
    gone: NDArray[np.int64], read_note: Callable[[int], Any], grid: Grid, name: str
) -> Iterator[tuple[int, Note | None]]:
    """Give each tile those of its own labels, column `name` of its note, that are among `gone` (ascending)."""
    for number in range(len(grid)):
        note = read_note(number)
        here = np.empty(0, np.int64) if note is None else np.intersect1d(note[name], gone)
        yield number, {"gone": here} if len(here) else None


def finish_ranks(
    part: dict[str, Any], read_note: Callable[[int], Note | None], grid: Grid
) -> Iterator[tuple[int, Note | None]]:
    """Give each tile the ranks of its labels by size, the largest 0; of equal sizes the lowest label comes first."""
    check_lowest(part)
    values, sizes = sizes_of(part)
    ranks = np.empty(len(values), np.int64)
    ranks[np.lexsort((values, -sizes))] = np.arange(len(values))
    return _by_tile(values, ranks, read_note, grid)


def keep_first(labels: NDArray[Any], *, record: Any, count: int) -> NDArray[Any]:
    """Keep the labels whose rank is below `count`."""
    check_count(count)
    if record is None:
        return labels
    return drop_labels(labels, record={"gone": record["values"][record["numbers"] >= count]})


def finish_sequence(
    part: dict[str, Any], read_note: Callable[[int], Note | None], grid: Grid
) -> Iterator[tuple[int, Note | None]]:
    """Give each tile the numbers 1…K of its labels, in ascending order of all labels."""
    check_lowest(part)
    values, _ = sizes_of(part)
    return _by_tile(values, np.arange(1, len(values) + 1), read_note, grid)


def renumber(labels: NDArray[Any], *, record: Any) -> NDArray[Any]:
    """Give each label its number."""
    if record is None:
        return labels
    values, numbers = record["values"], record["numbers"].astype(labels.dtype)
    low, high = int(values[0]), int(values[-1])
    if high - low < 4 * labels.size:  # a table; searching takes 5 times longer
        table = np.zeros(high - low + 2, labels.dtype)
        table[values - low + 1] = numbers
        return table[np.maximum(labels.astype(np.int64) - (low - 1), 0)]
    found = numbers[np.minimum(np.searchsorted(values, labels), len(values) - 1)]
    return np.where(labels == 0, labels.dtype.type(0), found)


def _by_tile(
    values: NDArray[np.int64], numbers: NDArray[np.int64], read_note: Callable[[int], Note | None], grid: Grid
) -> Iterator[tuple[int, Note | None]]:
    for number in range(len(grid)):
        note = read_note(number)
        yield number, None if note is None else note | {"numbers": numbers[np.searchsorted(values, note["values"])]}


def survey_touching(pixels: NDArray[Any], *, place: Place, buffer_size: int) -> tuple[Any, Any]:
    """Send the components on the seams, weighted by whether they come near the image border."""
    labels = label_components(pixels, pixels.ndim)
    touches = np.zeros(int(labels.max()) + 1, np.bool_)
    for axis, (start, stop, n) in enumerate(zip(place.core.start, place.core.stop, place.shape, strict=True)):
        lines = np.moveaxis(labels, axis, 0)
        touches[lines[: max(0, buffer_size + 1 - start)]] = True
        touches[lines[max(0, n - buffer_size - 1 - start) : stop - start]] = True
    touches[0] = False
    weights = touches.astype(np.int64)
    values = None if pixels.dtype == np.bool_ else pixels
    part, edge = seam_part(
        labels, begun_by_line(labels), place, connectivity=pixels.ndim, values=values, weights=weights
    )
    return part, totals_note(edge, weights, np.flatnonzero(touches))


def clear_touching(pixels: NDArray[Any], *, record: Any) -> NDArray[Any]:
    """Set to 0 the components that come near the image border."""
    labels = label_components(pixels, pixels.ndim)
    touching = apply_totals(np.zeros(int(labels.max()) + 1, np.int64), record) > 0
    return np.where(apply_table(touching, labels), pixels.dtype.type(0), pixels)


def check_count(count: Any) -> None:
    """Refuse what is no number of objects; a count that is a value is known here first."""
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        raise InputError(f"keep_largest: count is a number of objects, 0 or more; found {count!r}.")
