"""The component of a mask that holds one pixel: a survey of components, and one bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.image import Place
from tilemask.stitch.components import apply_table, begun_by_line, label_components
from tilemask.stitch.parts import seam_part
from tilemask.stitch.totals import apply_totals, totals_note


def survey_flooded(
    mask: NDArray[np.bool_], *, place: Place, point: Sequence[int], connectivity: int
) -> tuple[Any, Any]:
    """Send the components on the seams, weighted by whether they hold the point."""
    labels = label_components(mask, connectivity)
    holds = np.zeros(int(labels.max()) + 1, np.int64)
    core = place.core
    if all(a <= p < b for a, p, b in zip(core.start, point, core.stop, strict=True)):
        holds[labels[tuple(p - a for p, a in zip(point, core.start, strict=True))]] = 1
        holds[0] = 0  # the point may lie outside a region of interest, where nothing is flooded
    part, edge = seam_part(labels, begun_by_line(labels), place, connectivity=connectivity, weights=holds)
    return part, totals_note(edge, holds, known=np.flatnonzero(holds))


def keep_flooded(mask: NDArray[np.bool_], *, record: Any, connectivity: int) -> NDArray[np.bool_]:
    """Keep the component that holds the point."""
    if record is None:
        return np.zeros(mask.shape, np.bool_)
    labels = label_components(mask, connectivity)
    flooded = apply_totals(np.zeros(int(labels.max()) + 1, np.int64), record) > 0
    return apply_table(flooded, labels)
