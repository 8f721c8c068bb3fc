"""The watershed with lines as scikit-image's code has it, with every copy that it pushes. For a few pixels only."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.operations.flood_by_hand import neighbours

COPIES = 20_000
"""What is given up at: copies multiply along a line that climbs."""


def lines_by_hand(
    elevation: NDArray[Any], markers: NDArray[Any], mask: NDArray[np.bool_], connectivity: int = 1
) -> NDArray[Any] | None:
    """Flood in pure Python, seeds that lie equally high in raster order; None where copies multiply."""
    labels, height, free = markers * mask, elevation.astype(np.float64), mask.copy()
    seeds = [tuple(map(int, pixel)) for pixel in np.argwhere(labels)]
    queue = [(height[pixel], 0, number, pixel, pixel) for number, pixel in enumerate(seeds)]
    heapq.heapify(queue)
    age = 0
    while queue:
        level, _, _, pixel, source = heapq.heappop(queue)
        if labels[pixel] and pixel != source:
            continue
        around = list(neighbours(pixel, elevation.shape, connectivity))
        if free[pixel] and any(free[other] and labels[other] not in (0, labels[source]) for other in around):
            free[pixel] = False
        if free[pixel]:
            labels[pixel] = labels[source]
        for other in around:
            if free[other] and not labels[other]:
                age += 1
                heapq.heappush(queue, (max(level, height[other]), age, 0, other, source))
        if age > COPIES:
            return None
    return labels
