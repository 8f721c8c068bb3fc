"""Masks that are hard to stitch: long snakes, combs, checkerboards, and plain noise at the percolation threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid


def serpentine(height: int, width: int) -> NDArray[np.bool_]:
    """One object that visits every row in turn."""
    mask = np.zeros((height, width), np.bool_)
    mask[::2] = True
    mask[1::4, -1:] = True
    mask[3::4, :1] = True
    return mask


def spiral(height: int, width: int) -> NDArray[np.bool_]:
    """One object, and one background, that both wind inwards."""
    mask = np.zeros((height, width), np.bool_)
    at, step, turns = (0, 0), (0, 1), 0
    mask[at] = True
    while turns < 2:
        near = (at[0] + step[0], at[1] + step[1])
        far = (near[0] + step[0], near[1] + step[1])
        if not _inside(near, mask) or mask[near] or (_inside(far, mask) and mask[far]):
            step, turns = (step[1], -step[0]), turns + 1
        else:
            at, turns = near, 0
            mask[at] = True
    return mask


def _inside(at: tuple[int, int], mask: NDArray[np.bool_]) -> bool:
    return 0 <= at[0] < mask.shape[0] and 0 <= at[1] < mask.shape[1]


def comb(height: int, width: int) -> NDArray[np.bool_]:
    """Teeth that only the last row joins: the root number of each tooth is known at the very end."""
    mask = np.zeros((height, width), np.bool_)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


def checkerboard(*shape: int) -> NDArray[np.bool_]:
    """Joined by corners alone."""
    return np.asarray(np.indices(shape).sum(axis=0) % 2 == 0)


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(rng.random(shape) < rng.uniform(0.1, 0.9))


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "int16") -> NDArray[Any]:
    """Few values, so that equal ones touch and unequal ones do too; negative where the type has them."""
    low = -1 if np.dtype(dtype).kind == "i" else 0
    return rng.integers(low, 3, shape).astype(dtype)


def masks(rng: np.random.Generator, ndim: int) -> dict[str, NDArray[np.bool_]]:
    """Every picture at a random size, by name."""
    shape = tuple(int(n) for n in rng.integers(1, 40 if ndim == 2 else 14, ndim))
    found = {
        "noise": noise(rng, shape),
        "checkerboard": checkerboard(*shape),
        "full": np.ones(shape, np.bool_),
        "empty": np.zeros(shape, np.bool_),
    }
    for draw in (serpentine, spiral, comb):
        plane = draw(shape[-2], shape[-1])
        found[draw.__name__] = plane if ndim == 2 else np.broadcast_to(plane, shape).copy()
        found[f"not {draw.__name__}"] = ~found[draw.__name__]
    if ndim == 3:
        found["stairs"] = np.stack([np.roll(comb(*shape[1:]), n, axis=1) for n in range(shape[0])])
    return found


def random_tile(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """From one pixel to the whole image along each axis, in at most 150 tiles."""
    while True:
        tile = tuple(int(rng.integers(1, n + 1)) if rng.random() < 0.7 else int(rng.integers(1, 3)) for n in shape)
        if len(Grid(shape, tile)) <= 150:
            return tile
