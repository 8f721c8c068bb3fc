"""The watershed as it is told: a queue ordered by elevation, age and raster index. Slow, and sure of the order."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixel = tuple[int, ...]


def flood_by_hand(
    elevation: NDArray[Any], markers: NDArray[Any], mask: NDArray[np.bool_], connectivity: int = 1
) -> NDArray[Any]:
    """Flood in pure Python; neighbours at the same distance are visited in raster order, nearer ones first."""
    labels, height = markers * mask, elevation.astype(np.float64)
    seeds = [tuple(map(int, pixel)) for pixel in np.argwhere(labels)]
    queue = [(height[pixel], 0, number, pixel) for number, pixel in enumerate(seeds)]
    heapq.heapify(queue)
    age = 0
    while queue:
        level, _, _, pixel = heapq.heappop(queue)
        for other in neighbours(pixel, elevation.shape, connectivity):
            if mask[other] and not labels[other]:
                age += 1
                labels[other] = labels[pixel]
                heapq.heappush(queue, (max(level, height[other]), age, 0, other))
    return labels


def neighbours(pixel: Pixel, shape: tuple[int, ...], connectivity: int) -> Iterator[Pixel]:
    """The pixels around one: the nearer first, then in raster order."""
    hops = [h for h in itertools.product((-1, 0, 1), repeat=len(shape)) if 0 < sum(map(abs, h)) <= connectivity]
    for hop in sorted(hops, key=lambda hop: sum(map(abs, hop))):
        other = tuple(p + h for p, h in zip(pixel, hop, strict=True))
        if all(0 <= p < n for p, n in zip(other, shape, strict=True)):
            yield other
