"""Pictures of objects, and tables of them to compare."""

from __future__ import annotations

import numpy as np
import pandas
from skimage import measure

from tests.exactness.strategies import picture
from tilemask.operations.properties import PROPERTIES

RNG = np.random.default_rng(3)
LABELS = measure.label(picture("blobs", (40, 52), 1) > 0.5)
GREY = RNG.integers(0, 60_000, (40, 52)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (40, 52, 3)).astype(np.uint8)


def names(ndim: int = 2) -> tuple[str, ...]:
    return tuple(n for n, p in PROPERTIES.items() if ndim in p.ndim)


def same(a: pandas.DataFrame, b: pandas.DataFrame) -> bool:
    """Equal to the bit, NaN too."""
    return list(a) == list(b) and all(a[n].to_numpy().tobytes() == b[n].to_numpy().tobytes() for n in a)
