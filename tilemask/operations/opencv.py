"""How OpenCV is called: planes of integers only.

OpenCV's integer kernels give the same pixel wherever a tile begins; its float kernels do not (vector body and scalar
tail round differently), so floats never come here. The exactness suite repeats the proof on random crops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]


def on_channels(filter_plane: Callable[[Plane], Plane], plane: Plane) -> Plane:
    """Apply a filter that treats channels alike to a plane, (row, column) or (row, column, channel).

    OpenCV drops a channel axis of length 1, and some of its filters take at most four channels.
    """
    if plane.ndim == 2 or 2 <= plane.shape[2] <= 4:
        return filter_plane(plane)
    return np.stack([filter_plane(np.ascontiguousarray(plane[..., c])) for c in range(plane.shape[2])], axis=-1)
