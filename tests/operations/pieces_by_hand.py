"""How small pieces join a neighbour, one pixel after the other: the definition that the tiled one must equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def joined_by_hand(clusters: NDArray[Any], min_size: int, max_size: int) -> NDArray[np.int64]:
    """As scikit-image's step, but that a small piece without an earlier neighbour has a number of its own."""
    number = np.zeros(clusters.shape, np.int64)
    following = 1
    for first in np.ndindex(clusters.shape):
        if not clusters[first] or number[first]:
            continue
        pixels, adjacent = _flood(clusters, number, first, max_size)
        if len(pixels) >= min_size or (adjacent is None and any(first)):
            adjacent, following = following, following + 1
        for pixel in pixels:
            number[pixel] = following if adjacent is None else adjacent
    return number


def _flood(
    clusters: NDArray[Any], number: NDArray[np.int64], first: tuple[int, ...], max_size: int
) -> tuple[list[tuple[int, ...]], Any]:
    """The pixels of a piece, and the number of the last neighbour that had one."""
    pixels, adjacent, at = [first], None, 0
    while at < len(pixels) < max_size:
        for axis in reversed(range(clusters.ndim)):
            for sign in (1, -1):
                place = list(pixels[at])
                place[axis] += sign
                near = tuple(place)
                if not 0 <= place[axis] < clusters.shape[axis] or near in pixels:
                    continue
                if number[near]:
                    adjacent = number[near]
                elif clusters[near] == clusters[first] and len(pixels) < max_size:
                    pixels.append(near)
        at += 1
    return pixels, adjacent
