"""Where the tiles of a mask have background: a box each, so that what looks for it far away need not read the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.image import Place
from tilemask.stitch.bounds import bounds

Record = dict[str, list[int]]
"""``start`` and ``stop`` of the box of the background, in the image."""


def survey_background(mask: NDArray[np.bool_], *, place: Place) -> tuple[int, Record | None]:
    """Note the box of a tile's background; None where it has none."""
    found = bounds(~mask)
    if found is None:
        return 0, None
    box = found.shift(place.core.start)
    return 1, {"start": list(box.start), "stop": list(box.stop)}


def add_tiles(a: int, b: int) -> int:
    """How many tiles have background."""
    return a + b


def finish_background(
    part: int, read_note: Callable[[int], Record | None], grid: Grid
) -> Iterator[tuple[int, Record | None]]:
    """The notes are the records."""
    return ((number, read_note(number)) for number in range(len(grid)))


def has_background(box: Box, records: Any) -> bool:
    """Whether background may lie in a box, by the records of the tiles that it touches."""
    grid: Grid = records.grid
    for index in grid.touching(box):
        record = records[grid.number(index)]
        if record is not None and box.intersect(Box(tuple(record["start"]), tuple(record["stop"]))).size:
            return True
    return False
