"""The control: with a reach one pixel shorter, on any side of any axis, some image comes out different.

So every reach is tight, and the suite would notice one that is too short.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.exactness.case import Case
from tests.exactness.strategies import as_dtype, picture
from tests.exactness.table import CASES
from tilemask.errors import TilemaskError
from tilemask.image import Image, from_array
from tilemask.testing import first_difference, shorten

SHAPES = {2: ((11, 13), (9, 21), (23, 8), (30, 34)), 3: ((4, 7, 6), (7, 4, 9), (8, 12, 11))}
TILES = {2: ((3, 4), (1, 5), (6, 1), (8, 9)), 3: ((2, 3, 3), (1, 2, 5), (4, 6, 5))}
PICTURES = ("noise", "levels", "bright", "dark", "blobs", "outlier", "serpentine")


def has_reach(case: Case) -> bool:
    """Whether one of the case's graphs looks beyond its pixel."""
    row = case.dtypes[0]
    dtypes = (row,) if isinstance(row, str) else row
    graph = case.call(*(from_array(np.ones((8,) * case.ndim[0], d)) for d in dtypes))
    return isinstance(graph, Image) and any(True for _ in shorten(graph))


@pytest.mark.parametrize(
    ("case", "ndim"),
    [pytest.param(c, n, id=f"{c.id}-{c.dtypes[0]}-{n}d") for c in CASES if has_reach(c) for n in c.ndim],
)
def test_one_pixel_less_differs(case: Case, ndim: int) -> None:
    unseen: dict[tuple[int, str], bool] = {}
    for seed, name in enumerate(PICTURES * 3):
        for row in case.dtypes:
            dtypes = (row,) if isinstance(row, str) else row
            shape, tile = SHAPES[ndim][seed % len(SHAPES[ndim])], TILES[ndim][seed % len(TILES[ndim])]
            arrays = [as_dtype(picture(name, shape, seed + i), d) for i, d in enumerate(dtypes)]
            graph = case.call(*map(from_array, arrays))
            shorter = [((n, side), other) for n, (side, other) in enumerate(shorten(graph))]
            todo = [(key, other) for key, other in shorter if unseen.setdefault(key, True)]
            right = graph.compute(tile=shape) if todo else None
            for key, other in todo:
                unseen[key] = not _differs(right, other, tile)
        if not any(unseen.values()):
            return
    assert not [side for (_, side), still in unseen.items() if still]


def _differs(right: object, other: Image, tile: tuple[int, ...]) -> bool:
    try:
        return first_difference(right, other.compute(tile=tile)) is not None
    except TilemaskError:  # a kernel that is given less than it needs may also fail outright
        return True
