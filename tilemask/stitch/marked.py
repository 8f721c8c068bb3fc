"""Keep the components of a mask that hold no marked pixel.

One byte a pixel says both: 0 background, 1 object, 2 a marked pixel of an object. Whether a component is marked
elsewhere is a sum over its pieces, so the survey of seams decides it as it decides areas.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.image import Place
from tilemask.stitch.components import apply_table, begun_by_line, label_components
from tilemask.stitch.faces import cut_face
from tilemask.stitch.parts import seam_part
from tilemask.stitch.totals import apply_totals, totals_note


def survey_marked(codes: NDArray[np.uint8], *, place: Place, connectivity: int, borders: bool) -> tuple[Any, Any]:
    """Send the components on the seams, weighted by whether they are marked.

    Where `borders` is false, what touches the image border is marked too; the kernel does not know where that is, so it
    is told of those components.
    """
    labels = label_components(codes > 0, connectivity)
    marks = codes == 2
    if not borders:
        for face in place.core.border_faces(place.shape):
            cut_face(marks, face)[...] = True
    weights = _marked(labels, marks)
    part, edge = seam_part(labels, begun_by_line(labels), place, connectivity=connectivity, weights=weights)
    return part, totals_note(edge, weights, None if borders else np.flatnonzero(weights))


def keep_unmarked(codes: NDArray[np.uint8], *, record: Any, connectivity: int) -> NDArray[np.bool_]:
    """The pixels of the components that are marked nowhere."""
    labels = label_components(codes > 0, connectivity)
    kept = apply_totals(_marked(labels, codes == 2), record) == 0
    kept[0] = False
    return apply_table(kept, labels)


def _marked(labels: NDArray[Any], marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Per component 1 where it holds a marked pixel, else 0; 0 for the background."""
    marked = np.zeros(int(labels.max()) + 1, np.int64)
    marked[np.take(labels, np.flatnonzero(marks))] = 1
    marked[0] = 0
    return marked
