"""The resolution levels of an output: shapes and factors, integers only."""

from __future__ import annotations

from collections.abc import Sequence

LevelShape = tuple[tuple[int, ...], tuple[int, ...]]
"""Spatial shape of a level, and pixels of level 0 per pixel of it."""

SMALLEST = 1024
"""A pyramid ends at the first level whose rows and columns fit on a screen."""


def level_shapes(
    shape: Sequence[int], pixel_size: Sequence[float] | None = None, *, full: bool = True
) -> list[LevelShape]:
    """The levels of a new output, each half of the one before.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of level 0.
    pixel_size : sequence of float, optional
        Extent of a pixel; all axes alike by default.
    full : bool, optional
        Whether to make more than level 0.

    Returns
    -------
    list of (shape, factor)
        ``shape[k + 1] == ceil(shape[k] / 2)``. Rows and columns are halved at every level; planes only once their pixel
        is no longer than that of a row or column, so that voxels become cubes first. An axis of 1 pixel is left alone.
    """
    size = tuple(map(float, pixel_size)) if pixel_size is not None else (1.0,) * len(shape)
    levels: list[LevelShape] = [(tuple(shape), (1,) * len(shape))]
    while full and max(levels[-1][0][-2:]) > SMALLEST:
        below, factor = levels[-1]
        halved = _halved(below, [f * s for f, s in zip(factor, size, strict=True)])
        levels.append(
            (
                tuple(-(-n // h) for n, h in zip(below, halved, strict=True)),
                tuple(f * h for f, h in zip(factor, halved, strict=True)),
            )
        )
    return levels


def _halved(shape: Sequence[int], size: Sequence[float]) -> list[int]:
    """2 for every axis that the next level halves, else 1."""
    coarsest = max(size[-2:])
    planes = [s <= coarsest for s in size[:-2]]
    return [2 if n > 1 and halve else 1 for n, halve in zip(shape, [*planes, True, True], strict=True)]
