"""What a region of interest leaves to do: which boxes of an image are known to be 0 before a pixel is read.

An image that is cut to a region is 0 wherever the region holds nothing; so is what is only cut out of, or made smaller
from, such pixels. Everything else is unknown and is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Image, Step
from tilemask.image.region import same
from tilemask.planning.levels import PlannedLevel
from tilemask.planning.passes import Pass

Ends = Sequence[NDArray[np.int64]]
"""Per axis, ends of the intervals that make a grid of boxes."""


def is_blank(image: Image, box: Box) -> bool:
    """Whether every pixel of a box is known to be 0."""
    if not _is_cut(image):
        return False
    ends = [[np.array([e]) for e in corner] for corner in (box.start, box.stop)]
    return not _may_hold(image, *ends).any()


def tiles_left(current: Pass) -> int:
    """How many tiles of a pass the regions of its images leave to do."""
    grid = current.grid
    start = [np.arange(n) * t for n, t in zip(grid.counts, grid.tile, strict=True)]
    stop = [np.minimum(a + t, n) for a, t, n in zip(start, grid.tile, grid.shape, strict=True)]
    left = np.zeros(grid.counts, np.bool_)
    for image in current.evaluated:
        left |= _may_hold(image, start, stop)
    return int(left.sum())


def _is_cut(image: Image) -> bool:
    """Whether there is anything to know; the answer for most images, and asked of every image of every tile."""
    step: Any = image.step
    if isinstance(step, Step) and step.within is None:
        return _keeps_zeros(step) and _is_cut(step.images[0])
    return getattr(step, "within", None) is not None


def _may_hold(image: Image, start: Ends, stop: Ends) -> NDArray[np.bool_]:
    """Per box of a grid, whether the image may have a pixel there that is not 0."""
    step: Any = image.step
    if not _is_cut(image):
        return np.ones([len(a) for a in start], np.bool_)
    if isinstance(step, PlannedLevel):
        assert step.within is not None
        scaled = [zip(side, step.factor, step.within.shape, strict=True) for side in (start, stop)]
        return step.within.holds_some(*([np.minimum(e * f, n) for e, f, n in side] for side in scaled))
    if step.within is not None:
        return np.asarray(step.within.holds_some(start, stop))
    low = [a * s + o for a, s, o in zip(start, step.scale, step.offset, strict=True)]
    high = [b * s + o for b, s, o in zip(stop, step.scale, step.offset, strict=True)]
    (source,) = step.images
    return _may_hold(source, low, [np.minimum(b, n) for b, n in zip(high, source.spatial_shape, strict=True)])


def _keeps_zeros(step: Step) -> bool:
    """Whether the step gives 0 where all that it reads is 0."""
    from tilemask.operations.downsampling import first_of_blocks, mean_of_blocks  # here, so that plans load no kernels

    return step.function is same or step.function in (first_of_blocks, mean_of_blocks)
