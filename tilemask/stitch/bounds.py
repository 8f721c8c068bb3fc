"""The box of the true pixels of a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box that holds every true pixel; None without any."""
    start, stop = [], []
    for axis in range(mask.ndim):
        found = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(found):
            return None
        start.append(int(found[0]))
        stop.append(int(found[-1]) + 1)
    return Box(tuple(start), tuple(stop))
