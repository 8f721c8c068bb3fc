"""The control: with a reach one pixel shorter, on any side of any axis, some image comes out different.

So every reach is tight, and the suite would notice one that is too short. Tiles are one pixel wide along the axis that
is shortened, so that every pixel lies at a seam.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.exactness.case import Case
from tests.exactness.strategies import as_dtype, picture
from tests.exactness.table import CASES
from tilemask.errors import TilemaskError
from tilemask.image import OPERATIONS, Image, from_array
from tilemask.testing import Shorter, first_difference, shorten

SHAPES = {2: ((33, 41), (12, 19)), 3: ((11, 12, 13), (5, 8, 7))}
PICTURES = ("noise", "pits", "peaks", "blobs", "levels", "serpentine", "bright", "dark", "outlier")
ROUNDS = 60


def tight(case: Case) -> bool:
    """Whether one of the case's graphs looks beyond its pixel, with a reach that is claimed to be tight.

    The footprints of an opening and a closing are mirrored in the second step, so what lies off centre cancels out:
    each step is tight (see erosion and dilation), their sum is not. The reach of snakes that are smoothed twice or
    blown up is tight, but few pictures need all of it: those are tested kernel by kernel. The halo of an approximate
    operation is no reach.
    """
    if "smoothing=2" in case.parameters or "balloon" in case.parameters:
        return False
    if case.operation in ("opening", "closing", "white_tophat") and case.parameters in ("lopsided", "ahead"):
        return False
    row = case.dtypes[0]
    dtypes = (row,) if isinstance(row, str) else row
    graph = case.call(*(from_array(np.ones((8,) * case.ndim[0], d)) for d in dtypes))
    if OPERATIONS[case.operation].exactness == "approximate":
        return False
    return isinstance(graph, Image) and any(True for _ in shorten(graph))


@pytest.mark.parametrize(
    ("case", "ndim"),
    [pytest.param(c, n, id=f"{c.id}-{c.dtypes[0]}-{n}d") for c in CASES if tight(c) for n in c.ndim],
)
def test_one_pixel_less_differs(case: Case, ndim: int) -> None:
    unseen: dict[str, bool] = {}
    for seed in range(ROUNDS):
        row = case.dtypes[seed % len(case.dtypes)]
        dtypes = (row,) if isinstance(row, str) else row
        shape = SHAPES[ndim][seed % 7 == 6]
        arrays = [as_dtype(picture(PICTURES[seed % len(PICTURES)], shape, seed + i), d) for i, d in enumerate(dtypes)]
        graph = case.call(*map(from_array, arrays))
        right = graph.compute(tile=shape)
        for number, shorter in enumerate(shorten(graph)):
            name = f"{number}: {shorter}"
            if unseen.get(name, True):
                unseen[name] = not _differs(right, shorter)
        if seed >= 2 * len(case.dtypes) and not any(unseen.values()):
            return
    assert not [name for name, still in unseen.items() if still]


def _differs(right: object, shorter: Shorter) -> bool:
    tile = tuple(1 if axis == shorter.axis else n for axis, n in enumerate(shorter.image.spatial_shape))
    try:
        return first_difference(right, shorter.image.compute(tile=tile)) is not None
    except TilemaskError:  # a kernel that is given less than it needs may also fail outright
        return True
